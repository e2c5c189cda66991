"""The in-house Transformer, to be read from top to bottom: Vaswani et al. (2017), with the choices made since as options.
Names are the paper's; b batch, n or q tokens, k keys, h heads, d width of a head.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnlab.core.positions import Positions
from attnlab.models.inhouse.dropout import Dropout
from attnlab.models.recorder import Call, embedding, record, stream
from attnlab.models.spec import PositionChange
from attnlab.words import InputError

Task = Literal["translate", "classify", "tag", "generate", "fill"]
Mask = Tensor | None  # bool, True where a key may be seen; None: everywhere
Bias = Tensor | None  # added to the scores; None: nothing
Memory = Tensor | None  # what the encoder hands to the decoder [b k d_model]


@dataclass(frozen=True)
class Config:
    """Everything that decides the shape of a Transformer. A stack with 0 layers does not exist.

    task: translate (encoder-decoder), classify (encoder, pooled), tag (encoder, one answer per token), generate (decoder),
    fill (encoder, one word of its own vocabulary per token: what could stand there).
    slopes: of ALiBi, as its paper or as its released code gives them; they differ where the heads are no power of two.
    vocab: pieces that can be read; target_vocab: pieces that can be written (the same table when 0). classes: labels of classify.
    """

    task: Task
    vocab: int
    target_vocab: int = 0
    classes: int = 0
    encoder_layers: int = 3
    decoder_layers: int = 3
    n_heads: int = 4
    d_model: int = 128
    d_ff: int = 512
    positions: Positions = "sinusoidal"
    max_tokens: int = 512
    norm: Literal["pre", "post"] = "pre"
    activation: Literal["relu", "gelu"] = "relu"
    dropout: float = 0.1
    tied: bool = True
    segments: int = 0
    embedding_norm: bool = False
    scale_embeddings: bool = True
    norm_eps: float = 1e-5
    slopes: Literal["paper", "code"] = "paper"

    def __post_init__(self) -> None:
        if self.positions not in get_args(Positions):
            raise InputError("error.positions", given=self.positions, known=", ".join(get_args(Positions)))
        if self.d_model % self.n_heads:
            raise InputError("error.heads", d_model=self.d_model, n_heads=self.n_heads)
        if self.positions == "rotary" and self.d_head % 2:
            raise InputError("error.rotary", d_head=self.d_head)
        if self.positions == "sinusoidal" and self.d_model % 2:
            raise InputError("error.sinusoidal", d_model=self.d_model)

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads


def sinusoid(n: int, d_model: int, base: float = 10000.0) -> Tensor:
    """PE(p, 2i) = sin(p / base^(2i/d)), PE(p, 2i+1) = cos of the same. [n d]. Source: Vaswani et al. (2017), 3.5."""
    angle = torch.arange(n)[:, None] * base ** (-torch.arange(0, d_model, 2) / d_model)  # [n d/2]
    return torch.stack((angle.sin(), angle.cos()), -1).flatten(1)  # [n d]


def rotate(x: Tensor, start: int = 0, base: float = 10000.0) -> Tensor:
    """Turn each pair of dimensions (2i, 2i+1) by position · base^(-2i/d). [b h n d] -> [b h n d]. Source: Su et al. (2021)."""
    n, d = x.shape[-2:]
    angle = torch.arange(start, start + n, device=x.device)[:, None] * base ** (-torch.arange(0, d, 2, device=x.device) / d)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)  # [n d/2]
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def alibi_slopes(n_heads: int, slopes: Literal["paper", "code"] = "paper") -> Tensor:
    """One slope per head, a geometric series 2^(-8/h), 2^(-16/h), ... [h]. Source: Press et al. (2022)."""
    if slopes == "paper":
        return 2.0 ** (-8.0 * torch.arange(1, n_heads + 1) / n_heads)
    whole = 2 ** int(math.log2(n_heads))  # the code: those of the next smaller power of two, then every other one of the next larger
    return torch.cat((alibi_slopes(whole), alibi_slopes(2 * whole)[::2][: n_heads - whole]))


def relative_bucket(gap: Tensor, *, bidirectional: bool, buckets: int = 32, furthest: int = 128) -> Tensor:
    """Which bucket the distance key - query falls in: near ones exactly, far ones by logarithm. Source: Raffel et al. (2020)."""
    bucket = torch.zeros_like(gap)
    if bidirectional:
        buckets //= 2
        bucket, gap = (gap > 0) * buckets, gap.abs()
    else:
        gap = (-gap).clamp(min=0)
    exact = buckets // 2
    far = exact + (torch.log(gap.clamp(min=1) / exact) / math.log(furthest / exact) * (buckets - exact)).long()
    return bucket + torch.where(gap < exact, gap, far.clamp(max=buckets - 1))


class PositionBias(nn.Module):
    """What alibi and relative add to the scores of self-attention; nothing for the others."""

    def __init__(self, config: Config, *, causal: bool) -> None:
        super().__init__()
        self.kind, self.causal, self.n_heads, self.slopes = config.positions, causal, config.n_heads, config.slopes
        if self.kind == "relative":
            self.table = nn.Embedding(32, config.n_heads)

    def forward(self, n_q: int, n_k: int) -> Bias:
        """The last n_q of n_k positions look at all n_k. [1 h q k] or None."""
        if self.kind not in ("alibi", "relative"):
            return None
        gap = torch.arange(n_k) - torch.arange(n_k - n_q, n_k)[:, None]  # [q k], key - query
        if self.kind == "alibi":
            return -alibi_slopes(self.n_heads, self.slopes)[None, :, None, None] * gap.abs()
        return self.table(relative_bucket(gap.to(self.table.weight.device), bidirectional=not self.causal)).permute(2, 0, 1)[None]


@dataclass
class Cache:
    """Keys and values already computed, per sublayer, for decoding one token at a time. [b h k d]"""

    k: Tensor | None = None
    v: Tensor | None = None


Both = tuple[Cache, Cache]  # of itself, of cross-attention
Caches = list[Both] | None  # per layer


class MultiHeadAttention(nn.Module):
    """softmax(QK^T / sqrt(d_head) + bias) V for every head at once, joined by W_O."""

    def __init__(self, config: Config, stack: str, layer: int) -> None:
        super().__init__()
        d = config.d_model
        self.n_heads, self.d_head = config.n_heads, config.d_head
        self.rotary = config.positions == "rotary" and stack != "cross"
        self.where = {"stack": stack, "layer": layer}
        self.w_q, self.w_k, self.w_v, self.w_o = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)

    def split(self, x: Tensor) -> Tensor:
        """[b n d_model] -> [b h n d]"""
        return x.unflatten(-1, (self.n_heads, self.d_head)).transpose(1, 2)

    def forward(self, x: Tensor, memory: Memory, mask: Mask, bias: Bias, causal: bool, cache: Cache | None = None) -> Tensor:
        """x asks, memory (x itself when None) answers. x [b q d_model], mask [b 1 1|q k], bias [1 h q k] -> [b q d_model]"""
        q = self.split(self.w_q(x))  # [b h q d]
        if memory is not None and cache is not None and cache.k is not None and cache.v is not None:
            k, v = cache.k, cache.v
        else:
            k, v = (self.split(w(x if memory is None else memory)) for w in (self.w_k, self.w_v))  # [b h k d]
            start = 0 if cache is None or cache.k is None else cache.k.shape[2]
            if self.rotary:
                q, k = rotate(q, start), rotate(k, start)
            if cache is not None:
                if start and cache.k is not None and cache.v is not None:
                    k, v = torch.cat((cache.k, k), 2), torch.cat((cache.v, v), 2)
                cache.k, cache.v = k, v
        causal = causal and q.shape[2] > 1  # one new token sees everything before it
        changed = record(Call(q, k, v, self.d_head**-0.5, mask, bias, causal, where=self.where))
        z = attend(q, k, v, mask, bias, causal) if changed is None else changed
        return self.w_o(z.transpose(1, 2).flatten(2))


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Mask, bias: Bias, causal: bool) -> Tensor:
    """softmax(QK^T / sqrt(d_head) + bias) V over the keys that the mask allows, only the past when causal. [b h q d]"""
    n_q, n_k = q.shape[2], k.shape[2]
    fused = not (torch.is_grad_enabled() and q.dtype == torch.bfloat16)  # SDPA's bf16 backward on CPU: 9 times slower than the formula
    if causal and not (fused and mask is None and bias is None and n_q == n_k):  # all that SDPA's is_causal can do
        past = torch.ones(n_q, n_k, dtype=torch.bool, device=q.device).tril(n_k - n_q)  # [q k], the last n_q of n_k
        mask, causal = past if mask is None else mask & past, False
    if bias is not None:
        bias = bias.to(q) if mask is None else bias.to(q).masked_fill(~mask, float("-inf"))
    if fused:
        return F.scaled_dot_product_attention(q, k, v, mask if bias is None else bias, is_causal=causal)
    scores = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5  # [b h q k]
    if bias is not None:
        scores = scores + bias
    elif mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(-1) @ v


class FeedForward(nn.Sequential):
    """Widen, activate, narrow: the same two layers for every token."""

    def __init__(self, config: Config) -> None:
        activate = nn.ReLU() if config.activation == "relu" else nn.GELU()
        widen, narrow = nn.Linear(config.d_model, config.d_ff), nn.Linear(config.d_ff, config.d_model)
        super().__init__(widen, activate, Dropout(config.dropout), narrow)


class Layer(nn.Module):
    """Self-attention, in a decoder of an encoder-decoder also cross-attention, and a feed-forward net; each added to the stream."""

    def __init__(self, config: Config, stack: str, layer: int, *, cross: bool = False) -> None:
        super().__init__()
        self.pre, self.causal, self.stack, self.number = config.norm == "pre", stack == "decoder", stack, layer
        self.attention = MultiHeadAttention(config, stack, layer)
        self.cross = MultiHeadAttention(config, "cross", layer) if cross else None
        self.feed_forward = FeedForward(config)
        self.norms = nn.ModuleList(nn.LayerNorm(config.d_model, config.norm_eps) for _ in range(2 + cross))
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Mask, bias: Bias, memory: Memory = None, seen: Mask = None, caches: Both | None = None) -> Tensor:
        """[b n d_model] -> [b n d_model]"""
        own, other = caches or (None, None)
        norms = iter(self.norms)

        def add(x: Tensor, sublayer: nn.Module, *rest: object) -> Tensor:
            norm = next(norms)
            if self.pre:
                return x + self.dropout(sublayer(norm(x), *rest))
            return norm(x + self.dropout(sublayer(x, *rest)))

        x = stream(add(x, self.attention, None, mask, bias, self.causal, own), self.stack, self.number, "attention")
        if self.cross is not None:
            x = stream(add(x, self.cross, memory, seen, None, False, other), self.stack, self.number, "cross")
        return add(x, self.feed_forward)


class Embedding(nn.Module):
    """Token vectors plus what tells where and in which segment they stand."""

    def __init__(self, config: Config, vocab: int, stack: str = "encoder") -> None:
        super().__init__()
        d, self.stack = config.d_model, stack
        self.scale = math.sqrt(d) if config.scale_embeddings else 1.0
        self.kind, self.limit = config.positions, config.max_tokens
        self.token = nn.Embedding(vocab, d)
        nn.init.normal_(self.token.weight, std=d**-0.5 if config.scale_embeddings else 0.02)
        self.position = nn.Embedding(self.limit, d) if self.kind == "learned" else None
        self.segment = nn.Embedding(config.segments, d) if config.segments else None
        self.norm = nn.LayerNorm(d, config.norm_eps) if config.embedding_norm else nn.Identity()
        self.dropout = Dropout(config.dropout)

    def positions(self, start: int, n: int) -> Tensor | None:
        """What is added for positions start to start + n - 1. [n d] or None. Raises InputError past a learned table."""
        if self.position is not None:
            if start + n > self.limit:
                raise InputError("error.too_long", n=start + n, limit=self.limit)
            return self.position.weight[start : start + n]
        return sinusoid(start + n, self.token.embedding_dim)[start:] if self.kind == "sinusoidal" else None

    def forward(self, ids: Tensor, segments: Tensor | None = None, *, start: int = 0, at: PositionChange = None) -> Tensor:
        """at: positions to use in place of start, start + 1, ..., or "none". [b n] -> [b n d]"""
        x = embedding(self.token(ids) * self.scale, self.stack)  # [b n d]
        positions = None if at == "none" else self.positions(start, ids.shape[1]) if at is None else self.positions(0, max(at) + 1)
        if positions is not None:
            x = x + (positions if at is None else positions[torch.tensor(at)]).to(x)  # [b n d]
        if self.segment is not None:
            x = x + self.segment(torch.zeros_like(ids) if segments is None else segments)
        return self.dropout(self.norm(x))


class AttentionPooling(nn.Module):
    """One learned query over all tokens: softmax(x·u) says how much each token counts (Yang et al. 2016)."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(d_model))

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """x: [b n d], mask: [b n] -> pooled [b d], weights [b n]"""
        scores = x @ self.query  # [b n]
        weights = scores.masked_fill(~mask, float("-inf")).softmax(-1)  # [b n]
        return (weights[:, :, None] * x).sum(1), weights


