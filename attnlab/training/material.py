"""From a plan to what a training reads: rows split, tokenised and made into batches, and a model that has not learned yet."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from attnlab.models.filling import MASK
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.training.data import Batch, Example, Row, Rows, batches, buckets, collate, read_labelled, read_rows
from attnlab.training.masking import SHARE, held_out, masked_batches
from attnlab.training.plan import SHAPES, Kind, Plan, config_of
from attnlab.training.tasks import LETTERS, TASKS, draw, task_batches
from attnlab.training.text import LEAST, Text, read_text
from attnlab.training.tokenizer import SPECIALS, character_tokenizer, letter_tokenizer, text_tokenizer, train_tokenizer, with_holes
from attnlab.training.windows import document_batches, document_rows, encode_documents, stream, windows
from attnlab.words import InputError

HELD_OUT = 0.05  # of the rows, when no held-out file is given
PROBED = 32  # tokens of a probe that is taken from the text: more can hardly be read on a map
COLUMNS: dict[Kind, int] = {"translate": 2, "classify": 2, "generate": 1}


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
    teacher: Transformer | None = None


def prepare(wanted: Plan) -> Material:
    """Read, tokenise and build. Raises InputError for data that cannot be trained on."""
    torch.manual_seed(wanted.recipe.seed)
    if wanted.kind in TASKS:
        return letters_material(wanted)
    made = {"write": write_material, "fill": fill_material}.get(wanted.kind, file_material)(wanted)
    return made if wanted.teacher is None else replace(made, teacher=teacher_of(wanted).module)


def teacher_of(wanted: Plan) -> Any:
    """The model that is learned from, a copy of its own. Raises InputError for one that does something else."""
    from attnlab.models.inhouse.model import InHouse
    from attnlab.models.load import load

    model = load(wanted.teacher or "")
    task = "generate" if wanted.kind == "write" else wanted.kind
    if not isinstance(model, InHouse) or model.spec.task != task:
        raise InputError("error.not_task", model=model.spec.name, wanted=task, task=model.spec.task)
    module = Transformer(model.module.config, pad=model.pad)
    module.load_state_dict(model.module.state_dict())
    return InHouse(module, model.tokenizer)


def letters_material(wanted: Plan) -> Material:
    """Fresh sequences of letters without end; ten batches of others are held out."""
    tokenizer = letter_tokenizer(LETTERS)
    ids, task, recipe = tokenizer.get_vocab(), wanted.kind, wanted.recipe
    assert task in TASKS
    module = Transformer(config_of(wanted, vocab=len(ids)))
    if wanted.lengths[1] > module.config.max_tokens:
        raise InputError("error.too_long", n=wanted.lengths[1], limit=module.config.max_tokens)

    def from_step(step: int) -> Iterator[Batch]:
        return task_batches(task, ids, size=recipe.batch, seed=recipe.seed, start=step, lengths=wanted.lengths)

    probes = tuple(" ".join(draw(random.Random(i), 10)) for i in range(2))
    valid = task_batches(task, ids, size=recipe.batch, seed=-1 - recipe.seed, lengths=wanted.lengths)
    return Material(tokenizer, from_step, tuple(islice(valid, 10)), module, probes=probes)


def file_material(wanted: Plan) -> Material:
    """Batches of a file's rows, epoch after epoch, and the held-out rows in batches twice as large."""
    rows, recipe = split(wanted), wanted.recipe
    tokenizer, module = begin(wanted, rows)
    limit = module.config.max_tokens
    every = encode(tokenizer, rows.good, wanted.kind, rows.labels)
    examples = [example for example in every if len(example) <= limit]
    held = zip(rows.held, encode(tokenizer, rows.held, wanted.kind, rows.labels), strict=True)
    short = [(row, example) for row, example in held if len(example) <= limit]
    if not examples or not short:
        raise InputError("error.no_rows", path=wanted.data, columns=COLUMNS[wanted.kind], bad=len(every) - len(examples))

    def from_step(step: int) -> Iterator[Batch]:
        return batches(examples, recipe.batch, seed=recipe.seed, start=step * recipe.accumulate)

    valid = [example for _, example in short]
    return Material(
        tokenizer,
        from_step,
        tuple(collate([valid[i] for i in group]) for group in buckets(valid, 2 * recipe.batch, random.Random(0))),
        module,
        rows.labels,
        rows.bad + tuple((i + 1, f"more than {limit} tokens") for i, example in enumerate(every) if len(example) > limit),
        len(examples),
        tuple("\t".join(row[bool(rows.labels) :]) for row, _ in short[:2]),
    )


