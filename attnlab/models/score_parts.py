"""Where a score comes from: what W_Q and W_K read, split into content and position, for every model whose layers can be followed.

The words, the position vectors and what layers have added travel down the residual stream as a sum. Layer norms are split with the
mean and variance they really had, so the parts always add up to what the layer read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attnlab.core.positions import ABSOLUTE, Input, Norm, ScoreParts, rotate, split_scores
from attnlab.core.trace import Array, Attention, Stack, Tokens, Trace, frozen
from attnlab.models.inhouse.transformer import Embedding, Transformer
from attnlab.models.pretrained.facts import COUNTS_FROM_PADDING
from attnlab.models.spec import Model
from attnlab.words import InputError

BERTS = ("bert", "roberta", "xlm-roberta", "camembert", "electra", "distilbert")
HALVES = ("llama", "mistral", "qwen2", "qwen3", "phi3", "gemma", "gemma2", "olmo", "olmo2", "gpt_neox", "modernbert", "stablelm")
CLOSE = 1e-3  # the sum of the parts and the recorded stream must agree at least this well, or the model is not what we think


@dataclass(frozen=True, eq=False)
class Block:
    """One layer as the split needs it. w_q, w_k: [d_model h·d], b_q, b_k: [h·d].

    read: the norm before W_Q, None where the stream is read as it is.
    pass_on: the sums and norms that the stream goes through on its way to the next layer, given (stream, z of every sublayer);
    None where the stream is only ever added to.
    """

    w_q: Array
    b_q: Array
    w_k: Array
    b_k: Array
    read: Norm | None = None
    pass_on: Callable[[Tensor, Sequence[Tensor]], list[tuple[Tensor, Norm]]] | None = None


def score_parts(model: Model, trace: Trace, attention: Attention, head: int, read: Sequence[Input] | None = None) -> ScoreParts:
    """One head's scores as a sum. read: what `inputs` gave for this stack, if it was computed already.

    Raises InputError for cross-attention under absolute positions and for families that are not followed.
    """
    kind, hidden = model.spec.positions, ~np.isfinite(attention.scores(head))  # [q k]
    products = attention.products(head) * np.float32(attention.scale)
    if attention.stack == "cross" and kind in ABSOLUTE:
        raise InputError("error.no_parts_cross")
    if attention.soft_cap is not None:
        raise InputError("error.no_parts", model=model.spec.name, family=model.spec.family)
    if kind in ABSOLUTE:
        read = inputs(model, trace, attention.stack) if read is None else read
        block, d = blocks(model, attention.stack)[attention.layer], attention.d_head
        q, k = slice(head * d, (head + 1) * d), slice((kv := attention.kv_head(head)) * d, (kv + 1) * d)
        sides = (block.w_q[:, q], block.b_q[q]), (block.w_k[:, k], block.b_k[k])
        return split_scores(read[attention.layer], *sides, attention.scale, first=attention.layer == 0, hidden=hidden)
    if kind == "rotary" and attention.stack != "cross":
        content = straight(model, attention, head)
        return ScoreParts(content, turn=frozen(products - content), hidden=hidden)
    if kind in ("alibi", "relative") and attention.stack != "cross":
        bias = np.where(hidden, 0, attention.added(head))
        return ScoreParts(products, bias=frozen(bias), hidden=hidden)
    return ScoreParts(frozen(products), hidden=hidden)


def shares(model: Model, trace: Trace, stack: Stack) -> Array:
    """How much of each head's scores position explains (see core.positions.explained_by). [layers heads]"""
    read = inputs(model, trace, stack) if model.spec.positions in ABSOLUTE and stack != "cross" else None
    return frozen([[score_parts(model, trace, a, head, read).explained() for head in range(a.n_heads)] for a in trace.layers(stack)])


# What each layer reads


def inputs(model: Model, trace: Trace, stack: Stack) -> list[Input]:
    """What W_Q of every layer reads, as content + position + mixed, for a model with position vectors."""
    stream, tokens = trace.residual[stack], trace.layers(stack)[0].queries
    now, read = embedded(model, stack, tokens), []
    for layer, block in enumerate(blocks(model, stack)):
        now = Input(now.content, now.position, frozen(stream[layer] - now.content - now.position))
        if layer == 0:
            now = nothing_mixed(model, now)
        read.append(now if block.read is None else block.read.split(now))
        if block.pass_on is not None and layer + 1 < len(stream):
            now = passed(block, now, stream[layer], zs(trace, stack, layer))
    return read


def nothing_mixed(model: Model, now: Input) -> Input:
    """The first layer's input. Raises InputError when words and positions are not all there is in it."""
    if float(np.abs(now.mixed).max()) > CLOSE * max(float(np.abs(now.content).max()), 1.0):
        raise InputError("error.no_parts", model=model.spec.name, family=model.spec.family)
    return Input(frozen(now.content + now.mixed), now.position, np.zeros_like(now.mixed))  # rounding, 1e-6, stays with the content


