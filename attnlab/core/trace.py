"""What one forward pass leaves behind: tokens, q, k and v of every attention sublayer. Weights are computed when asked."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from importlib import import_module
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Stack = Literal["encoder", "decoder", "cross"]
STACKS: tuple[Stack, ...] = ("encoder", "decoder", "cross")


class MaskedRowError(ValueError):
    """A query may look at no key at all, so its weights do not exist. row: the first such row of those that were asked for."""

    def __init__(self, row: int, said: str = "") -> None:
        super().__init__(said or f"row {row} has no key to look at")
        self.row = row


class NotRecordedError(ValueError):
    """This model shows its weights but not the q, k and v they came from."""


def frozen(array: Any) -> Array:
    """The same numbers as a float32 array that refuses writing (a copy only where the type has to change)."""
    array = np.asarray(array, dtype=np.float32)
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a model reads. Every field has one entry per token.

    pieces: readable text; words: index of the word a piece belongs to, None for special tokens;
    offsets: [start, end) in the text it came from, None for special tokens; segments: 0 first text, 1 second text.
    """

    pieces: tuple[str, ...]
    ids: tuple[int, ...]
    special: tuple[bool, ...]
    words: tuple[int | None, ...]
    offsets: tuple[tuple[int, int] | None, ...]
    segments: tuple[int, ...]

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in self.__dataclass_fields__}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"every field of Tokens has one entry per token; got {lengths}")

    def __len__(self) -> int:
        return len(self.pieces)


@dataclass(frozen=True, slots=True)
class Origin:
    """Which forward pass a sublayer is of. target: what the decoder was made to write, None where it wrote by itself."""

    model: str
    revision: str
    text: str
    pair: str | None
    target: str | None


