"""One training from a file (or a generated task) to a model folder: what the command line and the Train page both call."""

import json
import random
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from tokenizers import Tokenizer
from torch import nn

from attnlab.files import make_folder, write
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.training.checkpoint import NAME, load_checkpoint, save_checkpoint
from attnlab.training.data import Batch, Example, Row, batches, buckets, collate, read_labelled, read_rows
from attnlab.training.loop import Progress, Recipe, Scores, Trainer
from attnlab.training.loss import cross_entropy
from attnlab.training.snapshots import snapshot
from attnlab.training.tasks import LETTERS, TASKS, TRAINED, draw, task_batches
from attnlab.training.tokenizer import SPECIALS, letter_tokenizer, train_tokenizer
from attnlab.words import InputError

Kind = Literal["copy", "reverse", "sort", "translate", "classify", "generate"]
KINDS: tuple[Kind, ...] = get_args(Kind)

SMALL: dict[str, Any] = {"d_model": 64, "d_ff": 256, "n_heads": 8, "encoder_layers": 3, "dropout": 0.0, "max_tokens": 64}
QUICK: dict[str, Any] = {"steps": 3000, "warmup": 300, "rate": 3e-3, "batch": 800, "smoothing": 0.0, "validate_every": 250}
SHAPES: dict[Kind, dict[str, Any]] = {
    "copy": SMALL,
    "reverse": SMALL,
    "sort": SMALL,
    "translate": {"d_model": 256, "d_ff": 1024, "max_tokens": 128},
    "classify": {"d_model": 64, "d_ff": 256, "encoder_layers": 2, "dropout": 0.3, "max_tokens": 256},
    "generate": {"d_model": 128, "d_ff": 512, "max_tokens": 256},
}
RECIPES: dict[Kind, dict[str, Any]] = {
    "copy": QUICK,
    "reverse": QUICK,
    "sort": QUICK,
    "translate": {"steps": 10000, "warmup": 1000},
    "classify": {"steps": 600, "warmup": 60, "rate": 5e-4, "batch": 1000, "smoothing": 0.0, "validate_every": 50, "pool_rate": 20.0},
    "generate": {"steps": 5000, "warmup": 500},
}
HELD_OUT = 0.05


@dataclass(frozen=True)
class Plan:
    """What to train. shape: choices of Config that differ from the task's own.

    vocab: pieces of a trained tokenizer (with init: how many of the commonest are kept). data and valid: TSV files; a twentieth
    of data is held out when valid is None. probes: sentences whose attention is kept along the way (source TAB target for a
    translator); two held-out rows if none. init: "bert" begins a classifier with the first layers of the shipped BERT.
    source and licence: of the data.
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

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError("error.choice", name="task", given=self.kind, known=", ".join(KINDS))
        if self.kind not in TASKS and self.data is None:
            raise InputError("error.needs_data", task=self.kind)
        if self.init not in (None, "bert") or (self.init == "bert" and self.kind != "classify"):
            raise InputError("error.init", given=self.init)


def plan(kind: Kind, *, recipe: dict[str, Any] | None = None, **rest: Any) -> Plan:
    """A Plan with the task's own recipe where nothing else is said."""
    if kind not in KINDS:
        raise InputError("error.choice", name="task", given=kind, known=", ".join(KINDS))
    return Plan(kind, Recipe(**(RECIPES[kind] | (recipe or {}))), **rest)


@dataclass(frozen=True)
class Material:
    """Everything a training reads: batches from any step on, the validation batches, and the rows that were refused."""

    tokenizer: Tokenizer
    from_step: Callable[[int], Iterator[Batch]]
    valid: tuple[Batch, ...]
    module: Transformer
    labels: tuple[str, ...] = ()
    refused: tuple[tuple[int, str], ...] = ()
    examples: int = 0
    probes: tuple[str, ...] = ()


def prepare(wanted: Plan) -> Material:
    """Read, tokenise and build. Raises InputError for data that cannot be trained on."""
    torch.manual_seed(wanted.recipe.seed)
    return letters_material(wanted) if wanted.kind in TASKS else file_material(wanted)


