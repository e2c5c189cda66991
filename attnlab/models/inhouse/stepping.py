"""One token at a time, as fast as small layers allow: the decoder of `transformer.py` once more, prepared for a single row in NumPy.

With one row every product is a matrix times a vector, and most of the time of the plain way goes into its calls: nothing is recorded
here, q, k and v are one product, keys and values lie where they are needed. A test holds both ways to the same numbers.
"""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attnlab.core.trace import Array, frozen
from attnlab.models.inhouse.decoding import Ids
from attnlab.models.inhouse.transformer import Cache, Config, Transformer, rotate


class Rows:
    """Keys and values of a text with room for the whole window, k and v: [l h n d]. Texts that begin alike share one of these."""

    def __init__(self, config: Config) -> None:
        shape = (config.decoder_layers, config.n_heads, config.max_tokens, config.d_head)
        self.k, self.v = np.empty(shape, np.float32), np.empty(shape, np.float32)
        self.filled, self.lock = 0, threading.Lock()

    def copy(self, n: int, config: Config) -> "Rows":
        """Other rows with the same first n."""
        rows = Rows(config)
        rows.k[:, :, :n], rows.v[:, :, :n], rows.filled = self.k[:, :, :n], self.v[:, :, :n], n
        return rows


@dataclass(frozen=True)
class Past:
    """What a text of n tokens left behind: the first n of some rows. A longer text may lie in the same ones."""

    rows: Rows
    n: int


@dataclass(frozen=True)
class Prepared:
    """One layer's weights, q, k and v as one matrix. Each is [out in], each b [out]."""

    norms: tuple[Callable[[Array], Array], ...]
    qkv: Array
    b_qkv: Array
    o: Array
    b_o: Array
    widen: Array
    b_widen: Array
    narrow: Array
    b_narrow: Array