def passed(block: Block, now: Input, x: Array, z: Sequence[Tensor]) -> Input:
    """The parts after one layer with norms on the stream. What the sublayers add is mixed."""
    assert block.pass_on is not None
    with torch.inference_mode():
        steps = block.pass_on(torch.from_numpy(x.copy()), z)
    for total, norm in steps:
        now = norm.split(Input(now.content, now.position, frozen(total.numpy() - now.content - now.position)))
    return now


def zs(trace: Trace, stack: Stack, layer: int) -> list[Tensor]:
    """What the heads of a layer handed on, side by side, own attention first. Each [n h·d]"""
    found = [trace.at(stack, layer)]
    if stack == "decoder" and "cross" in trace.stacks:
        found.append(trace.at("cross", layer))
    return [torch.from_numpy(np.concatenate([a.z(head) for head in range(a.n_heads)], -1)) for a in found]


def embedded(model: Model, stack: Stack, tokens: Tokens) -> Input:
    """Word vectors and position vectors as they enter the stream."""
    module: Any = model.module  # type: ignore[attr-defined]
    ids, n = torch.tensor(tokens.ids), len(tokens)
    with torch.inference_mode():
        if isinstance(module, Transformer):
            table: Embedding = module.source if stack == "encoder" else module.target
            content, position = table.token(ids) * table.scale, table.positions(0, n)
            if table.segment is not None:
                content = content + table.segment(torch.tensor(tokens.segments))
            assert position is not None
            return normed(table.norm, content, position)
        family = model.spec.family
        if family == "gpt2":
            return Input(arrays(module.wte(ids)), arrays(module.wpe.weight[:n]), np.zeros((n, model.spec.d_model), np.float32))
        if family not in BERTS:
            raise InputError("error.no_parts", model=model.spec.name, family=family)
        parts = module.embeddings
        first = int(module.config.pad_token_id) + 1 if family in COUNTS_FROM_PADDING else 0
        content, position = parts.word_embeddings(ids), parts.position_embeddings.weight[first : first + n]
        if hasattr(parts, "token_type_embeddings"):
            types = parts.token_type_embeddings
            content = content + types(torch.tensor(tokens.segments).clamp(max=types.num_embeddings - 1))
        read = normed(parts.LayerNorm, content, position)
        project = getattr(module, "embeddings_project", None)
        if project is None:
            return read
        w, b = linear(project)
        return Input(frozen(read.content @ w + b), frozen(read.position @ w), frozen(read.mixed @ w))


def normed(norm: nn.Module, content: Tensor, position: Tensor) -> Input:
    read = Input(arrays(content), arrays(position), np.zeros(content.shape, np.float32))
    return norm_of(norm).split(read) if isinstance(norm, nn.LayerNorm) else read


# The layers of each family


def blocks(model: Model, stack: Stack) -> list[Block]:
    """Every layer of a stack. Raises InputError for a family that is not followed."""
    module: Any = model.module  # type: ignore[attr-defined]
    if isinstance(module, Transformer):
        return [in_house(layer) for layer in (module.encoder if stack == "encoder" else module.decoder)]
    family = model.spec.family
    if family == "gpt2":
        return [gpt2(layer) for layer in module.h]
    if family == "distilbert":
        return [distilbert(layer) for layer in module.transformer.layer]
    if family in BERTS:
        return [bert(layer) for layer in module.encoder.layer]
    raise InputError("error.no_parts", model=model.spec.name, family=family)


def in_house(layer: Any) -> Block:
    q, k = linear(layer.attention.w_q), linear(layer.attention.w_k)
    if layer.pre:
        return Block(*q, *k, read=norm_of(layer.norms[0]))

    def pass_on(x: Tensor, z: Sequence[Tensor]) -> list[tuple[Tensor, Norm]]:
        steps = []
        for attention, its_z, norm in zip([layer.attention, layer.cross], z, layer.norms, strict=False):
            total = x + attention.w_o(its_z)
            steps.append((total, norm_of(norm)))
            x = norm(total)
        return [*steps, (x + layer.feed_forward(x), norm_of(layer.norms[-1]))]

    return Block(*q, *k, pass_on=pass_on)


def bert(layer: Any) -> Block:
    attention, output = layer.attention, layer.attention.output

    def pass_on(x: Tensor, z: Sequence[Tensor]) -> list[tuple[Tensor, Norm]]:
        total = x + output.dense(z[0])
        x = output.LayerNorm(total)
        return [(total, norm_of(output.LayerNorm)), (x + layer.output.dense(layer.intermediate(x)), norm_of(layer.output.LayerNorm))]

    return Block(*linear(attention.self.query), *linear(attention.self.key), pass_on=pass_on)


def distilbert(layer: Any) -> Block:
    def pass_on(x: Tensor, z: Sequence[Tensor]) -> list[tuple[Tensor, Norm]]:
        total = x + layer.attention.out_lin(z[0])
        x = layer.sa_layer_norm(total)
        return [(total, norm_of(layer.sa_layer_norm)), (x + layer.ffn(x), norm_of(layer.output_layer_norm))]

    return Block(*linear(layer.attention.q_lin), *linear(layer.attention.k_lin), pass_on=pass_on)