def letters_material(wanted: Plan) -> Material:
    tokenizer = letter_tokenizer(LETTERS)
    ids, task, recipe = tokenizer.get_vocab(), wanted.kind, wanted.recipe
    assert task in TASKS
    config = Config("tag", vocab=len(ids), **({"decoder_layers": 0} | SHAPES[task] | wanted.shape))
    if wanted.lengths[1] > config.max_tokens:
        raise InputError("error.too_long", n=wanted.lengths[1], limit=config.max_tokens)

    def from_step(step: int) -> Iterator[Batch]:
        return task_batches(task, ids, size=recipe.batch, seed=recipe.seed, start=step, lengths=wanted.lengths)

    probes = tuple(" ".join(draw(random.Random(i), 10)) for i in range(2))
    valid = task_batches(task, ids, size=recipe.batch, seed=-1 - recipe.seed, lengths=wanted.lengths)
    return Material(tokenizer, from_step, tuple(islice(valid, 10)), Transformer(config), probes=probes)


def file_material(wanted: Plan) -> Material:
    assert wanted.data is not None
    read = {"classify": read_labelled}.get(wanted.kind, lambda path: read_rows(path, 1 if wanted.kind == "generate" else 2))
    rows = read(wanted.data)
    good, held = list(rows.good), read(wanted.valid).good if wanted.valid else ()
    if not held:
        random.Random(0).shuffle(good)
        cut = max(1, int(len(good) * HELD_OUT))
        good, held = good[cut:], tuple(good[:cut])
    labels = tuple(sorted({row[0] for row in rows.good})) if wanted.kind == "classify" else ()
    strange = {row[0] for row in held} - set(labels) if labels else set()
    if strange or not good:
        raise InputError("error.labels", given=", ".join(sorted(strange)), known=", ".join(labels))
    texts = [text for row in good for text in row[bool(labels) :]]
    if wanted.init == "bert":
        tokenizer, module = bert_start(wanted, texts, len(labels))
    else:
        tokenizer = train_tokenizer(texts, vocab=wanted.vocab)
        config_of = {"translate": {}, "classify": {"classes": len(labels), "decoder_layers": 0}, "generate": {"encoder_layers": 0}}
        choices = config_of[wanted.kind] | SHAPES[wanted.kind] | wanted.shape
        module = Transformer(Config(wanted.kind, vocab=tokenizer.get_vocab_size(), **choices))  # type: ignore[arg-type]
    limit = module.config.max_tokens
    examples = encode(tokenizer, good, wanted.kind, labels)
    long = tuple((i + 1, f"more than {limit} tokens") for i, example in enumerate(examples) if len(example) > limit)
    examples = [example for example in examples if len(example) <= limit]
    short = [
        (row, example) for row, example in zip(held, encode(tokenizer, held, wanted.kind, labels), strict=True) if len(example) <= limit
    ]
    valid = [example for _, example in short]
    if not examples or not valid:
        raise InputError("error.no_rows", path=str(wanted.data), columns=2, bad=len(long))
    recipe = wanted.recipe

    def from_step(step: int) -> Iterator[Batch]:
        return batches(examples, recipe.batch, seed=recipe.seed, start=step * recipe.accumulate)

    probes = tuple("\t".join(row[bool(labels) :]) for row, _ in short[:2])
    groups = buckets(valid, 2 * recipe.batch, random.Random(0))
    held_batches = tuple(collate([valid[i] for i in group]) for group in groups)
    return Material(tokenizer, from_step, held_batches, module, labels, rows.bad + long, len(examples), probes)


