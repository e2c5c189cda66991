"""The insides of every family, read out into records that know none: the only file that knows where a family keeps what.

To add a family: one function that gives its embedding, layers and final norm, and its row in `FAMILIES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attnlab.core.positions import FURTHEST, alibi_slopes, angles, sinusoid
from attnlab.core.trace import Array, Stack, Tokens, Trace, frozen
from attnlab.core.walk.chain import Memory, short_walk, walk
from attnlab.core.walk.walk import Walk
from attnlab.core.walk.weights import AttentionWeights, EmbeddingWeights, LayerWeights, Linear, Norm, Rotation, StackWeights
from attnlab.models.inhouse import transformer as own
from attnlab.models.pretrained.layout import COUNTS_FROM_PADDING
from attnlab.models.spec import Model
from attnlab.words import InputError

ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "gelu_new": "gelu_new", "gelu_pytorch_tanh": "gelu_new", "silu": "silu", "swish": "silu"}
BERT_LAYER = {  # our name: BERT's, inside one layer
    "attention.w_q": "attention.self.query",
    "attention.w_k": "attention.self.key",
    "attention.w_v": "attention.self.value",
    "attention.w_o": "attention.output.dense",
    "feed_forward.0": "intermediate.dense",
    "feed_forward.3": "output.dense",
    "norms.0": "attention.output.LayerNorm",
    "norms.1": "output.LayerNorm",
}
DISTILBERT_LAYER = {
    "attention.w_q": "attention.q_lin",
    "attention.w_k": "attention.k_lin",
    "attention.w_v": "attention.v_lin",
    "attention.w_o": "attention.out_lin",
    "feed_forward.0": "ffn.lin1",
    "feed_forward.3": "ffn.lin2",
    "norms.0": "sa_layer_norm",
    "norms.1": "output_layer_norm",
}
HALVES = ("llama", "mistral", "qwen2", "qwen3", "phi3", "gemma", "gemma2", "olmo", "olmo2", "gpt_neox", "modernbert", "stablelm")
BEFORE = ("llama", "mistral", "qwen2", "qwen3", "phi3")  # RMS norms before the sums: known well enough for a ledger, not for a walk


@dataclass(frozen=True, eq=False)
class Insides:
    """What a family's function gives: everything that is read into a `StackWeights` but its rotations."""

    embedding: EmbeddingWeights
    layers: tuple[LayerWeights, ...]
    final: Norm | None = None
    memory: Norm | None = None


Reader = Callable[[Model, Stack, Tokens], Insides]


def read_weights(model: Model, stack: Stack, tokens: Tokens) -> StackWeights:
    """All that is known of a stack that reads these tokens, as numpy arrays that share the model's memory."""
    spec, turned = model.spec, rotations(model, stack, len(tokens))
    if spec.family in BEFORE:
        base = model.module.base_model
        final = Norm(gain := array(base.norm.weight), np.zeros_like(gain), float(base.norm.variance_epsilon), centred=False)
        writes = tuple(linear(block.self_attn.o_proj) for block in base.layers)
        return StackWeights(stack, spec.family, spec.positions, final=final, rotations=turned, writes=writes)
    if stack == "cross" or not walks_whole(model):
        return StackWeights(stack, spec.family, spec.positions, rotations=turned)
    insides = FAMILIES[spec.family](model, stack, tokens)
    read = (insides.embedding, insides.layers, insides.final, turned, insides.memory)
    return StackWeights(stack, spec.family, spec.positions, *read)


def walks_whole(model: Model) -> bool:
    """Whether every stage of this model can be walked, from the words to the layer's output; else only from q, k and v on."""
    if model.spec.family not in FAMILIES:
        return False
    return isinstance(model.module, own.Transformer) or _activation(model.module.config) in ACTIVATIONS


def balances(model: Model) -> bool:
    """Whether an output of this model can be taken apart: its layers are known, or their W_O and the last norm are."""
    return walks_whole(model) or model.spec.family in BEFORE


