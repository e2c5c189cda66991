"""One sentence's share of a recorded batch of the in-house Transformer, without its padding."""

from torch import Tensor

from attnlab.core.trace import Array, Attention, Stack, Tokens
from attnlab.models.recorder import Call, Recorder


def sublayer(call: Call, row: int, queries: Tokens, keys: Tokens, biases: dict[int, Array]) -> Attention:
    """What one sentence of a batch did in one attention sublayer; cut to its length, so that no mask is left but the causal one."""
    n_q, n_k = len(queries), len(keys)
    if call.bias is not None and id(call.bias) not in biases:
        biases[id(call.bias)] = call.bias[0].float().numpy()  # [h q k], the same for every layer and sentence
    stack: Stack = call.where["stack"]
    return Attention(
        stack,
        call.where["layer"],
        queries,
        keys,
        one(call.q.transpose(1, 2), row, n_q).swapaxes(0, 1),
        one(call.k.transpose(1, 2), row, n_k).swapaxes(0, 1),
        one(call.v.transpose(1, 2), row, n_k).swapaxes(0, 1),
        scale=call.scale,
        bias=None if call.bias is None else biases[id(call.bias)][:, :n_q, :n_k],
        causal=call.causal,
    )


def streams(recorder: Recorder, row: int, lengths: dict[str, int]) -> dict[str, tuple[Array, ...]]:
    """The residual streams of one sentence of a batch, without padding."""
    return {stack: tuple(one(x, row, lengths[stack]) for x in layers) for stack, layers in recorder.residual.items()}


def one(batch: Tensor, row: int, n: int) -> Array:
    """One sentence of a batch without its padding; a kept trace must not hold its whole batch. [b n ..] -> [n ..]"""
    part = batch[row, :n].float().numpy()
    return part.copy() if batch.shape[0] > 1 else part
