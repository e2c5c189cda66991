"""The walk through Q, K and V of one head in a notebook: played, scrubbed, and any number of it taken apart."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import traitlets

from attnlab import figures
from attnlab.core.trace import Attention, Stack, Trace
from attnlab.core.walk.place import Place, follow, start_place, step_of
from attnlab.core.walk.spot import base
from attnlab.figures import canvases, walks
from attnlab.figures.picture import Picture
from attnlab.figures.style import words_in
from attnlab.models.spec import Model
from attnlab.models.weights import walk_of
from attnlab.widgets.widget import Widget, model_of

SENT = 1_000  # numbers: a notebook keeps what was sent last, and asks for the other steps


class Steps(Widget):
    components = ("steps/player", "steps/table")
    css = ("steps/steps",)
    cell: Any = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0)).tag(sync=True)
    stack: Any = traitlets.Unicode("encoder").tag(sync=True)
    layer: Any = traitlets.Int(0).tag(sync=True)
    head: Any = traitlets.Int(0).tag(sync=True)
    stage: Any = traitlets.Int(1).tag(sync=True)

    def __init__(self, trace: Trace, model: Model, attention: Attention, head: int, place: Mapping[str, Any], language: str) -> None:
        super().__init__(language, stack=attention.stack, layer=attention.layer, head=head)
        self.trace, self.model, self.seq, self.settling = trace, model, 0, False
        self.walk = walk_of(model, trace, attention.stack, attention.layer)
        self.place = self.bounded(replace(start_place(self.walk, attention, head), **place))
        self._settle()
        self.observe(self._asked, ["cell", "head", "stage"])

    @property
    def attention(self) -> Attention:
        return self.trace.at(self.stack, self.layer)

    def bounded(self, place: Place) -> Place:
        """A place that is on this walk. Raises IndexError for a token that is not."""
        for name, tokens in (("query", self.attention.queries), ("key", self.attention.keys)):
            if not 0 <= getattr(place, name) < len(tokens):
                raise IndexError(f"{name} {getattr(place, name)} does not exist; there are tokens 0 to {len(tokens) - 1}")
        stage, name = step_of(self.walk.steps(self.stack, self.head), place)
        return replace(place, stage=stage, part=base(name), dim=min(max(place.dim, 0), self.attention.d_head - 1))

    def seen(self) -> walks.Seen:
        return walks.Seen(self.walk, self.attention, self.head, self.place, self.language)

    def _settle(self) -> None:
        """Let the traitlets say where one stands, and send its picture."""
        self.settling = True
        self.cell, self.stage = (self.place.query, self.place.key), self.place.stage
        self.settling = False
        self.draw()

    def _asked(self, *_: Any) -> None:
        """Somebody has set a traitlet in Python."""
        if self.settling:
            return
        self.attention.check_head(self.head)
        self.place = self.bounded(replace(self.place, query=self.cell[0], key=self.cell[1], stage=self.stage, part=""))
        self._settle()

    def views(self) -> list[canvases.Data | None]:
        seen = self.seen()
        name = step_of(seen.steps, self.place)[1]
        return [walks.player(seen, seq=self.seq, most=SENT), walks.table(seen, name)]

    def choose(self, name: str, value: Any) -> None:
        self.seq = int(value["seq"])
        if name == "go":
            self._go({key: each for key, each in value.items() if key != "seq"})
        elif name == "follow":
            spot = str(value["spot"]), int(value["row"]), int(value["column"])
            jump = follow(self.walk, self.stack, self.layer, self.head, self.attention.d_head, *spot)
            self._jump(jump.stack, jump.layer, jump.head)
            self._go(jump.changes)

    def _go(self, changes: Mapping[str, Any]) -> None:
        known = {name: each for name, each in changes.items() if name in Place.__dataclass_fields__}
        if "joined" in changes:
            head, known["dim"] = divmod(int(changes["joined"]), self.attention.d_head)
            self._jump(self.stack, self.layer, head)
        self.place = self.bounded(replace(self.place, **known))
        self._settle()

    def _jump(self, stack: Stack, layer: int, head: int) -> None:
        """Another head, perhaps of another layer, whose walk is worked out then."""
        self.settling = True
        if (stack, layer) != (self.stack, self.layer):
            self.walk = walk_of(self.model, self.trace, stack, layer)
        self.stack, self.layer, self.head = stack, layer, head

    def figure(self) -> Picture:
        attention = self.attention
        title = f"{self.trace.model} · {self.stack} L{self.layer}H{self.head}"
        sides = attention.queries.pieces, attention.keys.pieces
        return figures.heatmap(attention.weights(self.head), *sides, title=title, words=words_in(self.language))

    def where(self) -> tuple[Attention, dict[str, Any]]:
        place = self.place
        stood = {"stage": place.stage, "part": place.part, "query": place.query, "key": place.key, "dim": place.dim}
        return self.attention, {"page": "steps", "head": self.head} | stood


def steps(
    trace: Trace,
    stack: Stack | None = None,
    layer: int = 0,
    head: int = 0,
    query: int | None = None,
    key: int | None = None,
    *,
    stage: int | None = None,
    model: Model | None = None,
    language: str = "en",
) -> Steps:
    """Every step from tokens to the output of one head, with this text's own numbers; `cell` (query, key), `head`, `stage` follow it.

    query, key: which tokens; what the last word looks at most where not given. model: whose trace it is, where its name does not
    load it (attnlab.record). Raises IndexError for what the trace does not have, InputError where the model cannot be walked.
    """
    attention = trace.at(trace.stacks[0] if stack is None else stack, layer)
    place: dict[str, Any] = {name: each for name, each in (("query", query), ("key", key), ("stage", stage)) if each is not None}
    return Steps(trace, model_of(trace, model), attention, attention.check_head(head), place, language)
