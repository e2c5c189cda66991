"""Where a transformers model lets its stream and token vectors be changed. The hooks stay; without interventions they do nothing."""

import re
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from attnlab.models.pretrained.layout import Layout
from attnlab.models.recorder import Recorder, embedding, intervenes, reads, stream
from attnlab.models.weights import BERT_LAYER, DISTILBERT_LAYER

BLOCK = re.compile(r"^(?:.*?\.)?\d+(?=\.)")  # encoder.layer.3.attention.self lies in the block encoder.layer.3
AFTER = tuple(names["norms.0"] for names in (BERT_LAYER, DISTILBERT_LAYER))  # what the stream is after attention, in these families


def hook(module: nn.Module, layout: Layout, recorder: Recorder) -> frozenset[tuple[str, str]]:
    """Put the hooks where they go; what can be changed then, as attnlab.models.spec.Model says it."""
    parts = dict(module.named_modules())
    names = {id(part): name for name, part in parts.items()}
    blocks: dict[str, list[str]] = {}
    for (stack, _), call in zip(layout.calls, recorder.calls, strict=False):
        found = BLOCK.match(names[id(call.where["module"])])
        if stack != "cross" and found is not None:
            blocks.setdefault(stack, []).append(found[0])
    can = {(stack, point) for stack, some in blocks.items() if len(set(some)) == len(some) for point in ("before", "feed_forward")}
    for own in {stack for stack, _ in can}:
        _hook_stack(own, [parts[name] for name in blocks[own]])
    if ("encoder", "before") in can and _hook_attention([(parts, name) for name in blocks["encoder"]]):
        can.add(("encoder", "attention"))
    return frozenset(can | _hook_tokens(module, layout.alone))


def _hook_stack(stack: str, blocks: Sequence[nn.Module]) -> None:
    """Before every layer, and after the last one."""

    def before(layer: int) -> Any:
        def change(block: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
            if not intervenes("stream", stack):
                return None
            if given:
                return (stream(given[0], stack, layer), *given[1:]), named
            return given, {**named, "hidden_states": stream(named["hidden_states"], stack, layer)}

        return change

    def after(block: nn.Module, given: Any, said: Any) -> Any:
        if not intervenes("stream", stack):
            return None
        if isinstance(said, Tensor):
            return stream(said, stack, len(blocks))
        return (stream(said[0], stack, len(blocks)), *said[1:])

    for layer, block in enumerate(blocks):
        block.register_forward_pre_hook(before(layer), with_kwargs=True)
    blocks[-1].register_forward_hook(after)


def _hook_attention(blocks: Sequence[tuple[dict[str, nn.Module], str]]) -> bool:
    """After the norm on what attention added, where a family has one; whether it has."""
    found = [parts[f"{name}.{after}"] for parts, name in blocks for after in AFTER if f"{name}.{after}" in parts]
    if len(found) != len(blocks):
        return False

    def after_attention(layer: int) -> Any:
        return lambda norm, given, said: stream(said, "encoder", layer, "attention") if intervenes("stream", "encoder") else None

    for layer, norm in enumerate(found):
        norm.register_forward_hook(after_attention(layer))
    return True


def _hook_tokens(module: Any, alone: str | None) -> set[tuple[str, str]]:
    """On the tables of token vectors. Where both stacks read one table, the encoder reads it first."""
    if alone is not None:
        module.get_input_embeddings().register_forward_hook(lambda table, given, said: embedding(said, alone))
        return {(alone, "embedding")}
    tables = [getattr(part, "embed_tokens", None) for part in (module.get_encoder(), module.get_decoder())]
    if not all(isinstance(table, nn.Module) for table in tables):
        return set()
    if tables[0] is tables[1]:
        tables[0].register_forward_hook(lambda table, given, said: embedding(said, reads()))  # type: ignore[union-attr]
    else:
        for stack, table in zip(("encoder", "decoder"), tables, strict=True):
            table.register_forward_hook(lambda table, given, said, stack=stack: embedding(said, stack))  # type: ignore[union-attr]
    return {("encoder", "embedding"), ("decoder", "embedding")}
