"""Heads in a notebook: one as a heat map, several as lines, all of them at a glance, a long text under a lens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets

from attnlab import figures
from attnlab.core.trace import Array, Attention, Stack, Trace
from attnlab.core.views import overview as pooled_overview
from attnlab.core.views import part, tempered_weights, thumbnails
from attnlab.figures import canvases, ramp
from attnlab.figures.picture import Picture
from attnlab.figures.style import words_in
from attnlab.models.outputs import array
from attnlab.widgets.widget import Widget
from attnlab.words import say

CLOSE = 2**-8  # how far a row's sum may be from 1: bfloat16 rounds each weight by up to half of that
WINDOW = 64  # tokens a side under the lens
LARGEST = 40  # pixels of a cell in a notebook
HIGH = 420  # pixels of a map: a cell's output is no window
Given = Attention | Array | Sequence[Any]


class Source:
    """Where weights come from: an attention sublayer, or an array or tensor of one's own with its labels."""

    def __init__(self, given: Given, queries: Sequence[str] | None, keys: Sequence[str] | None) -> None:
        if isinstance(given, Trace):
            raise TypeError("given is a whole trace: take one sublayer, trace.at(stack, layer), or show all heads, mosaic(trace)")
        if isinstance(given, tuple) and given and getattr(given[0], "ndim", 0) > 2:
            raise TypeError(f"given are the weights of {len(given)} layers: take one, attentions[layer]")
        self.attention = given if isinstance(given, Attention) else None
        self.array = None if self.attention is not None else array(given)
        if self.attention is not None:
            self.queries, self.keys = self.attention.queries.pieces, self.attention.keys.pieces
            self.n_heads = self.attention.n_heads
            return
        assert self.array is not None
        if self.array.ndim == 4 and len(self.array) == 1:
            self.array = self.array[0]
        if self.array.ndim not in (2, 3) or not self.array.size:
            raise ValueError(f"weights are [q k], [head q k] or [1 head q k] and not empty; got shape {self.array.shape}")
        self.array = self.array if self.array.ndim == 3 else self.array[None]
        n_q, n_k = self.array.shape[1:]
        self.queries = tuple(map(str, range(n_q))) if queries is None else tuple(map(str, queries))
        self.keys = tuple(map(str, range(n_k))) if keys is None else tuple(map(str, keys))
        if (n_q, n_k) != (len(self.queries), len(self.keys)):
            raise ValueError(f"weights are {n_q} x {n_k} but labels are {len(self.queries)} x {len(self.keys)}")
        self.n_heads = len(self.array)

    def check(self, head: int) -> int:
        if not 0 <= head < self.n_heads:
            raise IndexError(f"head {head} does not exist; there are heads 0 to {self.n_heads - 1}")
        return int(head)

    def weights(self, head: int, temperature: float = 1.0, rows: slice = slice(None)) -> Array:
        if self.attention is not None:
            return tempered_weights(self.attention, head, temperature, rows)
        assert self.array is not None
        return self.array[head, rows]

    def name(self, head: int) -> str:
        if self.attention is None:
            return f"H{head}" if self.n_heads > 1 else ""
        return f"{self.attention.stack} L{self.attention.layer}H{head}"

    def note(self, weights: Array, language: str) -> str:
        """What has to be said of these numbers: that rows do not sum to 1, that nothing but weights is known."""
        sums = np.nansum(np.where(np.isfinite(weights), weights, 0), -1)
        remarks = ["unsummed"] if np.isnan(weights).any() or np.abs(sums - 1).max(initial=0) > CLOSE else []
        remarks += ["weights_alone"] if self.attention is not None and not self.attention.recorded else []
        return " ".join(say(f"widgets.{remark}", language) for remark in remarks)


def ends(weights: Array, own: bool) -> tuple[ramp.Kind, float | None, float | None]:
    """The colour scale: 0 to 1 where weights are weights, else as far as the numbers go."""
    finite = weights[np.isfinite(weights)]
    if finite.size and finite.min() < 0:
        return "signed", None, None
    most = float(finite.max(initial=0.0)) or 1.0
    return "weights", 0.0, most if own or most > 1 + CLOSE else 1.0


@dataclass(frozen=True)
class How:
    """How a head is looked at: temperature of the softmax, colours up to its own largest weight, without special tokens, rows to 1."""

    temperature: float = 1.0
    own: bool = False
    bare: bool = False
    renormalise: bool = False