class Transformer(nn.Module):
    """Encoder, decoder or both, with the head that its task needs. Ids equal to `pad` are never looked at."""

    def __init__(self, config: Config, *, pad: int = 0) -> None:
        super().__init__()
        self.config, self.pad = config, pad
        written = config.target_vocab or config.vocab

        def final() -> nn.Module:
            return nn.LayerNorm(config.d_model, config.norm_eps) if config.norm == "pre" else nn.Identity()

        if config.task != "generate":
            self.source = Embedding(config, config.vocab)
            self.encoder = nn.ModuleList(Layer(config, "encoder", i) for i in range(config.encoder_layers))
            self.encoder_bias, self.encoder_norm = PositionBias(config, causal=False), final()
        if config.task in ("translate", "generate"):
            self.target = Embedding(config, written, "decoder")
            cross = config.task == "translate"
            self.decoder = nn.ModuleList(Layer(config, "decoder", i, cross=cross) for i in range(config.decoder_layers))
            self.decoder_bias, self.decoder_norm = PositionBias(config, causal=True), final()
        if config.task == "classify":
            self.pool, self.out = AttentionPooling(config.d_model), nn.Linear(config.d_model, config.classes)
        else:
            self.out = nn.Linear(config.d_model, written)
        self.tie()
        for layer in (m for m in self.modules() if isinstance(m, MultiHeadAttention | FeedForward)):
            for weight in (p for p in layer.parameters() if p.dim() == 2):
                nn.init.xavier_uniform_(weight)

    def tie(self) -> None:
        """Let tables that are the same be one: source, target and output (with one vocabulary), or what is read and what is written."""
        if self.config.tied and self.config.task in ("translate", "generate"):
            if self.config.task == "translate" and self.config.target_vocab in (0, self.config.vocab):
                self.target.token.weight = self.source.token.weight
            self.out.weight = self.target.token.weight
        if self.config.tied and self.config.task == "fill":
            self.out.weight = self.source.token.weight

    def seen(self, ids: Tensor) -> Mask:
        """Which keys may be looked at, None when all of them. [b 1 1 n]"""
        visible = ids != self.pad
        return None if bool(visible.all()) else visible[:, None, None, :]

    def encode(self, ids: Tensor, segments: Tensor | None = None, *, at: PositionChange = None) -> Tensor:
        """[b n] -> [b n d_model]"""
        x, n = self.source(ids, segments, at=at), ids.shape[1]
        mask, bias = self.seen(ids), self.encoder_bias(n, n)
        for i, layer in enumerate(self.encoder):
            x = layer(stream(x, "encoder", i), mask, bias)
        return self.encoder_norm(stream(x, "encoder", len(self.encoder)))

    def decode(self, ids: Tensor, memory: Memory = None, seen: Mask = None, caches: Caches = None, *, at: PositionChange = None) -> Tensor:
        """What the decoder makes of its past and of memory; with caches, ids are the new tokens, unpadded. [b n] -> [b n d_model]"""
        start = 0 if not caches or caches[0][0].k is None else caches[0][0].k.shape[2]
        x = self.target(ids, start=start, at=at)
        mask, bias = None if caches else self.seen(ids), self.decoder_bias(ids.shape[1], start + ids.shape[1])
        for i, layer in enumerate(self.decoder):
            x = layer(stream(x, "decoder", i), mask, bias, memory, seen, caches[i] if caches else None)
        return self.decoder_norm(stream(x, "decoder", len(self.decoder)))

    def hidden(self, ids: Tensor, target: Tensor | None = None, segments: Tensor | None = None) -> Tensor:
        """What the last linear map reads: [b n d_model], classify [b d_model]. Training takes its loss from here."""
        if self.config.task == "generate":
            return self.decode(ids)
        x = self.encode(ids, segments)
        if self.config.task == "classify":
            return self.pool(x, ids != self.pad)[0]
        return x if target is None else self.decode(target, x, self.seen(ids))

    def forward(self, ids: Tensor, target: Tensor | None = None, segments: Tensor | None = None) -> Tensor:
        """Logits: translate [b target vocab], generate and tag [b n vocab], classify [b classes]."""
        return self.out(self.hidden(ids, target, segments))
