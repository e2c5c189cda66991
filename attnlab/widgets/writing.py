"""A text written token by token, in a notebook: what each new token looks at, and what could have come instead."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from attnlab import figures
from attnlab.core.trace import Array, Attention, Trace
from attnlab.core.translation import likeliest, mean_or_head, sharpest
from attnlab.figures import canvases
from attnlab.figures.picture import Picture
from attnlab.figures.style import words_in
from attnlab.models.inhouse.model import InHouse
from attnlab.models.spec import Model
from attnlab.widgets.widget import Widget, model_of
from attnlab.words import say

MOST = 8  # candidates a step
BRANCHES = 3  # of them that the tree shows beside the one that was written
WORDS = (
    *("play", "pause", "first", "back", "next", "final", "where", "keys", "step", "source", "target", "candidates", "tree", "about"),
    *("instead", "other", "write", "rest"),
)
FACTS = ("n", "of", "token", "p", "total", "score", "before")


class Decoder(Widget):
    components = ("decoder",)
    css = ("decoder",)
    step: Any = traitlets.Int(0).tag(sync=True)
    layer: Any = traitlets.Int(0).tag(sync=True)
    head: Any = traitlets.Int(None, allow_none=True).tag(sync=True)
    cell: Any = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=None, allow_none=True).tag(sync=True)

    def __init__(self, trace: Trace, model: Model, layer: int, head: int | None, language: str) -> None:
        super().__init__(language, layer=layer, head=head)
        self.trace, self.model, self.problem = trace, model, ""
        self.draw()
        self.observe(self.draw, ["layer", "head"])
        self.observe(self._stepped, "step")

    @property
    def written(self) -> tuple[int, ...]:
        """Every id that was written, in the order of the steps."""
        assert self.trace.target is not None
        return self.trace.target.ids[1:]

    def weights(self) -> tuple[Array, Array]:
        """What each step looks at: of the source, and of what was written before."""
        cross, own = (mean_or_head(self.trace.at(stack, self.layer), self.head) for stack in ("cross", "decoder"))
        return cross[: len(self.written)], own[: len(self.written), : len(self.written)]

    def piece(self, i: int) -> str:
        if isinstance(self.model, InHouse):
            return self.model.show(i)
        return str(self.model.tokenizer.convert_ids_to_tokens(int(i))).replace("▁", " ")

    def candidates(self, step: int) -> dict[str, Any]:
        """The likeliest tokens of a step, the written one always among them."""
        assert self.trace.target is not None
        logits = self.trace.outputs["logits"][step].astype(np.float64)
        logs = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
        best = np.argsort(-logs, kind="stable")[:MOST].tolist()
        chosen = int(self.written[step])
        best = best if chosen in best else [*best[:-1], chosen]
        found = [self._candidate(i, float(logs[i]), i == chosen) for i in best]
        own = best.index(chosen)
        tree = [own, *[i for i in range(len(best)) if i != own][:BRANCHES]]
        return {
            "alive": [self.trace.target.pieces[step]],
            "candidates": found,
            "tree": tree,
            "lines": [0],
            "chosen": own,
            "p": found[own]["p"],
            "next": canvases.next_tokens(likeliest(logits, chosen=chosen, most=MOST), self.piece, chosen),
        }

    def _candidate(self, i: int, log: float, chosen: bool) -> dict[str, Any]:
        why = "kept" if chosen else "outscored"
        return {
            "token": self.piece(i),
            "id": i,
            "parent": 0,
            "p": float(np.exp(log)),
            "total": log,
            "score": log,
            "why": why,
            "kept": chosen,
        }

    def views(self) -> list[canvases.Data | None]:
        assert self.trace.target is not None
        cross, own = self.weights()
        n = len(self.written)
        name = f"L{self.layer}" if self.head is None else f"L{self.layer}H{self.head}"
        meta = {
            "id": repr((self.trace.key, self.language)),
            "source": list(self.trace.source.pieces),
            "read": list(self.trace.target.pieces[:n]),
            "written": [self.piece(i) for i in self.written],
            "steps": [self.candidates(i) for i in range(n)],
            "step": min(self.step, n - 1),
            "note": self.problem or say("translate.step_note", self.language, name=name),
            "words": self.words | decoder_words(self.language),
        }
        return [{"values": np.concatenate([cross.ravel(), own.ravel()]).astype(np.float32), "meta": meta | canvases.colours("weights")}]

    def _stepped(self, change: Any) -> None:
        if not 0 <= self.step < len(self.written):
            self.step = max(0, min(self.step, len(self.written) - 1))
        self.cell = (self.step, int(np.argmax(self.weights()[0][self.step])))

    def choose(self, name: str, value: Any) -> None:
        if name == "step":
            self.step = int(value)
        elif name == "force":
            step = int(value["step"])
            self.write((*self.written[:step], int(value["token"])))
        elif name == "word" and isinstance(self.model, InHouse):
            self.write((*self.written[: int(value["step"])], *self.model.target_ids(str(value["text"]))))

    def write(self, begun: Sequence[int]) -> None:
        """Let the model go on from these ids. Only a model that can be made to begin with a token does."""
        if not isinstance(self.model, InHouse):
            self.problem = say("widgets.no_force", self.language)
        else:
            written = self.model.decode(self.trace.text, forced=tuple(begun), keep=False).best.ids
            self.trace = self.model.trace(self.trace.text, target=self.model.text_of(written))
            self.step = min(max(len(begun) - 1, 0), len(self.written) - 1)
        self.draw()

    def figure(self) -> Picture:
        cross, _ = self.weights()
        name = f"L{self.layer}" if self.head is None else f"L{self.layer}H{self.head}"
        title = f"{self.trace.model} · cross {name}"
        written = [self.piece(i) for i in self.written]
        return figures.heatmap(cross, written, self.trace.source.pieces, title=title, words=words_in(self.language))

    def where(self) -> tuple[Attention, dict[str, Any]]:
        asked = {"page": "translate", "translator": self.trace.model, "at": self.step}
        return self.trace.at("cross", self.layer), asked


def decoder_words(language: str) -> dict[str, Any]:
    braces = {name: f"{{{name}}}" for name in FACTS}
    reasons = {why: say(f"translate.why_{why}", language) for why in ("kept", "outscored")}
    return {name: say(f"translate.{name}", language, **braces) for name in WORDS} | {"why": reasons}


def decoder(
    trace: Trace, layer: int | None = None, head: int | None = None, *, model: Model | None = None, language: str = "en"
) -> Decoder:
    """How a text was written, token by token: links to the source, weights on what came before, candidates with their probability.

    layer, head: whose weights; the sharpest cross-attention head where neither is given, the mean of a layer's heads where only the
    layer is. A click on a candidate writes it instead (in-house models). `step` and `cell` follow.
    Raises ValueError for a trace of a model that writes nothing, IndexError for a layer or head that does not exist.
    """
    if "cross" not in trace.stacks or trace.target is None or len(trace.target) < 2 or "logits" not in trace.outputs:
        raise ValueError("this trace holds nothing that was written; it needs an encoder-decoder and a target")
    if layer is None:
        layer, head = sharpest(trace) if head is None else (0, head)
    if head is not None:
        trace.at("cross", layer).check_head(head)
    trace.at("cross", layer)
    return Decoder(trace, model_of(trace, model), layer, head, language)