class Heatmap(Widget):
    components = ("matrix",)
    cell: Any = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=None, allow_none=True).tag(sync=True)
    head: Any = traitlets.Int(0).tag(sync=True)

    def __init__(self, source: Source, head: int, cell: tuple[int, int] | None, how: How, title: str | None, language: str) -> None:
        super().__init__(language, head=source.check(head), cell=cell)
        self.source, self.how, self.title = source, how, title
        self.draw()
        self.observe(self.draw, "head")
        self.observe(self.mark, "cell")

    @traitlets.validate("head")
    def _possible(self, proposal: Any) -> int:
        return self.source.check(proposal["value"]) if hasattr(self, "source") else int(proposal["value"])

    def seen(self) -> tuple[Array, list[str], list[str]]:
        """What is on screen: the weights, and the labels of both axes."""
        source = self.source
        weights = source.weights(self.head, self.how.temperature)
        if not (self.how.bare or self.how.renormalise) or source.attention is None:
            return weights, list(source.queries), list(source.keys)
        rows, columns = ([not (self.how.bare and x) for x in side.special] for side in (source.attention.queries, source.attention.keys))
        shown = part(weights, rows, columns, renormalise=self.how.renormalise)
        return shown.weights, [source.queries[i] for i in shown.rows], [source.keys[i] for i in shown.columns]

    def name(self) -> str:
        return self.source.name(self.head) if self.title is None else self.title

    def views(self) -> list[canvases.Data | None]:
        weights, queries, keys = self.seen()
        kind, low, high = ends(weights, self.how.own)
        note = self.source.note(weights, self.language)
        return [
            canvases.matrix(
                weights, queries, keys, words=self.words, kind=kind, low=low, high=high, pinned=self.cell, title=self.name(), note=note,
                height=HIGH, largest=LARGEST,
            )
        ]  # fmt: skip

    def now(self) -> list[dict[str, Any]]:
        return [{"pinned": list(self.cell or ())}]

    def choose(self, name: str, value: Any) -> None:
        if name == "cell":
            self.cell = cell_of(value)

    def figure(self) -> Picture:
        weights, queries, keys = self.seen()
        kind, low, high = ends(weights, self.how.own)
        limit = None if high is None else (low or 0.0, high)
        return figures.heatmap(
            weights, queries, keys, title=self.name(), limit=limit, signed=kind == "signed", words=words_in(self.language)
        )  # fmt: skip

    def where(self) -> tuple[Attention, dict[str, Any]]:
        return needed(self.source.attention, self.language), {"head": self.head, "cell": address_of(self.cell)}


def heatmap(
    attention: Given,
    head: int = 0,
    *,
    queries: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    cell: tuple[int, int] | None = None,
    temperature: float = 1.0,
    own: bool = False,
    bare: bool = False,
    renormalise: bool = False,
    title: str | None = None,
    language: str = "en",
) -> Heatmap:
    """One head, live: hover reads a number, a click pins a cell. `cell` and `head` can be read, watched and set.

    attention: of a trace, or an array or tensor of one's own, [q k], [head q k] or [1 head q k], with the labels of its queries and
    keys.
    own: colours up to the largest weight; bare: without special tokens; renormalise: rows shown sum to 1 again.
    Raises ValueError when labels and weights disagree, IndexError for a head that does not exist, TypeError for a whole trace.
    """
    how = How(temperature, own, bare, renormalise)
    return Heatmap(Source(attention, queries, keys), head, cell, how, title, language)


class Lines(Widget):
    components = ("lines",)
    heads: Any = traitlets.List(traitlets.Int()).tag(sync=True)
    head: Any = traitlets.Int(0).tag(sync=True)

    def __init__(
        self, source: Source, heads: Sequence[int], threshold: float, temperature: float, title: str | None, language: str
    ) -> None:
        chosen = [source.check(each) for each in heads]
        super().__init__(language, heads=chosen, head=chosen[0])
        self.source, self.threshold, self.temperature, self.title = source, threshold, temperature, title
        self.draw()
        self.observe(self.draw, "heads")

    def maps(self) -> Array:
        return np.stack([self.source.weights(each, self.temperature) for each in self.heads])

    def name(self) -> str:
        if self.title is not None:
            return self.title
        attention = self.source.attention
        return "" if attention is None else f"{attention.stack} L{attention.layer}"

    def views(self) -> list[canvases.Data | None]:
        names = [f"H{each}" for each in range(self.source.n_heads)]
        weights = self.maps()
        return [
            canvases.lines(
                weights, self.source.queries, self.source.keys, words=self.words, active=self.heads, names=names, slots=self.heads,
                threshold=self.threshold, title=self.name(), note=self.source.note(weights, self.language), height=HIGH,
            )
        ]  # fmt: skip

    def choose(self, name: str, value: Any) -> None:
        if name == "heads" and value:
            self.heads = [self.source.check(int(each)) for each in value]
            self.head = self.heads[0]

    def figure(self) -> Picture:
        names = [f"H{each}" for each in self.heads]
        colours = [ramp.HEADS[each % len(ramp.HEADS)] for each in self.heads]
        return figures.lines(
            self.maps(), self.source.queries, self.source.keys, title=self.name(), names=names, colours=colours, threshold=self.threshold,
            words=words_in(self.language),
        )  # fmt: skip

    def where(self) -> tuple[Attention, dict[str, Any]]:
        choices = {"head": self.heads[0], "heads": ",".join(map(str, self.heads)) if len(self.heads) > 1 else None}
        return needed(self.source.attention, self.language), choices