def walk_of(model: Model, trace: Trace, stack: Stack, number: int) -> Walk:
    """The walk through one layer of one trace. Raises NotRecordedError for models that give their weights alone."""
    if not walks_whole(model):
        trace.at(stack, number).need("q")
        return short_walk(trace.at(stack, number))
    side: Stack = "decoder" if stack == "cross" else stack
    weights = read_weights(model, side, trace.at(side, number).queries)
    assert weights.embedding is not None
    memory = None
    if "cross" in trace.stacks and side == "decoder":
        memory = Memory(trace.residual["encoder"][-1], weights.memory, len(trace.layers("encoder")))
    return walk(trace, side, number, weights.layers[number], weights.embedding, memory)


# Family by family


def _own(model: Model, stack: Stack, tokens: Tokens) -> Insides:
    """The in-house Transformer, every kind of positions."""
    module: own.Transformer = model.module
    config, n = module.config, len(tokens)
    bias: Any = getattr(module, f"{stack}_bias")
    place: dict[str, Any] = {}
    if config.positions == "alibi":
        place["slopes"] = alibi_slopes(config.n_heads, config.slopes)
    elif config.positions == "relative":
        place["table"] = array(bias.table.weight)
    elif config.positions == "rotary":
        place["angle"] = angles(n, config.d_head)

    def heads(part: Any, norm: Any, **place: Any) -> AttentionWeights:
        return AttentionWeights(linear(part.w_q), linear(part.w_k), linear(part.w_v), linear(part.w_o), norm_of(norm), **place)

    def layer(block: Any) -> LayerWeights:
        cross = None if block.cross is None else heads(block.cross, block.norms[1])
        net, last = block.feed_forward, norm_of(block.norms[-1])
        first = heads(block.attention, block.norms[0], **place)
        return LayerWeights(block.pre, first, linear(net[0]), linear(net[3]), last, config.activation, cross)

    layers = tuple(map(layer, getattr(module, stack)))
    final = norm_of(getattr(module, f"{stack}_norm")) if config.norm == "pre" else None
    memory = norm_of(module.encoder_norm) if config.norm == "pre" and config.task == "translate" else None
    return Insides(_own_embedding(module.source if stack == "encoder" else module.target, tokens), layers, final, memory)


def _own_embedding(table: own.Embedding, tokens: Tokens) -> EmbeddingWeights:
    n, d = len(tokens), table.token.embedding_dim
    position = array(table.position.weight) if table.position is not None else sinusoid(n, d) if table.kind == "sinusoidal" else None
    return EmbeddingWeights(
        array(table.token.weight),
        table.scale,
        segment=None if table.segment is None else array(table.segment.weight),
        segment_ids=None if table.segment is None else np.zeros(n, np.int64),  # it is told of no second text
        position=position,
        position_ids=None if position is None else np.arange(n),
        norm=norm_of(table.norm) if isinstance(table.norm, nn.LayerNorm) else None,
    )


def _bert(model: Model, stack: Stack, tokens: Tokens) -> Insides:
    """BERT, RoBERTa, XLM-RoBERTa, CamemBERT, ELECTRA."""
    base = model.module.base_model
    return Insides(_bert_embedding(model, tokens), tuple(_post_norm(block, BERT_LAYER, base.config) for block in base.encoder.layer))


def _distilbert(model: Model, stack: Stack, tokens: Tokens) -> Insides:
    base = model.module.base_model
    layers = (_post_norm(block, DISTILBERT_LAYER, base.config) for block in base.transformer.layer)
    return Insides(_bert_embedding(model, tokens), tuple(layers))


def _post_norm(block: nn.Module, names: Mapping[str, str], config: Any) -> LayerWeights:
    """An encoder layer with norms after its sums, by the family's names for ours."""
    q, k, v, o, widen, narrow = (linear(block.get_submodule(theirs)) for ours, theirs in names.items() if "norms" not in ours)
    first, last = (norm_of(block.get_submodule(names[ours])) for ours in ("norms.0", "norms.1"))
    kind: Any = ACTIVATIONS[_activation(config)]
    return LayerWeights(False, AttentionWeights(q, k, v, o, first), widen, narrow, last, kind)


