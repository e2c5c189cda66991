"""Sparse attention computed sparsely: only the scores that the pattern has are ever made. Every head at once, in torch.

A softmax over several sets of keys is joined from its parts: each part gives its output and the logarithm of its sum.
q, k, v: [h n d] -> z [h n d], the same numbers as attnlab.core.variants makes with a mask.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from attnlab.core.variants import random_keys

Part = tuple[Tensor, Tensor]  # z [h n d], log of the sum of exponentials [h n]
LOWEST = -1e30  # in place of -inf, which cannot be subtracted from itself
SMALLEST = 64  # tokens per block: smaller ones spend their time on bookkeeping


def part(q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None = None) -> Part:
    """Attention over these keys alone. q [h .. q d], k, v [h .. k d], seen [.. q k]. A query that sees nothing here counts for nothing.

    Head by head: one head's scores fit into the processor's cache, twelve do not, and that is most of the time.
    """
    z, lse = torch.empty(*q.shape[:-1], v.shape[-1]), torch.empty(q.shape[:-1])
    hidden = None if seen is None else torch.zeros(seen.shape).masked_fill_(~seen, -math.inf)
    for head in range(len(q)):
        scores = (q[head] * q.shape[-1] ** -0.5) @ k[head].transpose(-1, -2)  # [.. q k]
        if hidden is not None:
            scores += hidden
        top = scores.amax(-1, keepdim=True).clamp_(min=LOWEST)
        exponentials = scores.sub_(top).exp_()
        total = exponentials.sum(-1, keepdim=True)  # [.. q 1]
        z[head] = (exponentials @ v[head]).div_(total.clamp(min=1e-30))
        lse[head] = (top + total.log())[..., 0]
    return z, lse


def join(parts: Sequence[Part]) -> Tensor:
    """The softmax over all parts' keys together. -> z [h n d]"""
    shares = torch.stack([lse for _, lse in parts]).softmax(0)  # [parts h n]
    return sum(share[..., None] * z for share, (z, _) in zip(shares, parts, strict=True))


def near(q: Tensor, k: Tensor, v: Tensor, width: int, *, causal: bool = False, skip: int = 0) -> Part:
    """Keys fewer than `width` tokens away, the first `skip` keys left out: blocks of queries against three blocks of keys."""
    h, n, d = q.shape
    size = min(max(width, SMALLEST), n)
    count = -(-n // size)
    q, k, v = (F.pad(x, (0, 0, 0, count * size - n)).view(h, count, size, d) for x in (q, k, v))  # [h c b d]
    sides = (0,) if causal else (0, 2)  # the block before, and the one after

    def around(x: Tensor) -> Tensor:
        wide = F.pad(x, (0, 0, 0, 0, 1, 1))
        return torch.cat([wide[:, s : s + count] for s in sorted((*sides, 1))], 2)  # [h c 2b|3b d]

    row, column = torch.arange(size), torch.arange((1 + len(sides)) * size) - size
    gap = row[:, None] - column  # [b 3b], tokens back
    place = torch.arange(count)[:, None] * size + column  # [c 3b], where each key stands in the text
    there = (place >= skip) & (place < n)
    seen = (gap < width) & (gap >= 0 if causal else gap > -width)
    z, lse = part(q, around(k), around(v), seen[None] & there[:, None])
    return z.reshape(h, -1, d)[:, :n], lse.reshape(h, -1)[:, :n]


def column(q: Tensor, k: Tensor, v: Tensor, stride: int) -> Part:
    """Keys exactly `stride`, 2·`stride`, ... tokens back: the text folded into rows of `stride`, every column for itself."""
    h, n, d = q.shape
    rows = -(-n // stride)
    q, k, v = (F.pad(x, (0, 0, 0, rows * stride - n)).view(h, rows, stride, d).transpose(1, 2) for x in (q, k, v))  # [h s r d]
    before = torch.ones(rows, rows, dtype=torch.bool).tril(-1)
    z, lse = part(q, k, v, before)
    return z.transpose(1, 2).reshape(h, -1, d)[:, :n], lse.transpose(1, 2).reshape(h, -1)[:, :n]


def drawn(q: Tensor, k: Tensor, v: Tensor, index: Tensor, valid: Tensor) -> Part:
    """Its own few keys for every query. index, valid: [n r]"""
    z, lse = part(q[:, :, None], k[:, index], v[:, index], valid[:, None])  # [h n 1 r] scores
    return z[:, :, 0], lse[:, :, 0]


# The variants


def full(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Every query, every key: torch's fused kernel, the fastest there is here."""
    return F.scaled_dot_product_attention(q, k, v)


def window(q: Tensor, k: Tensor, v: Tensor, width: int) -> Tensor:
    """Source: Beltagy et al. (2020), 3.1, without global tokens."""
    return near(q, k, v, width)[0]


def longformer(q: Tensor, k: Tensor, v: Tensor, width: int, n_global: int) -> Tensor:
    """A window, and global tokens as a thin strip on either side. Source: Beltagy et al. (2020), 3.1."""
    first = slice(0, n_global)
    z = join([near(q, k, v, width, skip=n_global), part(q, k[:, first], v[:, first])]) if n_global else window(q, k, v, width)
    return torch.cat((full(q[:, first], k, v), z[:, n_global:]), 1)


def strided(q: Tensor, k: Tensor, v: Tensor, stride: int) -> Tensor:
    """Source: Child et al. (2019), 4.2."""
    return join([near(q, k, v, stride, causal=True), column(q, k, v, stride)])


def bigbird(q: Tensor, k: Tensor, v: Tensor, width: int, n_global: int, n_random: int, seed: int) -> Tensor:
    """Source: Zaheer et al. (2020), 2. Drawn keys that the window or the global tokens have already are not counted twice."""
    n, first = q.shape[1], slice(0, n_global)
    index = torch.from_numpy(random_keys(n, n_random, seed))
    valid = ((index - torch.arange(n)[:, None]).abs() >= width) & (index >= n_global)
    parts = [near(q, k, v, width, skip=n_global), drawn(q, k, v, index, valid)]
    if n_global:
        parts.append(part(q, k[:, first], v[:, first]))
    return torch.cat((full(q[:, first], k, v), join(parts)[:, n_global:]), 1)


def linear(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Source: Katharopoulos et al. (2020), equation 6."""
    f_q, f_k = F.elu(q) + 1, F.elu(k) + 1
    return (f_q @ (f_k.transpose(1, 2) @ v)) / (f_q @ f_k.sum(1)[..., None])
