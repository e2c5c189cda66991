"""What to train: the tasks, the shape and the recipe that each begins with, and a plan that says what is different."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from attnlab.models.inhouse.decoding import check_range
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.training.loop import Recipe
from attnlab.training.tasks import LETTERS, TASKS, TRAINED
from attnlab.training.tokenizer import SPECIALS
from attnlab.words import InputError

Kind = Literal["copy", "reverse", "sort", "translate", "classify", "generate", "write", "fill"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Unit = Literal["pieces", "characters"]

SMALL: dict[str, Any] = {"d_model": 64, "d_ff": 256, "n_heads": 8, "encoder_layers": 3, "dropout": 0.0, "max_tokens": 64}
QUICK: dict[str, Any] = {"steps": 3000, "warmup": 300, "rate": 3e-3, "batch": 800, "smoothing": 0.0, "validate_every": 250}
SHAPES: dict[Kind, dict[str, Any]] = {
    "copy": SMALL,
    "reverse": SMALL,
    "sort": SMALL,
    "translate": {"d_model": 256, "d_ff": 1024, "max_tokens": 128},
    "classify": {"d_model": 64, "d_ff": 256, "encoder_layers": 2, "dropout": 0.3, "max_tokens": 256},
    "generate": {"d_model": 128, "d_ff": 512, "max_tokens": 256},
    "write": {"d_model": 192, "d_ff": 768, "decoder_layers": 4, "positions": "rotary", "dropout": 0.0, "max_tokens": 256},
    "fill": {"d_model": 192, "d_ff": 768, "encoder_layers": 4, "positions": "rotary", "max_tokens": 128},
}
FAST: dict[str, Any] = {"warmup": 150, "rate": 3e-3, "batch": 2048, "smoothing": 0.0, "validate_every": 250, "optimizer": "muon"}
RECIPES: dict[Kind, dict[str, Any]] = {
    "copy": QUICK,
    "reverse": QUICK,
    "sort": QUICK,
    "translate": {"steps": 10000, "warmup": 1000},
    "classify": {"steps": 600, "warmup": 60, "rate": 5e-4, "batch": 1000, "smoothing": 0.0, "validate_every": 50, "pool_rate": 20.0},
    "generate": {"steps": 5000, "warmup": 500},
    "write": FAST,
    "fill": FAST,
}
STACKS: dict[Kind, tuple[str, ...]] = {"translate": ("encoder", "decoder"), "generate": ("decoder",), "write": ("decoder",)}
# every other task: the encoder


@dataclass(frozen=True)
class Plan:
    """What to train. shape: choices of Config that differ from the task's own.

    vocab: pieces of a trained tokenizer (with init: how many of the commonest are kept). data and valid: TSV files, or texts for write
    and fill; a twentieth of data is held out when valid is None. probes: sentences whose attention is kept along the way (source TAB
    target for a translator); two held-out rows if none.
    init: "bert" begins a classifier, or a filler of holes, with the shipped BERT; "fill-en" or "fill-zh" a classifier with that filler of
    holes. last: how many of the last layers learn, beside the output (None: everything does). teacher: a model whose outputs and
    last layer are learned instead of the text (write, fill), its outputs at a temperature.
    source and licence: of the data. unit: what a piece is (write, fill). again, drawn: the shares of rows in which a segment of the
    text, or one of random pieces, comes again and again (write, a text with empty lines). mask: the least and the most of a sentence's
    pieces that are hidden, whole_words: whether all pieces of a word that is hit are (fill). without: heads that are knocked out from the
    first step on, as "L0H2": what they write stays 0.
    """

    kind: Kind
    recipe: Recipe
    shape: dict[str, Any] = field(default_factory=dict)
    data: Path | None = None
    valid: Path | None = None
    vocab: int = 5000
    lengths: tuple[int, int] = TRAINED
    probes: tuple[str, ...] = ()
    init: str | None = None
    source: str = ""
    licence: str = ""
    unit: Unit = "pieces"
    again: float = 0.05
    drawn: float = 0.04
    mask: tuple[float, float] = (0.15, 0.3)
    whole_words: bool = False
    without: tuple[str, ...] = ()
    last: int | None = None
    teacher: str | None = None
    temperature: float = 2.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError("error.choice", name="task", given=self.kind, known=", ".join(KINDS))
        if self.kind not in TASKS and self.data is None:
            raise InputError("error.needs_data", task=self.kind)
        begins = {"classify": ("bert", "fill-en", "fill-zh"), "fill": ("bert",)}.get(self.kind, ())
        if self.init is not None and self.init not in begins:
            raise InputError("error.init", given=self.init)
        if self.teacher is not None and self.kind not in ("write", "fill"):
            raise InputError("error.teacher", task=self.kind)
        check_range("temperature", self.temperature, 0.1, 100)
        check_range("last", 0 if self.last is None else self.last, 0, 1000)
        if self.unit not in get_args(Unit):
            raise InputError("error.choice", name="unit", given=self.unit, known=", ".join(get_args(Unit)))
        for name, share in (("again", self.again), ("drawn", self.drawn), ("again + drawn", self.again + self.drawn)):
            check_range(name, share, 0, 1)
        for share in self.mask:
            check_range("mask", share, 0.01, 0.9)


def plan(kind: Kind, *, recipe: Mapping[str, Any] | None = None, **rest: Any) -> Plan:
    """A Plan with the task's own recipe where nothing else is said."""
    if kind not in KINDS:
        raise InputError("error.choice", name="task", given=kind, known=", ".join(KINDS))
    return Plan(kind, Recipe(**{**RECIPES[kind], **(recipe or {})}), **rest)


def read_plan(said: dict[str, Any]) -> Plan:
    """A Plan as json.dumps(asdict(plan), default=str) wrote it."""
    paths = {name: None if said[name] is None else Path(said[name]) for name in ("data", "valid")}
    tuples = {name: tuple(said.get(name, ())) for name in ("lengths", "probes", "mask", "without")}
    return Plan(**said | paths | tuples | {"recipe": Recipe(**said["recipe"])})


def layers_of(kind: Kind, layers: int) -> dict[str, int]:
    """So many layers for each stack that a task has, as choices of Config."""
    return {f"{stack}_layers": layers for stack in STACKS.get(kind, ("encoder",))}


def config_of(wanted: Plan, *, vocab: int, classes: int = 0) -> Config:
    """The shape of the model that a plan leads to. Raises InputError for one that cannot be."""
    absent = {f"{stack}_layers": 0 for stack in ("encoder", "decoder") if stack not in STACKS.get(wanted.kind, ("encoder",))}
    task = "tag" if wanted.kind in TASKS else "generate" if wanted.kind == "write" else wanted.kind
    return Config(task, vocab=vocab, classes=classes, **{**absent, **SHAPES[wanted.kind], **wanted.shape})  # type: ignore[arg-type]


def parameters(wanted: Plan) -> int:
    """How many numbers a plan's model has at most; nothing is allocated. Raises InputError for a shape that cannot be."""
    vocab = len(LETTERS) + len(SPECIALS) if wanted.kind in TASKS else wanted.vocab
    config = config_of(wanted, vocab=vocab, classes=2 if wanted.kind == "classify" else 0)
    with torch.device("meta"):
        return sum(p.numel() for p in Transformer(config).parameters())
