"""Where transformers hands over q, k and v: one attention function and one mask function under the same registered name.

The function records the call (attnlab.core.record), then lets SDPA do the work; soft-cap and sinks, which SDPA cannot do, are
computed here in blocks of rows. Afterwards `sublayer` makes one sentence's Attention out of a batch's Call.
"""

from collections.abc import Hashable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnlab.core.trace import Array, Attention, Later, Stack, Tokens
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
            seen = torch.ones(rows.stop - start, k.shape[2], dtype=torch.bool).tril(start)
        if seen is not None:
            scores = scores.masked_fill(~seen, torch.finfo(scores.dtype).min)
        if sinks is not None:
            scores = torch.cat((scores, sinks.reshape(1, -1, 1, 1).expand(*scores.shape[:3], 1)), -1)
        done.append(scores.softmax(-1)[..., : k.shape[2]] @ v)  # [b h r d]
    return torch.cat(done, 2).transpose(1, 2).contiguous()


class Shared:
    """Masks and biases of one forward pass: the tensor that every layer is given becomes one array that every layer shares."""

    def __init__(self) -> None:
        self.made: dict[Hashable, Any] = {}

    def added(self, call: Call, row: int, n_q: int, n_k: int) -> tuple[Array | None, bool, int | None]:
        """What one sentence of the batch adds to its scores: bias, causal, window. Flags instead of an n x n array where they do."""
        key = (id(call.mask), id(call.bias), call.causal, row, n_q, n_k)
        if key not in self.made:
            self.made[key] = self._added(call, row, n_q, n_k)
        return self.made[key]

    def _added(self, call: Call, row: int, n_q: int, n_k: int) -> tuple[Array | None, bool, int | None]:
        bias = None if call.bias is None else one(call.bias, row, n_q, n_k)  # [h|1 q|1 k]
        if bias is not None:
            bias = np.where(bias <= np.finfo(np.float32).min / 2, np.float32("-inf"), bias) if bias.any() else None
        if call.mask is None:
            return bias, call.causal, None
        seen = one(call.mask, row, n_q, n_k)  # [1|h q|1 k]
        known = pattern(seen)
        if known is not None:
            return bias, *known
        hidden = np.where(seen, np.float32(0), np.float32("-inf"))
        return hidden if bias is None else bias + hidden, False, None


def one(batch: Tensor, row: int, n_q: int, n_k: int) -> NDArray[Any]:
    """One sentence of a broadcast batch without its padding. [b|1 h|1 q|1 k] -> [h|1 q|1 k]"""
    return batch[row if batch.shape[0] > 1 else 0, :, :n_q, :n_k].numpy()


def pattern(seen: NDArray[np.bool_]) -> tuple[bool, int | None] | None:
    """(causal, window) of a visibility mask that is nothing else, None for any other mask. [1|h q|1 k]"""
    if seen.all():
        return False, None
    if seen.shape[0] > 1 or seen.shape[1] != seen.shape[2]:
        return None
    seen = seen[0]  # [n n]
    n = seen.shape[0]
    back = int(seen[-1].sum())  # how many keys the last query sees, itself included
    causal = not seen[0, 1:].any()
    for first in range(0, n, ROWS):  # rows at a time: an n x n array of differences would be eight times the mask
        gap = np.arange(first, min(first + ROWS, n))[:, None] - np.arange(n)
        expected = (gap < back) & (gap >= 0 if causal else gap > -back)
        if not np.array_equal(seen[first : first + ROWS], expected):
            return None
    return causal, back if back < n else None


def sublayer(
    call: Call, stack: Stack, layer: int, row: int, queries: Tokens, keys: Tokens, shared: Shared, values: Later | None = None
) -> Attention:
    """What one sentence of a batch did in one attention sublayer, padding cut off. values: where v comes from if the call has none."""
    bias, causal, window = shared.added(call, row, len(queries), len(keys))
    alone = call.q.shape[0] == 1

    def cut(x: Tensor, n: int) -> Array:
        part = x[row, :, :n].float().numpy()
        return part if alone else part.copy()  # a kept trace must not hold its whole batch

    return Attention(
        stack,
        layer,
        queries,
        keys,
        cut(call.q, len(queries)),
        cut(call.k, len(keys)),
        cut(call.v, len(keys)) if values is None else lambda: values[stack][layer],
        scale=call.scale,
        bias=bias,
        causal=causal,
        window=window,
        soft_cap=call.soft_cap,
        sinks=None if call.sinks is None else call.sinks.float().numpy(),
    )