def _bert_embedding(model: Model, tokens: Tokens) -> EmbeddingWeights:
    base = model.module.base_model
    tables, types = base.embeddings, getattr(base.embeddings, "token_type_embeddings", None)
    project = getattr(base, "embeddings_project", None)
    return EmbeddingWeights(
        array(tables.word_embeddings.weight),
        segment=None if types is None else array(types.weight),
        segment_ids=None if types is None else _segments(model, tokens, types.num_embeddings),
        position=array(tables.position_embeddings.weight),
        position_ids=_places(model, tokens, int(base.config.pad_token_id or 0)),
        norm=norm_of(tables.LayerNorm),
        projection=None if project is None else linear(project),
    )


def _segments(model: Model, tokens: Tokens, n_types: int) -> np.ndarray:
    """Which text each token belongs to, as the model is told; models that are not told read everything as the first."""
    told = "token_type_ids" in model.tokenizer.model_input_names
    return np.minimum(np.array(tokens.segments), n_types - 1) if told else np.zeros(len(tokens), np.int64)


def _places(model: Model, tokens: Tokens, pad: int) -> np.ndarray:
    """The row of the position table that each token takes. RoBERTa counts from behind the padding id and leaves padding out."""
    if model.spec.family not in COUNTS_FROM_PADDING:
        return np.arange(len(tokens))
    real = np.array(tokens.ids) != pad
    return np.cumsum(real) * real + pad


def _gpt2(model: Model, stack: Stack, tokens: Tokens) -> Insides:
    """GPT-2 keeps W_Q, W_K and W_V side by side in one matrix, and every matrix as [in out]."""
    base = model.module.base_model
    kind: Any = ACTIVATIONS[_activation(base.config)]

    def layer(block: Any) -> LayerWeights:
        weight, bias = array(block.attn.c_attn.weight), array(block.attn.c_attn.bias)
        d = weight.shape[0]
        q, k, v = (Linear(weight[:, i * d : (i + 1) * d], bias[i * d : (i + 1) * d]) for i in range(3))
        o, widen, narrow = (Linear(array(x.weight), array(x.bias)) for x in (block.attn.c_proj, block.mlp.c_fc, block.mlp.c_proj))
        return LayerWeights(True, AttentionWeights(q, k, v, o, norm_of(block.ln_1)), widen, narrow, norm_of(block.ln_2), kind)

    tables = EmbeddingWeights(array(base.wte.weight), position=array(base.wpe.weight), position_ids=np.arange(len(tokens)))
    return Insides(tables, tuple(map(layer, base.h)), norm_of(base.ln_f))


FAMILIES: Mapping[str, Reader] = {
    "attnlab": _own,
    "bert": _bert,
    "roberta": _bert,
    "xlm-roberta": _bert,
    "camembert": _bert,
    "electra": _bert,
    "distilbert": _distilbert,
    "gpt2": _gpt2,
}


def _activation(config: Any) -> str:
    """The name of the activation, under whatever name the configuration keeps it."""
    found = [getattr(config, name, None) for name in ("hidden_act", "activation_function", "activation")]
    return next((str(x) for x in found if isinstance(x, str)), "?")


def unembedding(model: Model) -> tuple[Array, Array] | None:
    """The matrix [d outputs] and bias [outputs] that the last vectors become logits with; None for a model without output.

    Of a pretrained decoder only where it is the table of its word vectors.
    """
    if isinstance(model.module, own.Transformer):
        last = linear(model.module.out)
        return last.weight, last.bias
    if model.spec.task != "generate" or not getattr(model.module.config, "tie_word_embeddings", False):
        return None
    table = array(model.module.get_input_embeddings().weight)
    return table.T, np.zeros(len(table), np.float32)


# Positions


