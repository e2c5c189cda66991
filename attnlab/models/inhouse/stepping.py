"""One token at a time, as fast as small layers allow: the decoder of `transformer.py` once more, prepared for a single row in NumPy.

With one row every product is a vector times a matrix, and most of the time of the plain way goes into its calls: nothing is recorded
here, q, k and v are one product, keys and values lie where they are needed, matrices in the order in which one row reads them fastest,
and what is the same for every token (gains and shifts of the norms, 1/√d, the bias of positions) is worked out once. A test holds both
ways to the same numbers.
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


PART = 400_000  # numbers of a matrix: BLAS divides a product with more of them among threads, and waking one takes longer than the product
Linear = tuple[tuple[Array, ...], Array]  # [in out] in parts side by side, [out]


@dataclass(frozen=True)
class Prepared:
    """One layer's weights, q, k and v as one matrix. norms: what comes after each sublayer where norms stand behind them (post)."""

    norms: tuple[Callable[[Array], Array], ...]
    qkv: Linear
    o: Linear
    widen: Linear
    narrow: Linear


class Stepper:
    """A decoder that reads a text and then one token after the other. Nothing on it changes, so threads may share it."""

    def __init__(self, module: Transformer, start: Ids = ()) -> None:
        """start: what every text begins with."""
        self.module, self.config, self.start = module, module.config, start
        self.limit, d_head = module.config.max_tokens, module.config.d_head
        self.layers = [prepared(layer, self.config) for layer in module.decoder]
        self.out = follows(module.decoder_norm, module.out.weight, module.out.bias)
        self.table, self.scale = module.target.token.weight.detach().numpy(), np.float32(module.target.scale)
        self.first, self.where = normed(module.target.norm), self.positions()
        turned = rotate(torch.tensor([1.0, 0.0]).repeat(d_head // 2).expand(1, 1, self.limit, d_head))[0, 0]
        self.turns = turned.numpy().view(np.complex64) if module.config.positions == "rotary" else None  # [n d/2]
        bias = module.decoder_bias(1, self.limit)  # [1 h 1 n], of distance alone: the last k of it are those of k keys
        self.bias = None if bias is None else bias[0, :, 0].detach().numpy()  # [h n]

    def positions(self) -> Array | None:
        """What is added to a token's vector at every place. [n d_model]"""
        where, segment = self.module.target.positions(0, self.limit), self.module.target.segment
        if where is None:
            return None if segment is None else segment.weight[:1].detach().expand(self.limit, -1).numpy()
        return (where if segment is None else where + segment.weight[0]).detach().numpy()

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
        bias = None if self.bias is None else self.bias[:, self.limit - n - 1 :]  # [h k]
        pre, eps = self.config.norm == "pre", self.config.norm_eps
        for i, layer in enumerate(self.layers):
            if pre:
                x = x + self.attention(layer, standard(x, eps), rows.k[i], rows.v[i], n, bias)
                x = x + self.feed_forward(layer, standard(x, eps))
            else:
                x = layer.norms[0](x + self.attention(layer, x, rows.k[i], rows.v[i], n, bias))
                x = layer.norms[1](x + self.feed_forward(layer, x))
        return linear(standard(x, eps) if pre else x, self.out)

    def embedded(self, token: int, n: int) -> Array:
        """The vector of a token at a place. [d_model]"""
        x = self.table[token] * self.scale
        return self.first(x if self.where is None else x + self.where[n])

    def attention(self, layer: Prepared, x: Array, k: Array, v: Array, n: int, bias: Array | None) -> Array:
        """The newest token looks at all n before it and at itself. x: [d_model]; k, v: [h n d]; bias: [h k] -> [d_model]"""
        h, d = self.config.n_heads, self.config.d_head
        qkv = linear(x, layer.qkv)
        both = qkv[: 2 * h * d]
        if self.turns is not None:
            both = (both.view(np.complex64).reshape(2 * h, d // 2) * self.turns[n]).view(np.float32)
        q, k[:, n] = both.reshape(2, h, d)
        v[:, n] = qkv[2 * h * d :].reshape(h, d)
        scores = np.matmul(k[:, : n + 1], q[:, :, None])[:, :, 0]  # [h k], q is divided by √d already
        if bias is not None:
            scores += bias
        scores -= np.maximum.reduce(scores, 1, keepdims=True)
        weights = np.exp(scores, out=scores)
        z = np.matmul(weights[:, None], v[:, : n + 1])[:, 0]  # [h d]
        z /= np.add.reduce(weights, 1, keepdims=True)
        return linear(z.reshape(h * d), layer.o)

    def feed_forward(self, layer: Prepared, x: Array) -> Array:
        """[d_model] -> [d_model]"""
        wide = linear(x, layer.widen)
        wide = np.maximum(wide, 0, out=wide) if self.config.activation == "relu" else nn.functional.gelu(torch.from_numpy(wide)).numpy()
        return linear(wide, layer.narrow)


def linear(x: Array, weights: Linear) -> Array:
    """[in] -> [out]"""
    parts, bias = weights
    y: Array = x.dot(parts[0]) if len(parts) == 1 else np.concatenate([x.dot(part) for part in parts])
    y += bias
    return y


def prepared(layer: Any, config: Config) -> Prepared:
    """The weights of a `transformer.Layer`: norms before a sublayer are part of its first matrix, but for what `standard` does."""
    own, widen, narrow = layer.attention, layer.feed_forward[0], layer.feed_forward[3]
    three, share = (own.w_q, own.w_k, own.w_v), (config.d_head**-0.5, 1.0, 1.0)
    weight = torch.cat([w.weight * s for w, s in zip(three, share, strict=True)])
    bias = torch.cat([w.bias * s for w, s in zip(three, share, strict=True)])
    before = layer.norms if config.norm == "pre" else (None, None)
    return Prepared(
        tuple(map(normed, layer.norms)),
        follows(before[0], weight, bias),
        follows(None, own.w_o.weight, own.w_o.bias),
        follows(before[1], widen.weight, widen.bias),
        follows(None, narrow.weight, narrow.bias),
    )


def follows(norm: Any, weight: Tensor, bias: Tensor) -> Linear:
    """A linear map with the gain and the shift of the norm before it, if there is one. weight: [out in], bias: [out]"""
    if isinstance(norm, nn.LayerNorm):
        weight, bias = weight * norm.weight, bias + weight @ norm.bias
    parts = np.array_split(weight.detach().T.numpy(), -(-weight.numel() // PART), axis=1)
    return tuple(map(np.ascontiguousarray, parts)), bias.detach().numpy()


def standard(x: Array, eps: float) -> Array:
    """A vector less its mean, divided by its standard deviation: a layer norm without gain and shift. [d] -> [d]"""
    x = x - np.add.reduce(x) / len(x)
    x *= 1 / math.sqrt(x.dot(x) / len(x) + eps)
    return x


def normed(norm: Any) -> Callable[[Array], Array]:
    """A layer norm for one vector, or what stands in its place and does nothing. [d] -> [d]"""
    if not isinstance(norm, nn.LayerNorm):
        return lambda x: x
    gain, shift, eps = norm.weight.detach().numpy(), norm.bias.detach().numpy(), norm.eps
    return lambda x: np.asarray(standard(x, eps) * gain + shift)