class Stepper:
    """A decoder that reads a text and then one token after the other. Nothing on it changes, so threads may share it."""

    def __init__(self, module: Transformer, start: Ids = ()) -> None:
        """start: what every text begins with."""
        self.module, self.config, self.start = module, module.config, start
        self.limit, d_head = module.config.max_tokens, module.config.d_head
        self.layers = [prepared(layer) for layer in module.decoder]
        self.table, self.out, self.b_out = (w.detach().numpy() for w in (module.target.token.weight, module.out.weight, module.out.bias))
        self.first, self.last = normed(module.target.norm), normed(module.decoder_norm)
        where = module.target.positions(0, self.limit)
        self.where = None if where is None else where.detach().numpy()  # [n d]
        turned = rotate(torch.tensor([1.0, 0.0]).repeat(d_head // 2).expand(1, 1, self.limit, d_head))[0, 0]
        self.turns = turned.numpy().view(np.complex64) if module.config.positions == "rotary" else None  # [n d/2]
        self.segment = None if module.target.segment is None else module.target.segment.weight[0].detach().numpy()

    def read(self, ids: Sequence[int], past: Past | None = None) -> tuple[Tensor, Past]:
        """Logits of what follows the last of some tokens [v], and what the text with them leaves behind."""
        if past is not None and len(ids) == 1:
            return self.step(ids[0], past)
        caches = [(Cache(), Cache()) for _ in self.module.decoder]
        x = self.module.decode(torch.tensor([ids]), caches=caches)  # [1 n d]
        rows = Rows(self.config)
        for layer, (own, _) in enumerate(caches):
            for kept, made in ((rows.k, own.k), (rows.v, own.v)):
                kept[layer, :, : len(ids)] = made[0].numpy()  # type: ignore[index]
        rows.filled = len(ids)
        return self.module.out(x[0, -1]).float(), Past(rows, len(ids))

    def keys(self, past: Past) -> list[Array]:
        """The keys that are kept, layer by layer. Each [h n d]"""
        return [frozen(past.rows.k[i, :, : past.n].copy()) for i in range(len(self.layers))]

    def step(self, token: int, past: Past) -> tuple[Tensor, Past]:
        """The same for a single token after a past. Where another text has gone on from there already, the rows are copied first."""
        with past.rows.lock:
            rows = past.rows if past.rows.filled == past.n else past.rows.copy(past.n, self.config)
            rows.filled = past.n + 1
        return torch.from_numpy(self.logits(token, rows, past.n)), Past(rows, past.n + 1)

    def logits(self, token: int, rows: Rows, n: int) -> Array:
        """What comes after a token that is the n-th. Its keys and values are written into the rows. [v]"""
        x = self.embedded(token, n)
        bias = self.module.decoder_bias(1, n + 1)  # [1 h 1 k]
        added = None if bias is None else bias[0, :, 0].detach().numpy()  # [h k]
        for i, layer in enumerate(self.layers):
            if self.config.norm == "pre":
                x = x + self.attention(layer, layer.norms[0](x), rows.k[i], rows.v[i], n, added)
                x = x + self.feed_forward(layer, layer.norms[1](x))
            else:
                x = layer.norms[0](x + self.attention(layer, x, rows.k[i], rows.v[i], n, added))
                x = layer.norms[1](x + self.feed_forward(layer, x))
        return np.asarray(self.out @ self.last(x) + self.b_out)

    def embedded(self, token: int, n: int) -> Array:
        """The vector of a token at a place. [d_model]"""
        x = self.table[token] * np.float32(self.module.target.scale)
        for more in (None if self.where is None else self.where[n], self.segment):
            x = x if more is None else x + more
        return self.first(x)

    def attention(self, layer: Prepared, x: Array, k: Array, v: Array, n: int, bias: Array | None) -> Array:
        """The newest token looks at all n before it and at itself. x: [d_model]; k, v: [h n d]; bias: [h k] -> [d_model]"""
        h, d = self.config.n_heads, self.config.d_head
        qkv = layer.qkv @ x + layer.b_qkv
        both = qkv[: 2 * h * d]
        if self.turns is not None:
            both = (both.view(np.complex64).reshape(2 * h, d // 2) * self.turns[n]).view(np.float32)
        q, k[:, n] = both.reshape(2, h, d)
        v[:, n] = qkv[2 * h * d :].reshape(h, d)
        scores = np.matmul(k[:, : n + 1], q[:, :, None])[:, :, 0] * np.float32(d**-0.5)  # [h k]
        if bias is not None:
            scores = scores + bias
        weights = np.exp(scores - np.maximum.reduce(scores, 1, keepdims=True))
        weights /= np.add.reduce(weights, 1, keepdims=True)
        z = np.matmul(weights[:, None], v[:, : n + 1]).reshape(h * d)
        return np.asarray(layer.o @ z + layer.b_o)

    def feed_forward(self, layer: Prepared, x: Array) -> Array:
        """[d_model] -> [d_model]"""
        wide = layer.widen @ x + layer.b_widen
        wide = np.maximum(wide, 0) if self.config.activation == "relu" else nn.functional.gelu(torch.from_numpy(wide)).numpy()
        return np.asarray(layer.narrow @ wide + layer.b_narrow)


def prepared(layer: Any) -> Prepared:
    """The weights of a `transformer.Layer` as arrays; all but q, k and v are the module's own memory."""
    own, widen, narrow = layer.attention, layer.feed_forward[0], layer.feed_forward[3]
    three = (own.w_q, own.w_k, own.w_v)
    joined = torch.cat([w.weight for w in three]), torch.cat([w.bias for w in three])
    rest = (own.w_o.weight, own.w_o.bias, widen.weight, widen.bias, narrow.weight, narrow.bias)
    return Prepared(tuple(map(normed, layer.norms)), *(w.detach().numpy() for w in (*joined, *rest)))


def normed(norm: Any) -> Callable[[Array], Array]:
    """A layer norm for one vector, or what stands in its place and does nothing. [d] -> [d]"""
    if not isinstance(norm, nn.LayerNorm):
        return lambda x: x
    gain, shift = norm.weight.detach().numpy(), norm.bias.detach().numpy()
    share, eps = np.full(len(gain), 1 / len(gain), np.float32), norm.eps

    def layer_norm(x: Array) -> Array:
        centred = x - x.dot(share)
        return np.asarray(centred * np.float32(1 / math.sqrt(float(centred.dot(centred * share)) + eps)) * gain + shift)

    return layer_norm