def lines(
    attention: Given,
    heads: Sequence[int] | int = (0,),
    *,
    queries: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    threshold: float = 0.02,
    temperature: float = 1.0,
    title: str | None = None,
    language: str = "en",
) -> Lines:
    """Tokens on two sides and a line for each weight of at least `threshold`; squares switch heads on and off. `heads` can be watched.

    Raises ValueError when labels and weights disagree or no head is named, IndexError for a head that does not exist.
    """
    chosen = [heads] if isinstance(heads, int) else list(heads)
    if not chosen:
        raise ValueError("lines need at least one head")
    return Lines(Source(attention, queries, keys), chosen, threshold, temperature, title, language)


class Mosaic(Widget):
    components = ("mosaic", "matrix")
    layer: Any = traitlets.Int(None, allow_none=True).tag(sync=True)
    head: Any = traitlets.Int(None, allow_none=True).tag(sync=True)
    cell: Any = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=None, allow_none=True).tag(sync=True)

    def __init__(self, trace: Trace, stack: Stack, own: bool, language: str) -> None:
        super().__init__(language)
        self.trace, self.stack, self.own = trace, stack, own
        trace.at(stack, 0)
        self.small = thumbnails(trace.layers(stack), side=WINDOW)
        self.draw()
        self.observe(self._opened, ["layer", "head"])
        self.observe(self.mark, "cell")

    def open_head(self, layer: int, head: int) -> None:
        """Show a head below the others. Raises IndexError for one that does not exist."""
        self.trace.at(self.stack, layer).check_head(head)
        with self.hold_trait_notifications():
            self.layer, self.head, self.cell = layer, head, None

    def _opened(self, *_: Any) -> None:
        if self.layer is not None and self.head is not None:
            self.trace.at(self.stack, self.layer).check_head(self.head)
        self.draw()

    def opened(self) -> Attention | None:
        return None if self.layer is None or self.head is None else self.trace.at(self.stack, self.layer)

    def name(self) -> str:
        return f"{self.trace.model} · {self.stack}"

    def views(self) -> list[canvases.Data | None]:
        every = canvases.mosaic(self.small, words=self.words, own=self.own, title=self.name(), height=HIGH)
        attention = self.opened()
        if attention is None or self.head is None:
            return [every, None]
        one = canvases.matrix(
            attention.weights(self.head), attention.queries.pieces, attention.keys.pieces, words=self.words, height=HIGH, largest=LARGEST,
            title=f"{self.stack} L{self.layer}H{self.head}",
        )  # fmt: skip
        return [every, one]

    def now(self) -> list[dict[str, Any]]:
        return [{}, {"pinned": list(self.cell or ())}]

    def choose(self, name: str, value: Any) -> None:
        if name == "head":
            self.open_head(int(value["layer"]), int(value["head"]))
        elif name == "cell":
            self.cell = cell_of(value)

    def figure(self) -> Picture:
        layers = self.trace.layers(self.stack)
        weights = [layer.all_weights() for layer in layers]
        sides = layers[0].queries.pieces, layers[0].keys.pieces
        return figures.mosaic(weights, *sides, title=self.name(), own=self.own, words=words_in(self.language))

    def where(self) -> tuple[Attention, dict[str, Any]]:
        attention = self.opened()
        if attention is None:
            return self.trace.at(self.stack, 0), {"page": "layers", "own": "true" if self.own else None}
        return attention, {"head": self.head, "cell": address_of(self.cell)}