def write_material(wanted: Plan) -> Material:
    """A text as windows, or line by line where every line stands alone."""
    text, held = texts(wanted)
    tokenizer = text_tokenizer_of(wanted, text)
    module, recipe = Transformer(text_config(wanted, tokenizer)), wanted.recipe
    n = module.config.max_tokens
    documents, last = encode_documents(tokenizer, text), encode_documents(tokenizer, held)
    row, size = stream(tokenizer, text), max(1, recipe.batch // n)
    by_line = text.by_line or len(row) < 2 * n * size

    def from_step(step: int) -> Iterator[Batch]:
        start = step * recipe.accumulate
        if by_line:
            return document_batches(documents, n, recipe.batch, seed=recipe.seed, start=start)
        return windows(row, n, size, seed=recipe.seed, start=start, again=wanted.again, drawn=wanted.drawn)

    valid = document_rows(last if by_line else [[token for document in last for token in document]], n)
    groups = buckets(valid, 2 * recipe.batch, random.Random(0))
    batched = tuple(collate([valid[i] for i in group]) for group in groups)
    return Material(tokenizer, from_step, batched, module, examples=len(text.lines), probes=opening(tokenizer, held, n))


def fill_material(wanted: Plan) -> Material:
    """Sentences with holes, one a line; a line that is longer than the model reads is left out."""
    text, held = texts(wanted)
    tokenizer, module = fill_start(wanted, text)
    recipe, mask, limit = wanted.recipe, tokenizer.get_vocab()[MASK], module.config.max_tokens
    every, last = rows_with_words(tokenizer, text.lines), rows_with_words(tokenizer, held.lines)
    rows, short = ([row for row in some if len(row[0]) <= limit] for some in (every, last))
    if not rows or not short:
        raise InputError("error.lines_too_long", path=(held if rows else text).path.name, n=len(last if rows else every), limit=limit)
    ordinary = range(len(SPECIALS), tokenizer.get_vocab_size())

    def from_step(step: int) -> Iterator[Batch]:
        how = {"mask": mask, "pieces": ordinary, "shares": wanted.mask, "whole": wanted.whole_words, "seed": recipe.seed}
        return masked_batches(rows, recipe.batch, **how, start=step * recipe.accumulate)  # type: ignore[arg-type]

    valid = tuple(held_out(short, 2 * recipe.batch, mask=mask, share=SHARE, seed=0))
    long = tuple((i + 1, f"more than {limit} tokens") for i, (ids, _) in enumerate(every) if len(ids) > limit)
    return Material(tokenizer, from_step, valid, module, refused=long, examples=len(rows), probes=opening(tokenizer, held, PROBED))


def texts(wanted: Plan) -> tuple[Text, Text]:
    """What to train on and what is held out: the file named, or the last twentieth of the documents (of the lines of a single one)."""
    assert wanted.data is not None
    text = read_text(wanted.data, least=LEAST)
    if wanted.valid is not None:
        return text, read_text(wanted.valid)
    parts = text.documents if len(text.documents) > 1 else tuple((line,) for line in text.lines)
    cut = max(1, int(len(parts) * HELD_OUT))
    return replace(text, documents=parts[:-cut]), replace(text, documents=parts[-cut:])


def text_tokenizer_of(wanted: Plan, text: Text) -> Tokenizer:
    """The tokenizer of the teacher where there is one, else one made from the text."""
    if wanted.teacher is not None:
        return teacher_of(wanted).tokenizer
    make = character_tokenizer if wanted.unit == "characters" else text_tokenizer
    return make(("\n".join(document) for document in text.documents), vocab=wanted.vocab)


def opening(tokenizer: Tokenizer, held: Text, n: int) -> tuple[str, ...]:
    """The beginnings of two held-out documents, no longer than a map can show and the model read."""
    most, found = min(PROBED, n - 1), []
    for line in (document[0] for document in held.documents[:2]):
        ends = [end for _, end in tokenizer.encode(line).offsets]
        found.append(line if len(ends) <= most else line[: max(ends[:most])].rstrip())
    return tuple(found)


def fill_start(wanted: Plan, text: Text) -> tuple[Tokenizer, Transformer]:
    """A tokenizer made from the lines and a model with random weights, or both begun as the shipped BERT."""
    if wanted.init == "bert":
        return bert_fill_start(wanted, text.lines)
    tokenizer = text_tokenizer_of(wanted, text)
    tokenizer = tokenizer if wanted.teacher is not None else with_holes(tokenizer)
    return tokenizer, Transformer(text_config(wanted, tokenizer))


def text_config(wanted: Plan, tokenizer: Tokenizer) -> Config:
    """The shape of a model for a text; a student reads no more at once than its teacher."""
    config = config_of(wanted, vocab=tokenizer.get_vocab_size())
    if wanted.teacher is None:
        return config
    return replace(config, max_tokens=min(config.max_tokens, teacher_of(wanted).module.config.max_tokens))


def rows_with_words(tokenizer: Tokenizer, lines: Sequence[str]) -> list[tuple[list[int], list[int | None]]]:
    """Every line as ids, and the word that each belongs to."""
    return [(encoding.ids, encoding.word_ids) for encoding in tokenizer.encode_batch(list(lines))]


@dataclass(frozen=True)
class Split:
    """The rows of a file: those to train on, those held out, the labels of a classifier's, and those that cannot be used."""

    good: tuple[Row, ...]
    held: tuple[Row, ...]
    labels: tuple[str, ...]
    bad: tuple[tuple[int, str], ...]

    @property
    def texts(self) -> list[str]:
        """Every text to train on, without the labels."""
        return [text for row in self.good for text in row[bool(self.labels) :]]


def split(wanted: Plan) -> Split:
    """Raises InputError for a file without rows to train on, and for held-out labels that are never trained."""
    assert wanted.data is not None
    rows = read(wanted.kind, wanted.data)
    good, held = hold_out(rows.good) if wanted.valid is None else (rows.good, read(wanted.kind, wanted.valid).good)
    if not good:
        raise InputError("error.no_rows", path=wanted.data, columns=COLUMNS[wanted.kind], bad=len(rows.bad))
    labels = tuple(sorted({row[0] for row in rows.good})) if wanted.kind == "classify" else ()
    if strange := {row[0] for row in held} - set(labels) if labels else set():
        raise InputError("error.labels", given=", ".join(sorted(strange)), known=", ".join(labels))
    return Split(good, held, labels, rows.bad)


def read(kind: Kind, path: Path) -> Rows:
    return read_labelled(path) if kind == "classify" else read_rows(path, COLUMNS[kind])


def hold_out(rows: Sequence[Row]) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """The rows to train on, shuffled, and a twentieth of them, at least one, apart."""
    shuffled = list(rows)
    random.Random(0).shuffle(shuffled)
    cut = max(1, int(len(shuffled) * HELD_OUT))
    return tuple(shuffled[cut:]), tuple(shuffled[:cut])


def begin(wanted: Plan, rows: Split) -> tuple[Tokenizer, Transformer]:
    """A tokenizer made from the rows and a model with random weights, or both begun as the shipped BERT."""
    if wanted.init == "bert":
        return bert_start(wanted, rows.texts, len(rows.labels))
    if wanted.init is not None:
        return filler_start(wanted.init, len(rows.labels), wanted.shape)
    tokenizer = train_tokenizer(rows.texts, vocab=wanted.vocab)
    return tokenizer, Transformer(config_of(wanted, vocab=tokenizer.get_vocab_size(), classes=len(rows.labels)))


def bert_start(wanted: Plan, texts: Sequence[str], classes: int) -> tuple[Tokenizer, Transformer]:
    """A classifier whose encoder begins as the first layers of the shipped BERT, with the vocabulary that the texts need."""
    from attnlab.models.inhouse.from_bert import from_bert, smaller

    state, config, pieces = read_bert()
    choices = SHAPES["classify"] | wanted.shape
    tokenizer, keep = smaller(pieces, texts, first=wanted.vocab)
    module = from_bert(
        state,
        config,
        layers=choices["encoder_layers"],
        keep=keep,
        max_tokens=choices["max_tokens"],
        classes=classes,
        dropout=choices["dropout"],
    )
    return tokenizer, module


def filler_start(name: str, classes: int, shape: Mapping[str, Any]) -> tuple[Tokenizer, Transformer]:
    """A classifier whose encoder and vocabulary are those of a shipped filler of holes."""
    from attnlab.models.load import load

    filler = load(name)
    config = replace(filler.module.config, task="classify", classes=classes, dropout=shape.get("dropout", 0.1), tied=False)
    module = Transformer(config, pad=filler.module.pad)
    body = {key: tensor.clone() for key, tensor in filler.module.state_dict().items() if not key.startswith("out.")}
    module.load_state_dict(body, strict=False)
    return filler.tokenizer, module


def bert_fill_start(wanted: Plan, lines: Sequence[str]) -> tuple[Tokenizer, Transformer]:
    """The shipped BERT's body and whole vocabulary, to be trained on for holes."""
    from attnlab.models.inhouse.from_bert import filler_from_bert, open_mask

    state, config, pieces = read_bert()
    choices = SHAPES["fill"] | {"dropout": 0.0} | wanted.shape
    tokenizer = open_mask(pieces)
    counted = Counter(i for encoding in tokenizer.encode_batch(list(lines)) for i in encoding.ids)
    return tokenizer, filler_from_bert(state, config, counted, max_tokens=choices["max_tokens"], dropout=choices["dropout"])


def read_bert() -> tuple[dict[str, Tensor], dict[str, Any], str]:
    """The shipped BERT's weights, its config.json and its tokenizer.json."""
    from safetensors.torch import load_file

    from attnlab.models.load import bert_folder

    folder = bert_folder()
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return load_file(folder / "model.safetensors"), config, (folder / "tokenizer.json").read_text("utf-8")


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