def rotations(model: Model, stack: Stack, n: int) -> tuple[Rotation, ...]:
    """What each layer of a stack turns q and k of n tokens with; none where nothing is turned or the family is not followed."""
    spec = model.spec
    if spec.positions != "rotary" or stack not in spec.stacks or stack == "cross":
        return ()
    layers = range(spec.stacks[stack].layers)
    if isinstance(model.module, own.Transformer):
        angle = np.repeat(angles(n, spec.d_head), 2, -1)  # [n d], both of a pair by the same angle
        return (Rotation(frozen(np.cos(angle)), frozen(np.sin(angle)), halves=False),) * len(layers)
    makers = [m for name, m in model.module.named_modules() if name.rpartition(".")[2] == "rotary_emb"]
    if spec.family not in HALVES or not makers:
        return ()
    return tuple(_rotation(model.module.config, makers[min(layer, len(makers) - 1)], layer, n) for layer in layers)


def _rotation(config: Any, maker: Any, layer: int, n: int) -> Rotation:
    """The cosines and sines a transformers model turns the q and k of one layer with."""
    which = [config.layer_types[layer]] if "layer_type" in signature(maker.forward).parameters else []
    with torch.inference_mode():
        cos, sin = maker(torch.zeros(1, n, 1), torch.arange(n)[None], *which)
    return Rotation(array(cos[0]), array(sin[0]), halves=True)


def position_embedding(model: Model) -> nn.Embedding | None:
    """The table of absolute positions that is added to the word vectors of a pretrained model, if that is how it tells positions."""
    if len(model.spec.stacks) > 1 or not model.spec.records:
        return None
    tables = [m for name, m in model.module.named_modules() if name.rpartition(".")[2] in ("position_embeddings", "wpe")]
    width = model.module.get_input_embeddings().weight.shape[1]
    found = [m for m in tables if isinstance(m, nn.Embedding) and m.weight.shape[1] == width]
    return found[0] if len(found) == 1 else None


def position_table(model: Model, stack: Stack, n: int) -> Array:
    """The vectors a model adds for its first n positions. [n d]. Raises InputError for a model that adds none."""
    if isinstance(model.module, own.Transformer):
        found = (model.module.source if stack == "encoder" else model.module.target).positions(0, n)
        if found is not None:
            return array(found)
    elif (table := position_embedding(model)) is not None:
        first = 0 if table.padding_idx is None else table.padding_idx + 1
        return array(table.weight[first : first + n])
    raise InputError("error.no_position_table", model=model.spec.name, positions=model.spec.positions)


def relative_table(model: Model, stack: Stack) -> tuple[Array, int]:
    """A model's learned bias per bucket and head [buckets h], and the furthest distance that its buckets are laid out for."""
    module = model.module
    if isinstance(module, own.Transformer) and module.config.positions == "relative":
        bias: Any = module.encoder_bias if stack == "encoder" else module.decoder_bias
        return array(bias.table.weight), FURTHEST
    there = getattr(module, "encoder" if stack == "encoder" else "decoder", module)
    tables = [m for name, m in there.named_modules() if name.rpartition(".")[2] == "relative_attention_bias"]
    if not tables or not hasattr(module.config, "relative_attention_max_distance"):
        raise InputError("error.no_relative_table", model=model.spec.name, positions=model.spec.positions)
    return array(tables[0].weight), int(module.config.relative_attention_max_distance)


def rotary_base(model: Model) -> float:
    """The base of a model's rotary angles."""
    config = model.module.config
    said = getattr(config, "rope_parameters", None) or {}
    said = said if "rope_theta" in said else next((v for v in said.values() if isinstance(v, dict)), {})
    return float(said.get("rope_theta", getattr(config, "rope_theta", 10000.0)))


# From torch to numpy


def array(x: Tensor) -> Array:
    """The model's own numbers, not to be written; a copy only where they are not float32."""
    with torch.inference_mode(False):
        return frozen(x.detach().float().cpu().numpy())


def linear(part: Any) -> Linear:
    """nn.Linear keeps its matrix as [out in]; ours is [in out], as the formula xW + b has it."""
    weight = array(part.weight).T
    return Linear(weight, np.zeros(weight.shape[1], np.float32) if part.bias is None else array(part.bias))


def norm_of(part: Any) -> Norm:
    return Norm(array(part.weight), array(part.bias), float(part.eps))