def bert_start(wanted: Plan, texts: Sequence[str], classes: int) -> tuple[Tokenizer, Transformer]:
    """A classifier whose encoder begins as the first layers of the shipped BERT, with the vocabulary that the texts need."""
    from safetensors.torch import load_file

    from attnlab.models.inhouse.from_bert import from_bert, smaller
    from attnlab.models.load import bert_folder

    folder, choices = bert_folder(), SHAPES["classify"] | wanted.shape
    tokenizer, keep = smaller((folder / "tokenizer.json").read_text("utf-8"), texts, first=wanted.vocab)
    module = from_bert(
        load_file(folder / "model.safetensors"),
        json.loads((folder / "config.json").read_text("utf-8")),
        layers=choices["encoder_layers"],
        keep=keep,
        max_tokens=choices["max_tokens"],
        classes=classes,
        dropout=choices["dropout"],
    )
    return tokenizer, module


def encode(tokenizer: Tokenizer, rows: Sequence[Row], kind: Kind, labels: tuple[str, ...]) -> list[Example]:
    """Rows as ids. Sources end with [EOS] (or with what the tokenizer itself adds), targets begin with [BOS]."""
    bos, eos = (SPECIALS["bos"],), (SPECIALS["eos"],)
    columns = [[tuple(e.ids) for e in tokenizer.encode_batch([row[i] for row in rows])] for i in range(bool(labels), len(rows[0]))]
    end = eos if tokenizer.post_processor is None else ()
    if kind == "classify":
        return [Example(ids + end, (), (labels.index(row[0]),)) for ids, row in zip(columns[0], rows, strict=True)]
    if kind == "generate":
        return [Example(bos + ids, (), ids + eos) for ids in columns[0]]
    return [Example(source + end, bos + target, target + eos) for source, target in zip(*columns, strict=True)]


def validate(module: nn.Module, valid: Sequence[Batch]) -> Scores:
    """Mean loss and accuracy per wanted token (or per sentence for a classifier) on held-out batches."""
    loss = hits = tokens = 0.0
    for batch in valid:
        x = module.hidden(batch.source, batch.target)  # type: ignore[operator]
        loss += float(cross_entropy(x, module.out, batch.wanted))  # type: ignore[arg-type]
        said = module.out(x).argmax(-1).view(batch.wanted.shape)  # type: ignore[operator]
        hits += float((said == batch.wanted).sum())
        tokens += batch.tokens
    return {"loss": loss / tokens, "accuracy": hits / tokens}


def run(wanted: Plan, folder: Path, *, resume: bool = False, material: Material | None = None) -> Generator[Progress]:
    """Train and leave a model in `folder`: weights, config, tokenizer, checkpoint, snapshots. Yields after every step.

    Stopping early (closing the generator) saves a checkpoint; resume goes on from it to the very weights of an uninterrupted run.
    """
    make_folder(folder)
    if (folder / NAME).exists() and not resume:
        raise InputError("error.run_exists", folder=str(folder))
    here = prepare(wanted) if material is None else material
    trainer = Trainer(here.module, wanted.recipe, better="-loss" if wanted.kind in ("translate", "generate") else "accuracy")
    if resume:
        load_checkpoint(folder, trainer)
    probes = wanted.probes or here.probes
    write(folder / "plan.json", json.dumps(asdict(wanted), default=str, indent=1).encode(), force=True)
    saved = trainer.step

    def save() -> None:
        nonlocal saved
        save_checkpoint(folder, trainer)
        saved = trainer.step

    try:
        if trainer.step == 0:
            snapshot(folder, 0, finished(trainer, here, wanted), probes)
        for progress in trainer.run(here.from_step(trainer.step), lambda module: validate(module, here.valid)):
            if progress.scores:
                save()
                snapshot(folder, progress.step, finished(trainer, here, wanted), probes)
                if progress.better:
                    finished(trainer, here, wanted).save(folder)
            yield progress
    finally:
        if trainer.step > saved:
            save()
    if not wanted.recipe.patience:  # without early stopping the last weights (or their mean) are the result, not the best
        finished(trainer, here, wanted).save(folder)


def finished(trainer: Trainer, here: Material, wanted: Plan) -> InHouse:
    """The model as it would be kept now, in float32 and on its own weights."""
    module = Transformer(here.module.config, pad=here.module.pad)
    module.load_state_dict(trainer.result(), strict=False)
    return InHouse(module, here.tokenizer, labels=here.labels, source=wanted.source, licence=wanted.licence)
