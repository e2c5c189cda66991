"""The weights of one layer, read out of whatever family into one record, so that the walk in core knows no family."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attnlab.core.positions import alibi_slopes, angles, sinusoid
from attnlab.core.trace import Array, Stack, Tokens, Trace, frozen
from attnlab.core.walk.chain import Memory, short_walk, walk
from attnlab.core.walk.walk import Embedding, Heads, Layer, Linear, Norm, Walk
from attnlab.models.inhouse import transformer as own
from attnlab.models.pretrained.facts import COUNTS_FROM_PADDING
from attnlab.models.spec import Model, Spec

BERTS = ("bert", "roberta", "xlm-roberta", "camembert", "electra")
FAMILIES = ("attnlab", *BERTS, "distilbert", "gpt2")
ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "gelu_new": "gelu_new", "gelu_pytorch_tanh": "gelu_new", "silu": "silu", "swish": "silu"}


def walks_whole(model: Model) -> bool:
    """Whether every stage of this model can be walked, from the words to the layer's output; else only from q, k and v on."""
    module: Any = model.module  # type: ignore[attr-defined]
    if model.spec.family not in FAMILIES:
        return False
    return isinstance(module, own.Transformer) or _activation(module.config) in ACTIVATIONS


def walk_of(model: Model, trace: Trace, stack: Stack, number: int) -> Walk:
    """The walk through one layer of one trace. Raises NotRecordedError for models that give their weights alone."""
    if not walks_whole(model):
        trace.at(stack, number).need("q")
        return short_walk(trace.at(stack, number))
    side: Stack = "decoder" if stack == "cross" else stack
    tokens = trace.at(side, number).queries
    memory = memory_of(model, trace) if "cross" in trace.stacks and side == "decoder" else None
    return walk(trace, side, number, layer_of(model, side, number, len(tokens)), embedding_of(model, side, tokens), memory)


def layer_of(model: Model, stack: Stack, number: int, n: int) -> Layer:
    """The weights of one layer as numpy arrays that share the model's memory. n: how many tokens there are, for rotary positions."""
    module: Any = model.module  # type: ignore[attr-defined]
    if isinstance(module, own.Transformer):
        return _own_layer(module, stack, number, n)
    if model.spec.family == "gpt2":
        return _gpt2_layer(module, number)
    return _distilbert_layer(module, number) if model.spec.family == "distilbert" else _bert_layer(module, number)


def embedding_of(model: Model, stack: Stack, tokens: Tokens) -> Embedding:
    """The tables that the numbers of these tokens come from."""
    module: Any = model.module  # type: ignore[attr-defined]
    if isinstance(module, own.Transformer):
        return _own_embedding(module.source if stack == "encoder" else module.target, tokens)
    base, n = module.base_model, len(tokens)
    if model.spec.family == "gpt2":
        return Embedding(array(base.wte.weight), position=array(base.wpe.weight), position_ids=np.arange(n))
    tables = base.embeddings
    types = getattr(tables, "token_type_embeddings", None)
    project = getattr(base, "embeddings_project", None)
    return Embedding(
        array(tables.word_embeddings.weight),
        segment=None if types is None else array(types.weight),
        segment_ids=None if types is None else _segments(model, tokens, types.num_embeddings),
        position=array(tables.position_embeddings.weight),
        position_ids=_places(model.spec, tokens, int(base.config.pad_token_id or 0)),
        norm=norm(tables.LayerNorm),
        projection=None if project is None else linear(project),
    )


def memory_of(model: Model, trace: Trace) -> Memory:
    """What cross-attention reads."""
    module: Any = model.module  # type: ignore[attr-defined]
    last = trace.residual["encoder"][-1]
    return Memory(last, norm(module.encoder_norm) if module.config.norm == "pre" else None, len(module.encoder))


def _segments(model: Model, tokens: Tokens, n_types: int) -> np.ndarray:
    """Which text each token belongs to, as the model is told; models that are not told read everything as the first."""
    tokenizer: Any = model.tokenizer  # type: ignore[attr-defined]
    told = "token_type_ids" in tokenizer.model_input_names
    return np.minimum(np.array(tokens.segments), n_types - 1) if told else np.zeros(len(tokens), np.int64)


def _places(spec: Spec, tokens: Tokens, pad: int) -> np.ndarray:
    """The row of the position table that each token takes. RoBERTa counts from behind the padding id and leaves padding out."""
    if spec.family not in COUNTS_FROM_PADDING:
        return np.arange(len(tokens))
    real = np.array(tokens.ids) != pad
    return np.cumsum(real) * real + pad


# Family by family