def gpt2(layer: Any) -> Block:
    weight, bias = arrays(layer.attn.c_attn.weight), arrays(layer.attn.c_attn.bias)  # [d 3d], [3d]
    d = len(weight)
    return Block(weight[:, :d], bias[:d], weight[:, d : 2 * d], bias[d : 2 * d], read=norm_of(layer.ln_1))


def linear(map_: nn.Linear) -> tuple[Array, Array]:
    """Weight as [in out], and bias."""
    weight = arrays(map_.weight).T
    return weight, np.zeros(weight.shape[1], np.float32) if map_.bias is None else arrays(map_.bias)


def norm_of(norm: Any) -> Norm:
    return Norm(arrays(norm.weight), arrays(norm.bias), float(norm.eps))


def arrays(x: Tensor) -> Array:
    return frozen(x.detach().float().numpy())


# Rotary


def straight(model: Model, attention: Attention, head: int) -> Array:
    """q·k·scale with both sides turned back to position 0: what the score would be if position turned nothing. [q k]"""
    q, k = attention.need("q")[head], attention.need("k")[attention.kv_head(head)]
    if model.spec.family == "attnlab":
        q, k = (rotate(x, -np.arange(len(x))) for x in (q, k))
    elif model.spec.family in HALVES:
        q, k = (turned_back(model, attention.layer, x) for x in (q, k))
    else:
        raise InputError("error.no_parts", model=model.spec.name, family=model.spec.family)
    return frozen(q @ k.T * np.float32(attention.scale))


def turned_back(model: Model, layer: int, x: Array) -> Array:
    """Undo transformers' rotary embedding, where dimension i is paired with i + d/2. [n d] -> [n d]"""
    cos, sin = cos_sin(model, layer, len(x))  # [n r], the first r dimensions are turned
    part, rest = x[:, : cos.shape[1]], x[:, cos.shape[1] :]
    low, high = np.split(part, 2, -1)
    back = (part * cos - np.concatenate((-high, low), -1) * sin) / (cos**2 + sin**2)
    return frozen(np.concatenate((back, rest), -1))


def cos_sin(model: Model, layer: int, n: int) -> tuple[Array, Array]:
    """The cosines and sines a transformers model turns the q and k of one layer with. Each [n r]"""
    module: Any = model.module  # type: ignore[attr-defined]
    makers = [m for name, m in module.named_modules() if name.rpartition(".")[2] == "rotary_emb"]
    if not makers:
        raise InputError("error.no_parts", model=model.spec.name, family=model.spec.family)
    maker, places = makers[min(layer, len(makers) - 1)], torch.arange(n)[None]
    which = [module.config.layer_types[layer]] if "layer_type" in signature(maker.forward).parameters else []
    with torch.inference_mode():
        cos, sin = maker(torch.zeros(1, n, 1), places, *which)
    return arrays(cos[0]), arrays(sin[0])


# The encoding itself


def position_table(model: Model, stack: Stack, n: int) -> Array:
    """The vectors a model adds for its first n positions. [n d]. Raises InputError for a model that adds none."""
    module: Any = model.module  # type: ignore[attr-defined]
    if isinstance(module, Transformer):
        embedding: Embedding = module.source if stack == "encoder" else module.target
        found = embedding.positions(0, n)
        if found is not None:
            return arrays(found)
    else:
        table: Any = model._position_table()  # type: ignore[attr-defined]
        if table is not None:
            first = 0 if table.padding_idx is None else table.padding_idx + 1
            return arrays(table.weight[first : first + n])
    raise InputError("error.no_position_table", model=model.spec.name, positions=model.spec.positions)


def relative_table(model: Model, stack: Stack) -> tuple[Array, int]:
    """A model's learned bias per bucket and head [buckets h], and the distance from which on all is one bucket."""
    module: Any = model.module  # type: ignore[attr-defined]
    if isinstance(module, Transformer) and module.config.positions == "relative":
        bias = module.encoder_bias if stack == "encoder" else module.decoder_bias
        return arrays(bias.table.weight), 128
    own = getattr(module, "encoder" if stack == "encoder" else "decoder", module)
    tables = [m for name, m in own.named_modules() if name.rpartition(".")[2] == "relative_attention_bias"]
    if not tables or not hasattr(module.config, "relative_attention_max_distance"):
        raise InputError("error.no_relative_table", model=model.spec.name, positions=model.spec.positions)
    return arrays(tables[0].weight), int(module.config.relative_attention_max_distance)


def rotary_base(model: Model) -> float:
    """The base of a model's rotary angles."""
    config: Any = model.module.config  # type: ignore[attr-defined]
    said = getattr(config, "rope_parameters", None) or {}
    said = said if "rope_theta" in said else next((v for v in said.values() if isinstance(v, dict)), {})
    return float(said.get("rope_theta", getattr(config, "rope_theta", 10000.0)))
