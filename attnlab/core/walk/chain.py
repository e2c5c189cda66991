"""The chain of one layer: which spots there are, for whatever weights and stacks a model has. See `walk` for how they are computed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from attnlab.core.positions import gaps, relative_bucket
from attnlab.core.trace import Array, Attention, Stack, Trace
from attnlab.core.walk import arithmetic
from attnlab.core.walk.spot import Spot, Step
from attnlab.core.walk.walk import Walk
from attnlab.core.walk.weights import AttentionWeights, EmbeddingWeights, LayerWeights, Linear, Norm


@dataclass(frozen=True, eq=False)
class Memory:
    """What a decoder's cross-attention reads: the encoder's stream after its last layer, and the norm on it, if any."""

    stream: Array
    norm: Norm | None
    layers: int


def norm_spot(name: str, of: str, norm: Norm, rows: str = "query", columns: str = "model") -> Spot:
    return Spot(name, "norm", arithmetic.layer_norm, (of,), rows, columns, facts={"gain": norm.gain, "shift": norm.shift, "eps": norm.eps})


def project_spot(name: str, of: str, linear: Linear, rows: str, columns: str, over: str = "model") -> Spot:
    return Spot(name, "project", arithmetic.project, (of,), rows, columns, over, {"weight": linear.weight, "bias": linear.bias})


def given_spot(name: str, x: Array, rows: str, columns: str, source: tuple[Stack, int, str] | None = None) -> Spot:
    return Spot(name, "given", arithmetic.same, (), rows, columns, facts={"x": x}, source=source)


def embedded(embedding: EmbeddingWeights, ids: np.ndarray) -> tuple[list[Spot], list[Step]]:
    """Stages 1 to 3 (and 4, where the sum is normed or projected): from ids to what the first layer reads, the spot "x"."""
    e = embedding
    wide = "model" if e.projection is None else "embed"
    tokens = Spot("tokens", "tokens", arithmetic.same, (), "query", "id", facts={"x": ids[:, None].astype(np.float32)})
    look = {"table": e.token, "ids": ids, "scale": e.scale}
    spots, walked = [tokens, Spot("token", "look_up", arithmetic.look_up, (), "query", wide, facts=look)], [(1, "tokens"), (2, "token")]
    now = "token"
    for name, table, rows, stage, total in (
        ("segment", e.segment, e.segment_ids, 2, "content"),
        ("position", e.position, e.position_ids, 3, "embedding"),
    ):
        if table is not None:
            spots.append(Spot(name, "look_up", arithmetic.look_up, (), "query", wide, facts={"table": table, "ids": rows}))
            spots.append(Spot(total, "add", arithmetic.add, (now, name), "query", wide))
            walked += [(stage, name), (stage, total)]
            now = total
    if e.position is None:
        spots.append(Spot("embedding", "same", arithmetic.same, (now,), "query", wide))
        walked.append((3, "embedding"))
    return spots, walked


def entered(embedding: EmbeddingWeights) -> tuple[list[Spot], list[Step]]:
    """From the sum of embeddings to the residual stream, the spot "x"."""
    e = embedding
    if e.norm is None and e.projection is None:
        return [Spot("x", "same", arithmetic.same, ("embedding",), "query", "model")], [(4, "x")]
    if e.projection is None:
        assert e.norm is not None
        return [norm_spot("x", "embedding", e.norm)], [(4, "x")]
    before = "embedding"
    spots: list[Spot] = []
    walked: list[Step] = []
    if e.norm is not None:
        before = "embedding_norm"
        spots.append(norm_spot(before, "embedding", e.norm, columns="embed"))
        walked.append((4, before))
    spots.append(project_spot("x", before, e.projection, "query", "model", "embed"))
    return spots, [*walked, (4, "x")]


def head_spots(attention: Attention, head: int, heads: AttentionWeights | None, read: str, memory: str) -> tuple[list[Spot], list[Step]]:
    """Stages 5 to 10 of one head; from stage 6 on, with the recorded q, k and v, where the weights are not known."""

    def name(base: str) -> str:
        return f"{attention.stack}.{base}.{head}"

    if heads is None:
        kv = attention.kv_head(head)
        found = {"q": (attention.need("q")[head], "query"), "k": (attention.need("k")[kv], "key"), "v": (attention.need("v")[kv], "key")}
        spots = [given_spot(name(one), x, rows, "head") for one, (x, rows) in found.items()]
        walked: list[Step] = []
    else:
        spots, walked = _projected(heads, head, attention.d_head, read, memory, name)
    q, k, v = name("q"), name("k"), name("v")
    spots.append(Spot(name("products"), "products", arithmetic.products, (q, k), "query", "key", "head"))
    factor = {"factor": attention.scale}
    spots.append(Spot(name("scaled"), "multiply", arithmetic.multiply, (name("products"),), "query", "key", facts=factor))
    walked += [(6, name("products")), (7, name("scaled"))]
    parts = [name("scaled")]
    if attention.soft_cap is not None:
        spots.append(Spot(name("capped"), "cap", arithmetic.cap, tuple(parts), "query", "key", facts={"limit": attention.soft_cap}))
        walked.append((7, name("capped")))
        parts = [name("capped")]
    for spot in _added(attention, head, heads, name):
        spots.append(spot)
        walked.append((8, spot.name))
        parts.append(spot.name)
    spots.append(Spot(name("scores"), "add", arithmetic.add, tuple(parts), "query", "key"))
    spots.append(Spot(name("exponentials"), "exponentials", arithmetic.exponentials, (name("scores"),), "query", "key"))
    shared = [name("exponentials")]
    if attention.sinks is not None:
        sink = {"sink": float(attention.sinks[head])}
        spots.append(Spot(name("sink"), "sinks", arithmetic.sinks, (name("scores"),), "query", "id", facts=sink))
        shared.append(name("sink"))
    spots.append(Spot(name("weights"), "quotients", arithmetic.quotients, tuple(shared), "query", "key"))
    spots.append(Spot(name("z"), "mix", arithmetic.mix, (name("weights"), v), "query", "head", "key"))
    return spots, [*walked, (8, name("scores")), (9, name("exponentials")), (9, name("weights")), (10, name("z"))]


Named = Callable[[str], str]  # the name of a spot of one head, from what it is


def _projected(heads: AttentionWeights, head: int, d: int, read: str, memory: str, name: Named) -> tuple[list[Spot], list[Step]]:
    """Stage 5: Q, K and V of one head; under rotary positions q and k are turned afterwards."""
    own = slice(head * d, (head + 1) * d)
    spots: list[Spot] = []
    for one, linear, of, rows in (("q", heads.w_q, read, "query"), ("k", heads.w_k, memory, "key"), ("v", heads.w_v, memory, "key")):
        turned = heads.angle is not None and one != "v"
        spots.append(project_spot(name(f"{one}_straight" if turned else one), of, linear.columns(own), rows, "head"))
        if turned:
            spots.append(Spot(name(one), "turn", arithmetic.turn, (name(f"{one}_straight"),), rows, "head", facts={"angle": heads.angle}))
    return spots, [(5, spot.name) for spot in spots]


def _added(attention: Attention, head: int, heads: AttentionWeights | None, name: Callable[[str], str]) -> list[Spot]:
    """Stage 8: what is added to the scores, position bias first, then the mask."""
    added = attention.added(head)
    hidden = np.isneginf(added)
    gap = gaps(*added.shape)
    spots = []
    if heads is not None and heads.slopes is not None:
        facts = {"slope": float(heads.slopes[head]), "distance": np.abs(gap)}
        spots.append(Spot(name("bias"), "alibi", arithmetic.alibi_bias, (), "query", "key", facts=facts))
    elif heads is not None and heads.table is not None:
        bucket = relative_bucket(gap, bidirectional=attention.stack == "encoder", buckets=len(heads.table))
        facts = {"table": heads.table[:, head], "bucket": bucket}
        spots.append(Spot(name("bias"), "relative", arithmetic.relative_bias, (), "query", "key", facts=facts))
    elif added[~hidden].any():
        spots.append(given_spot(name("bias"), np.where(hidden, np.float32(0), added), "query", "key"))
    spots.append(Spot(name("mask"), "mask", arithmetic.mask, (), "query", "key", facts={"hidden": hidden}))
    return spots


def sublayer_spots(attention: Attention, layer: LayerWeights, x: str, memory: str | None) -> tuple[list[Spot], dict[int, list[Step]], str]:
    """Stages 4 to 12 of one attention sublayer, for every head: spots, the steps of each head, and the name of what comes out."""
    stack = attention.stack
    heads = layer.own if layer.cross is None or stack != "cross" else layer.cross
    spots: list[Spot] = []
    before: list[Step] = []
    read = x
    if layer.pre:
        read = f"{stack}.read"
        spots.append(norm_spot(read, x, heads.norm))
        before.append((4, read))
    walked: dict[int, list[Step]] = {}
    for head in range(attention.n_heads):
        made, through = head_spots(attention, head, heads, read, read if memory is None else memory)
        spots += made
        walked[head] = [*before, *through]
    every = tuple(f"{stack}.z.{head}" for head in range(attention.n_heads))
    spots.append(Spot(f"{stack}.joined", "join", arithmetic.join, every, "query", "joined"))
    spots.append(project_spot(f"{stack}.attended", f"{stack}.joined", heads.w_o, "query", "model", "joined"))
    after = [(11, f"{stack}.joined"), (11, f"{stack}.attended")]
    total = f"{stack}.after" if layer.pre else f"{stack}.sum"
    spots.append(Spot(total, "add", arithmetic.add, (x, f"{stack}.attended"), "query", "model"))
    after.append((12, total))
    if not layer.pre:
        spots.append(norm_spot(f"{stack}.after", total, heads.norm))
        after.append((12, f"{stack}.after"))
    return spots, {head: [*through, *after] for head, through in walked.items()}, f"{stack}.after"


def feed_forward(layer: LayerWeights, x: str) -> tuple[list[Spot], list[Step]]:
    """Stages 12 (its norm, where it comes before) to 14: what the next layer reads is the spot "output"."""
    spots: list[Spot] = []
    walked: list[Step] = []
    read = x
    if layer.pre:
        read = "ffn_read"
        spots.append(norm_spot(read, x, layer.norm))
        walked.append((12, read))
    spots.append(project_spot("wide", read, layer.widen, "query", "wide"))
    spots.append(Spot("active", "activate", arithmetic.activate, ("wide",), "query", "wide", facts={"kind": layer.activation}))
    spots.append(project_spot("narrow", "active", layer.narrow, "query", "model", "wide"))
    total = "output" if layer.pre else "total"
    spots.append(Spot(total, "add", arithmetic.add, (x, "narrow"), "query", "model"))
    walked += [(13, "wide"), (13, "active"), (13, "narrow"), (14, total)]
    if not layer.pre:
        spots.append(norm_spot("output", total, layer.norm))
        walked.append((14, "output"))
    return spots, walked


def walk(trace: Trace, own: Stack, number: int, layer: LayerWeights, embedding: EmbeddingWeights, memory: Memory | None = None) -> Walk:
    """The walk through one layer, with its cross-attention where it has one. Later layers start from what the model's stream held."""
    attention = trace.at(own, number)
    spots, first = embedded(embedding, np.array(attention.queries.ids))
    if number == 0:
        made, through = entered(embedding)
        spots += made
    else:
        spots.append(given_spot("x", trace.residual[own][number], "query", "model", (own, number - 1, "output")))
        through = [(4, "x")]
    made, self_steps, after = sublayer_spots(attention, layer, "x", None)
    spots += made
    walked: dict[Stack, dict[int, tuple[Step, ...]]] = {}
    if layer.cross is None:
        made, rest = feed_forward(layer, after)
        walked[own] = {head: (*first, *through, *steps_, *rest) for head, steps_ in self_steps.items()}
        return Walk([*spots, *made], walked)
    assert memory is not None
    spots.append(Spot("cross.x", "same", arithmetic.same, (after,), "query", "model", source=(own, number, after)))
    name = "memory" if memory.norm is None else "stream"
    spots.append(given_spot(name, memory.stream, "key", "model", ("encoder", memory.layers - 1, "output")))
    if memory.norm is not None:
        spots.append(norm_spot("memory", "stream", memory.norm, "key"))
    made, cross_steps, crossed = sublayer_spots(trace.at("cross", number), layer, "cross.x", "memory")
    spots += made
    spots.append(Spot("crossed", "same", arithmetic.same, (crossed,), "query", "model", source=("cross", number, crossed)))
    made, rest = feed_forward(layer, crossed)
    late = [(13, spot) if spot == "ffn_read" else (stage, spot) for stage, spot in rest]
    walked[own] = {head: (*first, *through, *steps_, (13, "crossed"), *late) for head, steps_ in self_steps.items()}
    start: list[Step] = [(4, "cross.x"), (4, "memory")]
    walked["cross"] = {head: (*first, *start, *steps_, *rest) for head, steps_ in cross_steps.items()}
    return Walk([*spots, *made], walked)


def short_walk(attention: Attention) -> Walk:
    """Stages 6 to 10 with the recorded q, k and v, for models whose weights are not read."""
    spots: list[Spot] = []
    walked = {}
    for head in range(attention.n_heads):
        made, through = head_spots(attention, head, None, "", "")
        spots += made
        walked[head] = tuple(through)
    return Walk(spots, {attention.stack: walked})
