"""Where transformers hands over q, k and v: one attention function and one mask function under the same registered name.

The function records the call, then lets SDPA do the work; soft-cap and sinks, which SDPA cannot do, are computed here in blocks of rows.
"""

from typing import Any

import torch
from torch import Tensor, nn

from attnlab.models.recorder import Call, record

NAME = "attnlab"
ROWS = 512  # rows of scores at a time where SDPA cannot help: 12 heads x 512 x 8192 is 192 MiB


def register() -> None:
    """Make `attn_implementation="attnlab"` known. Without the mask half, padding would be silently ignored."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    position_bias: Tensor | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **rest: Any,
) -> tuple[Tensor, None]:
    """transformers' attention interface. query: [b h q d], key and value: [b h_kv k d] -> [b q h d]"""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    causal = bool(getattr(module, "is_causal", True) if is_causal is None else is_causal)
    causal = causal and attention_mask is None and query.shape[2] > 1
    mask, bias = attention_mask, position_bias
    if mask is not None and mask.dtype != torch.bool:  # a model that made its own additive mask
        mask, bias = None, attention_mask if bias is None else attention_mask + bias  # type: ignore[operator]
    call = Call(query, key, value, float(scale), mask, bias, causal, soft_cap=softcap, sinks=s_aux, where={"module": module})
    changed = record(call)
    if changed is not None:
        return changed.transpose(1, 2).contiguous(), None
    if softcap is not None or s_aux is not None:
        return in_blocks(query, key, value, scale, mask, bias, causal, softcap, s_aux), None
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    how: dict[str, Any] = {"dropout": dropout, "scaling": scaling, "is_causal": is_causal, "position_bias": position_bias, **rest}
    return sdpa_attention_forward(module, query, key, value, attention_mask, **how)


def in_blocks(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    scale: float,
    mask: Tensor | None,
    bias: Tensor | None,
    causal: bool,
    soft_cap: float | None,
    sinks: Tensor | None,
) -> Tensor:
    """softmax with soft-cap and sinks, a block of rows at a time. [b h q d] -> [b q h d]"""
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)  # [b h k d]
    done = []
    for start in range(0, q.shape[2], ROWS):
        rows = slice(start, min(start + ROWS, q.shape[2]))
        scores = q[:, :, rows] @ k.transpose(2, 3) * scale  # [b h r k]
        if soft_cap is not None:
            scores = soft_cap * torch.tanh(scores / soft_cap)
        if bias is not None:
            scores = scores + (bias[:, :, rows] if bias.shape[2] > 1 else bias)
        seen = mask if mask is None or mask.shape[2] == 1 else mask[:, :, rows]
        if causal:
            seen = torch.ones(rows.stop - start, k.shape[2], dtype=torch.bool, device=q.device).tril(start)
        if seen is not None:
            scores = scores.masked_fill(~seen, torch.finfo(scores.dtype).min)
        if sinks is not None:
            scores = torch.cat((scores, sinks.reshape(1, -1, 1, 1).expand(*scores.shape[:3], 1)), -1)
        done.append(scores.softmax(-1)[..., : k.shape[2]] @ v)  # [b h r d]
    return torch.cat(done, 2).transpose(1, 2).contiguous()