@dataclass(frozen=True, eq=False)
class Attention:
    """One attention sublayer of one sentence.

    q: [h q d], k and v: [h_kv k d], where h_kv divides h (grouped-query attention); all None when `stored` is given.
    scale: what q·k is multiplied by, usually 1/sqrt(d). soft_cap: scores become cap·tanh(scores/cap) before the bias.
    bias: additive position bias and mask (masked = -inf), broadcastable to [h q k], or None.
    causal: query i sees keys 0 to i only; window: it sees fewer than `window` tokens far, back and ahead (both on top of the bias).
    sinks: [h], a score that every row shares and that takes weight away (gpt-oss).
    stored: [h q k], weights that do not follow from q and k: those of a model that gives nothing else, or that were edited.
    stored_z: [h q d], z that was edited.
    Of a long text v may be a function that gives it: `need("v")` is v in either case.
    origin: whose it is, once a trace holds it.
    """

    stack: Stack
    layer: int
    queries: Tokens
    keys: Tokens
    q: Array | None
    k: Array | None
    v: Array | Callable[[], Array] | None
    scale: float = 1.0
    bias: Array | None = None
    causal: bool = False
    window: int | None = None
    soft_cap: float | None = None
    sinks: Array | None = None
    stored: Array | None = None
    stored_z: Array | None = None
    origin: Origin | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("q", "k", "v", "bias", "sinks", "stored", "stored_z"):
            if (given := getattr(self, name)) is not None and not callable(given):
                object.__setattr__(self, name, frozen(given))
        if self.stored is None and (self.q is None or self.k is None or self.v is None):
            raise ValueError("an attention sublayer needs q, k and v, or stored weights")
        shape = (self.n_heads, len(self.queries), len(self.keys))
        if self.stored is not None and self.stored.shape != shape:
            raise ValueError(f"stored weights are {self.stored.shape} but heads, queries and keys are {shape}")
        if self.q is not None and self.k is not None and (self.q.shape[1], self.k.shape[1]) != shape[1:]:
            raise ValueError(f"q and k have {self.q.shape[1]} and {self.k.shape[1]} rows but there are {shape[1:]} tokens")

    @property
    def recorded(self) -> bool:
        """Whether q, k and v are here, and not weights alone."""
        return self.q is not None

    @property
    def n_heads(self) -> int:
        holder = self.stored if self.q is None else self.q
        assert holder is not None
        return int(holder.shape[0])

    @property
    def d_head(self) -> int:
        return int(self.need("q").shape[-1])

    def need(self, name: Literal["q", "k", "v"]) -> Array:
        """q, k or v, or an error that says why it is not here."""
        array: Array | Callable[[], Array] | None = getattr(self, name)
        if array is None:
            raise NotRecordedError(f"{self.stack} L{self.layer}: this model gives its weights but not {name}")
        return array() if callable(array) else array

    def kv_head(self, head: int) -> int:
        """Which key/value head a query head reads."""
        return self.check_head(head) // (self.n_heads // self.need("k").shape[0])

    def check_head(self, head: int) -> int:
        if not 0 <= head < self.n_heads:
            raise IndexError(f"head {head} does not exist; {self.stack} layer {self.layer} has heads 0 to {self.n_heads - 1}")
        return head

    def products(self, head: int, rows: slice = slice(None)) -> Array:
        """q·k before scaling. [q k]"""
        return frozen(self.need("q")[self.check_head(head), rows] @ self.need("k")[self.kv_head(head)].T)

    def added(self, head: int, rows: slice = slice(None)) -> Array:
        """What is added to the scaled products: position bias and mask, -inf where a key is hidden. [q k]"""
        queries = np.arange(len(self.queries), dtype=np.int32)[rows, None]  # [q 1]
        keys = np.arange(len(self.keys), dtype=np.int32)
        added = np.zeros((len(queries), len(keys)), np.float32)
        if self.bias is not None:
            bias = self.bias[head if self.bias.shape[0] > 1 else 0]
            added += bias[rows if bias.shape[0] > 1 else slice(None)]
        if self.causal:
            added[keys > queries] = -np.inf
        if self.window is not None:
            added[np.abs(queries - keys) >= self.window] = -np.inf
        return frozen(added)

    def visible(self) -> NDArray[np.bool_]:
        """Which keys a query may see, by mask, causality and window; of weights alone, those that some head gives weight. [q k]"""
        if self.stored is not None:
            return np.asarray((self.stored > 0).any(0))
        heads = 1 if self.bias is None else self.bias.shape[0]
        return np.asarray(np.isfinite([self.added(head) for head in range(heads)]).any(0))

    @property
    def adds(self) -> bool:
        """Whether anything is added to the scaled products at all."""
        return self.bias is not None or self.causal or self.window is not None

    def scores(self, head: int, rows: slice = slice(None)) -> Array:
        """q·k·scale, soft-capped where the model does so, plus position bias and mask. [q k]"""
        scores = self.products(head, rows) * np.float32(self.scale)
        if self.soft_cap is not None:
            scores = self.soft_cap * np.tanh(scores / np.float32(self.soft_cap))
        if self.adds:
            scores = scores + self.added(head, rows)
        return frozen(scores)

    def weights(self, head: int, rows: slice = slice(None)) -> Array:
        """softmax(scores), exactly what the model used. [q k], rows sum to 1 (less with sinks).

        Raises MaskedRowError where a query may look at no key, IndexError for a head that does not exist.
        """
        if self.stored is not None:
            return frozen(self.stored[self.check_head(head), rows])
        sink = None if self.sinks is None else float(self.sinks[head])
        try:
            return softmax(self.scores(head, rows), sink=sink)
        except MaskedRowError as error:
            row = range(len(self.queries))[rows][error.row]
            piece = self.queries.pieces[row]
            raise MaskedRowError(row, f"row {row} ({piece!r}) of {self.stack} L{self.layer}H{head}: every key is masked") from None

    def z(self, head: int, rows: slice = slice(None)) -> Array:
        """weights·v: what the head hands on. [q d]"""
        if self.stored_z is not None:
            return frozen(self.stored_z[self.check_head(head), rows])
        return frozen(self.weights(head, rows) @ self.need("v")[self.kv_head(head)])

    def all_weights(self) -> Array:
        """Every head at once. [h q k]"""
        return self.stored if self.stored is not None else frozen(np.stack([self.weights(head) for head in range(self.n_heads)]))

    def __repr__(self) -> str:
        return f"Attention({self.stack} L{self.layer}, {self.n_heads} heads, {len(self.queries)} x {len(self.keys)} tokens)"

    def _repr_mimebundle_(self, **_: Any) -> Any:
        """Head 0 as a heat map, live where a notebook can."""
        return display(self)

    def _display_(self) -> Any:
        """The same for marimo, which asks for the object to show."""
        return display(self, as_object=True)


def softmax(scores: Array, *, sink: float | None = None) -> Array:
    """exp(scores) divided by its row sum; a sink adds exp(sink) to the sum only. [q k] -> [q k]

    Raises MaskedRowError, naming the first row, when every score of a row is -inf.
    """
    top = scores.max(-1, keepdims=True)  # [q 1]
    if not np.isfinite(top).all():
        raise MaskedRowError(int(np.argmin(np.isfinite(top[:, 0]))))
    if sink is not None:
        top = np.maximum(top, np.float32(sink))
    exponentials = np.exp(scores - top)  # [q k]
    total = exponentials.sum(-1, keepdims=True)  # [q 1]
    if sink is not None:
        total += np.exp(np.float32(sink) - top)
    exponentials /= total
    return frozen(exponentials)


class Later(Mapping[str, tuple[Array, ...]]):
    """Arrays by stack that are made when they are first asked for, once, by whichever thread comes first."""

    def __init__(self, stacks: Iterable[str], make: Callable[[], Mapping[str, Iterable[Any]]]) -> None:
        self._stacks, self._make, self._lock = tuple(stacks), make, threading.Lock()
        self._made: dict[str, tuple[Array, ...]] | None = None

    def __getitem__(self, stack: str) -> tuple[Array, ...]:
        if stack not in self._stacks:
            raise KeyError(stack)
        with self._lock:
            if self._made is None:
                self._made = {name: tuple(frozen(x) for x in layers) for name, layers in self._make().items()}
            return self._made[stack]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stacks)

    def __len__(self) -> int:
        return len(self._stacks)