def _bert_layer(module: Any, number: int) -> Layer:
    """BERT, RoBERTa, XLM-RoBERTa, CamemBERT, ELECTRA."""
    block = module.base_model.encoder.layer[number]
    at, out = block.attention.self, block.attention.output
    heads = Heads(linear(at.query), linear(at.key), linear(at.value), linear(out.dense), norm(out.LayerNorm))
    narrow = block.output
    kind = ACTIVATIONS[_activation(module.config)]
    return Layer(False, heads, linear(block.intermediate.dense), linear(narrow.dense), norm(narrow.LayerNorm), kind)  # type: ignore[arg-type]


def _distilbert_layer(module: Any, number: int) -> Layer:
    block = module.base_model.transformer.layer[number]
    at, ffn = block.attention, block.ffn
    heads = Heads(linear(at.q_lin), linear(at.k_lin), linear(at.v_lin), linear(at.out_lin), norm(block.sa_layer_norm))
    kind = ACTIVATIONS[_activation(module.config)]
    return Layer(False, heads, linear(ffn.lin1), linear(ffn.lin2), norm(block.output_layer_norm), kind)  # type: ignore[arg-type]


def _gpt2_layer(module: Any, number: int) -> Layer:
    """GPT-2 keeps W_Q, W_K and W_V side by side in one matrix, and every matrix as [in out]."""
    block = module.base_model.h[number]
    weight, bias = array(block.attn.c_attn.weight), array(block.attn.c_attn.bias)
    d = weight.shape[0]
    q, k, v = (Linear(weight[:, i * d : (i + 1) * d], bias[i * d : (i + 1) * d]) for i in range(3))
    o, fc, proj = (Linear(array(x.weight), array(x.bias)) for x in (block.attn.c_proj, block.mlp.c_fc, block.mlp.c_proj))
    kind = ACTIVATIONS[_activation(module.config)]
    return Layer(True, Heads(q, k, v, o, norm(block.ln_1)), fc, proj, norm(block.ln_2), kind)  # type: ignore[arg-type]


def _own_layer(module: own.Transformer, stack: Stack, number: int, n: int) -> Layer:
    """The in-house Transformer, every kind of positions."""
    config = module.config
    block: Any = getattr(module, stack)[number]
    bias: Any = getattr(module, f"{stack}_bias")
    place: dict[str, Any] = {}
    if config.positions == "alibi":
        place["slopes"] = alibi_slopes(config.n_heads, config.slopes)
    elif config.positions == "relative":
        place["table"] = array(bias.table.weight)
    elif config.positions == "rotary":
        place["angle"] = angles(n, config.d_head)
    norms = [norm(one) for one in block.norms]

    def heads(part: Any, its_norm: Norm, **place: Any) -> Heads:
        return Heads(linear(part.w_q), linear(part.w_k), linear(part.w_v), linear(part.w_o), its_norm, **place)

    cross = None if block.cross is None else heads(block.cross, norms[1])
    widen, narrow = (linear(block.feed_forward[i]) for i in (0, 3))
    return Layer(config.norm == "pre", heads(block.attention, norms[0], **place), widen, narrow, norms[-1], config.activation, cross)


def _own_embedding(table: own.Embedding, tokens: Tokens) -> Embedding:
    n, d = len(tokens), table.token.embedding_dim
    position = array(table.position.weight) if table.position is not None else sinusoid(n, d) if table.kind == "sinusoidal" else None
    return Embedding(
        array(table.token.weight),
        table.scale,
        segment=None if table.segment is None else array(table.segment.weight),
        segment_ids=None if table.segment is None else np.zeros(n, np.int64),  # it is told of no second text
        position=position,
        position_ids=None if position is None else np.arange(n),
        norm=norm(table.norm) if isinstance(table.norm, nn.LayerNorm) else None,
    )


def _activation(config: Any) -> str:
    """The name of the activation, under whatever name the configuration keeps it."""
    found = [getattr(config, name, None) for name in ("hidden_act", "activation_function", "activation")]
    return next((str(x) for x in found if isinstance(x, str)), "?")


# From torch to numpy


def array(x: Tensor) -> Array:
    """The model's own numbers, not to be written; a copy only where they are not float32."""
    with torch.inference_mode(False):
        return frozen(x.detach().float().numpy())


def linear(part: Any) -> Linear:
    """nn.Linear keeps its matrix as [out in]; ours is [in out], as the formula xW + b has it."""
    weight = array(part.weight).T
    return Linear(weight, np.zeros(weight.shape[1], np.float32) if part.bias is None else array(part.bias))


def norm(part: Any) -> Norm:
    return Norm(array(part.weight), array(part.bias), float(part.eps))