def mosaic(trace: Trace, stack: Stack | None = None, *, own: bool = False, language: str = "en") -> Mosaic:
    """Every head of a stack, small; a click opens one below. `layer`, `head` and `cell` can be read, watched and set.

    own: colours up to each head's own largest weight. Raises IndexError for a stack that the trace does not have.
    """
    if not isinstance(trace, Trace):
        raise TypeError(f"a mosaic is of a whole trace, not of {type(trace).__name__}: model.trace(text), or attnlab.from_outputs")
    return Mosaic(trace, trace.stacks[0] if stack is None else stack, own, language)


class Overview(Widget):
    components = ("overview", "matrix")
    at: Any = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0)).tag(sync=True)
    cell: Any = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=None, allow_none=True).tag(sync=True)
    head: Any = traitlets.Int(0).tag(sync=True)

    def __init__(self, source: Source, head: int, temperature: float, language: str) -> None:
        super().__init__(language, head=source.check(head))
        self.source, self.temperature = source, temperature
        self.window = min(WINDOW, len(source.queries), len(source.keys))
        self.pooled = self._pooled()
        self.draw()
        self.observe(self._another, "head")
        self.observe(self.draw, "at")
        self.observe(self.mark, "cell")

    def _pooled(self) -> Array:
        n_q, n_k = len(self.source.queries), len(self.source.keys)
        return pooled_overview(lambda rows: self.source.weights(self.head, self.temperature, rows), n_q, n_k)

    def _another(self, *_: Any) -> None:
        self.source.check(self.head)
        self.pooled = self._pooled()
        self.draw()

    def rows(self) -> Array:
        """All weights of the queries under the lens. [q k]"""
        return self.source.weights(self.head, self.temperature, slice(self.at[0], self.at[0] + self.window))

    def lens(self) -> tuple[Array, list[str], list[str]]:
        """What is under the lens: exact weights and the labels of both axes."""
        row, column = self.at
        weights = self.rows()[:, column : column + self.window]
        return weights, list(self.source.queries[row : row + self.window]), list(self.source.keys[column : column + self.window])

    def views(self) -> list[canvases.Data | None]:
        n_q, n_k = len(self.source.queries), len(self.source.keys)
        whole = canvases.overview(
            self.pooled, n_q, n_k, words=self.words, window=self.window, at=self.at, title=self.source.name(self.head), height=HIGH
        )  # fmt: skip
        weights, queries, keys = self.lens()
        title = say("widgets.lens", self.language, q=self.at[0], k=self.at[1])
        kind, low, high = ends(weights, bool(weights.max(initial=0) < 0.5))
        exact = canvases.matrix(
            weights, queries, keys, words=self.words, kind=kind, low=low, high=high, title=title, height=HIGH, numbers=False,
            note=self.source.note(self.rows(), self.language),
        )  # fmt: skip
        return [whole, exact]

    def now(self) -> list[dict[str, Any]]:
        return [{}, {"pinned": list(self.cell or ())}]

    def choose(self, name: str, value: Any) -> None:
        if name == "at":
            self.cell = None
            bounds = len(self.source.queries) - self.window, len(self.source.keys) - self.window
            row, column = (max(0, min(int(each), bound)) for each, bound in zip(value, bounds, strict=True))
            self.at = (row, column)
        elif name == "cell":
            self.cell = cell_of(value)

    def figure(self) -> Picture:
        weights, queries, keys = self.lens()
        return figures.heatmap(weights, queries, keys, title=self.source.name(self.head), words=words_in(self.language))

    def where(self) -> tuple[Attention, dict[str, Any]]:
        return needed(self.source.attention, self.language), {"head": self.head}


def overview(
    attention: Given,
    head: int = 0,
    *,
    queries: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    temperature: float = 1.0,
    language: str = "en",
) -> Overview:
    """A long text in blocks, and the exact weights under a lens that follows the pointer. `at` is its first row and column.

    Raises ValueError when labels and weights disagree, IndexError for a head that does not exist.
    """
    return Overview(Source(attention, queries, keys), head, temperature, language)


def cell_of(value: Sequence[float]) -> tuple[int, int] | None:
    """A pin as the browser says it: row, column and when; -1 for none."""
    return None if value[0] < 0 else (int(value[0]), int(value[1]))


def address_of(cell: tuple[int, int] | None) -> str | None:
    """A pin as the app's address says it."""
    return None if cell is None else f"{cell[0]},{cell[1]}"


def needed(attention: Attention | None, language: str) -> Attention:
    if attention is None:
        raise ValueError(say("widgets.unknown_app", language))
    return attention