@dataclass(frozen=True, eq=False)
class Trace:
    """One immutable record of one forward pass.

    residual: per stack, the residual stream before each layer and after the last one, each [n d]; of a long text it may be made
    when it is first read.
    positions: what tokens were given in place of 0, 1, 2, ... ("none": no position at all), None where nothing was changed.
    edits: what the run was told to do otherwise (attnlab.core.edits), in order; empty for the model's own run.
    made_by: gives the model while it is in memory, else None.
    made: how the target came to be: "given", "decoded" by the model, or None when there is no target.
    outputs: what the model said, by name (for example "logits" [n vocabulary], "probabilities" [classes], "pooling" [n]).
    """

    model: str
    revision: str
    text: str
    source: Tokens
    attentions: tuple[Attention, ...]
    pair: str | None = None
    target_text: str | None = None
    target: Tokens | None = None
    made: Literal["given", "decoded"] | None = None
    dtype: str = "float32"
    positions: tuple[int, ...] | Literal["none"] | None = None
    edits: tuple[Any, ...] = ()
    made_by: Callable[[], Any] | None = field(default=None, repr=False)
    residual: Mapping[str, tuple[Array, ...]] = field(default_factory=dict)
    outputs: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.residual, Later | MappingProxyType):
            streams = {stack: tuple(frozen(x) for x in layers) for stack, layers in self.residual.items()}
            object.__setattr__(self, "residual", MappingProxyType(streams))
        if self.positions is not None and self.positions != "none":
            object.__setattr__(self, "positions", tuple(map(int, self.positions)))
        object.__setattr__(self, "outputs", MappingProxyType({name: frozen(x) for name, x in self.outputs.items()}))
        given = self.target_text if self.made == "given" else None
        origin = Origin(self.model, self.revision, self.text, self.pair, given)
        for attention in self.attentions:
            object.__setattr__(attention, "origin", origin)

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells this trace from every other: two traces with the same key hold the same numbers. Hashable."""
        return (
            self.model,
            self.revision,
            self.text,
            self.pair,
            self.target_text,
            self.target and self.target.ids,
            self.positions,
            self.edits,
        )

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """The stacks this trace has, in reading order."""
        here = {attention.stack for attention in self.attentions}
        return tuple(stack for stack in STACKS if stack in here)

    def layers(self, stack: Stack) -> tuple[Attention, ...]:
        """Every sublayer of one stack, from layer 0."""
        return tuple(attention for attention in self.attentions if attention.stack == stack)

    def at(self, stack: Stack, layer: int) -> Attention:
        """One sublayer. Raises IndexError that lists what is there."""
        layers = self.layers(stack)
        if not layers:
            raise IndexError(f"{self.model} has no {stack!r} stack; it has {', '.join(self.stacks)}")
        if not 0 <= layer < len(layers):
            raise IndexError(f"layer {layer} does not exist; the {stack} of {self.model} has layers 0 to {len(layers) - 1}")
        return layers[layer]

    def __repr__(self) -> str:
        size = ", ".join(f"{s}: {len(self.layers(s))} x {self.layers(s)[0].n_heads} heads" for s in self.stacks)
        edited = f", {len(self.edits)} edits" if self.edits else ""
        return f"Trace({self.model!r}, {len(self.source)} tokens, {size}{edited})"

    def _repr_mimebundle_(self, **_: Any) -> Any:
        """Every head of the first stack, live where a notebook can."""
        return display(self)

    def _display_(self) -> Any:
        """The same for marimo, which asks for the object to show."""
        return display(self, as_object=True)

    def _repr_html_(self) -> str:
        seen = self.attentions[0]
        corner = f"<th>{escape(seen.stack)} L{seen.layer}H0</th>"
        head = "".join(f"<th>{escape(piece)}</th>" for piece in seen.keys.pieces[:32])
        rows = ""
        for piece, row in zip(seen.queries.pieces[:32], seen.weights(0)[:32, :32], strict=False):
            cells = "".join(f'<td style="background:rgba(0,114,178,{w:.2f})">{w:.2f}</td>' for w in row)
            rows += f"<tr><th>{escape(piece)}</th>{cells}</tr>"
        return f"<p>{escape(repr(self))}</p><table><tr>{corner}{head}</tr>{rows}</table>"


def display(shown: Attention | Trace, *, as_object: bool = False) -> Any:
    """What a notebook shows of a last line. Core draws nothing: the room of the widgets is asked by name."""
    room = import_module("attnlab.widgets.display")
    return room.live(shown) if as_object else room.bundle(shown)
