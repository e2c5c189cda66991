"""The index of a corpus: exact sums of every measure of every head, and the sentences in which it does it most, with their rows."""

import io
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, reduce
from pathlib import Path
from typing import Any

import numpy as np

from attnlab.core.batched import chosen_cells, strongest_cell
from attnlab.core.guide import NAMES, Head
from attnlab.core.measures import Ask
from attnlab.core.trace import Array, Stack, Trace
from attnlab.corpus.blocks import Plan
from attnlab.corpus.measuring import BATCH, MOST, NONE, Block
from attnlab.corpus.reading import lines_of
from attnlab.corpus.table import heads_of
from attnlab.corpus.totals import FINE, Totals, packed, unpacked, whole
from attnlab.models.spec import Model
from attnlab.models.tokens import first_tokens
from attnlab.untrusted import parsing, read_json
from attnlab.words import InputError


@dataclass(frozen=True)
class Limits:
    """Bytes of an index file, of its columns once they are unpacked, and of the facts beside them: parsing those stops everything else."""

    file: int
    columns: int
    facts: int


ON_DISK, SENT = Limits(64 << 20, 512 << 20, 64 << 20), Limits(20 << 20, 96 << 20, 4 << 20)  # the host's own, and a stranger's
LONGEST = 64  # tokens of a sentence in which every head is knocked out
BETWEEN = "\x1f"  # between the pieces of a sentence
INTEGERS = {"layer": "int16", "head": "int16", "rank": "int8", "line": "int64", "query": "int16", "key": "int16"}
NUMBERS = {"value": "float32", "mean": "float64", "low": "float64", "high": "float64", "weight": "float32"}
STRINGS = ("stack", "measure", "text", "word", "keys")
COLUMNS = (*INTEGERS, *NUMBERS, *STRINGS, "row")
Wanted = list[tuple[int, int, int]]  # measure, place, rank


@dataclass(frozen=True)
class Hit:
    """One of the strongest sentences: its value, and the cell that counts most: query, key and weight.

    word: the query's piece; keys: the pieces that it may look at; row: its weights in 255ths, for colours.
    """

    value: float
    line: int
    text: str
    query: int
    key: int
    weight: float
    word: str
    keys: tuple[str, ...]
    row: tuple[int, ...]


# Writing one


def index_of(plan: Plan, found: Block, model: Model, importance: Sequence[float] = ()) -> bytes:
    """A Parquet file: one row per head, measure and rank; plan and exact sums stand in its metadata.

    importance: of every head, how much the output changes without it, where that was measured.
    """
    import pyarrow as pa
    from pyarrow import parquet

    rows = sorted(_rows(plan, found, model), key=lambda row: row["order"])
    kinds = INTEGERS | NUMBERS | dict.fromkeys(STRINGS, "string")
    arrays = {name: pa.array([row[name] for row in rows], kind) for name, kind in kinds.items()}
    arrays |= {name: arrays[name].dictionary_encode() for name in STRINGS}
    arrays["row"] = pa.array([row["row"] for row in rows], pa.list_(pa.uint8()))
    facts = {
        "plan": asdict(plan) | {"source": Path(plan.source).name},
        "totals": packed(found.totals),
        "cut": found.cut,
        "skipped": found.skipped,
        "importance": list(map(float, importance)),
    }
    out = io.BytesIO()
    table = pa.table(arrays).replace_schema_metadata({"attnlab": json.dumps(facts)})
    parquet.write_table(table, out, compression="zstd", compression_level=19)
    return out.getvalue()


def _rows(plan: Plan, found: Block, model: Model) -> Iterator[dict[str, Any]]:
    """A row for each head, measure and rank, in the order of the sentences."""
    wanted: dict[int, Wanted] = defaultdict(list)
    for m, h, rank in np.argwhere(found.top.values != NONE):
        wanted[int(found.top.lines[m, h, rank])].append((int(m), int(h), int(rank)))
    mean, margin = found.totals.mean(), found.totals.margin()
    texts = _texts(plan, set(wanted), model)
    for line, trace in _traced(model, texts):
        for (m, h, rank), cell in zip(wanted[line], cells_of_trace(trace, wanted[line], found.totals), strict=True):
            stack, layer, head = found.totals.places[h]
            value = int(found.top.values[m, h, rank]) / 2.0**FINE
            yield {"stack": stack, "layer": layer, "head": head, "measure": NAMES[m], "rank": rank, "value": value, "mean": mean[m, h]} | {
                "low": mean[m, h] - margin[m, h],
                "high": mean[m, h] + margin[m, h],
                "line": line,
                "text": texts[line],
                "order": (m, h, rank),
                **cell,
            }


def _texts(plan: Plan, wanted: set[int], model: Model) -> dict[int, str]:
    """These sentences by line number, as the model read them."""
    limit = model.spec.max_tokens
    texts = {line.number: line.text for line in lines_of(Path(plan.source), plan.choice) if line.number in wanted}
    if limit is None:
        return texts
    return {number: text if len(model.tokenize(text)) <= limit else first_tokens(model, text, limit) for number, text in texts.items()}


def _traced(model: Model, texts: dict[int, str]) -> Iterator[tuple[int, Trace]]:
    """The sentences run once more, those of similar length together."""
    order = sorted(texts, key=lambda number: (len(texts[number]), number))
    for start in range(0, len(order), BATCH):
        some = order[start : start + BATCH]
        yield from zip(some, model.traces([texts[i] for i in some]), strict=True)


def cells_of_trace(trace: Trace, wanted: Wanted, totals: Totals) -> list[dict[str, Any]]:
    """The strongest cell of some measures and heads of one sentence, with its row."""
    at = {(a.stack, a.layer): a for a in trace.attentions}
    asks: dict[tuple[Stack, int], tuple[Ask, dict[str, Any]]] = {}
    found = []
    for m, h, _ in wanted:
        stack, layer, head = totals.places[h]
        if (stack, layer) not in asks:
            attention = at[stack, layer]
            ask = Ask(attention.all_weights(), attention.queries, attention.keys, attention.visible())
            asks[stack, layer] = ask, chosen_cells(ask, own=stack != "cross")
        ask, cells = asks[stack, layer]
        found.append(_cell(ask, ask.weights[head], NAMES[m], cells.get(NAMES[m])))
    return found


def _cell(ask: Ask, weights: Array, name: str, cells: Any) -> dict[str, Any]:
    query, key = strongest_cell(weights, name, cells)
    row = np.rint(weights[query] * 255).clip(0, 255).astype(np.uint8)
    where = {"query": query, "key": key, "weight": float(weights[query, key])}
    return where | {"word": ask.queries.pieces[query], "keys": BETWEEN.join(ask.keys.pieces), "row": row}


def importance_of(model: Model, plan: Plan, sentences: int) -> list[float]:
    """What the output loses without each head, stack by stack: its mean over this many lines, spread evenly over the corpus."""
    from attnlab.models.interventions import importance

    lines = [line.text for line in lines_of(Path(plan.source), plan.choice)]
    some = lines[:: max(1, len(lines) // sentences)][:sentences]
    texts = [text if len(model.tokenize(text)) <= LONGEST else first_tokens(model, text, LONGEST) for text in some]
    return [-float(x) for stack in model.spec.stacks for x in importance(model, texts, stack).mean.ravel()]


# Reading one


@dataclass(frozen=True, eq=False)
class Index:
    """An index file that was read. importance: one number a head, none where it was not measured; table: pyarrow's, a row a sentence."""

    model: str
    revision: str
    corpus: str
    totals: Totals
    importance: tuple[float, ...]
    cut: int
    skipped: int
    table: Any

    @cached_property
    def heads(self) -> tuple[Head, ...]:
        """Every head with the mean of each measure."""
        return tuple(heads_of(self.totals))

    @cached_property
    def margin(self) -> Any:
        """Half the width of the 95 % interval of each mean. [m H]"""
        return self.totals.margin()

    @cached_property
    def by_distance(self) -> Any:
        """The mean weight of a link at each distance. [D H]"""
        return self.totals.by_distance()

    def hits(self, stack: Stack, layer: int, head: int, measure: str) -> list[Hit]:
        """The strongest sentences of a head, strongest first."""
        import pyarrow.compute as pc

        wanted = {"stack": stack, "layer": layer, "head": head, "measure": measure}
        here = reduce(pc.and_, (pc.equal(self.table[name], value) for name, value in wanted.items()))
        rows = sorted(self.table.filter(here).to_pylist(), key=lambda row: row["rank"])[:MOST]
        fields = ("value", "line", "text", "query", "key", "weight", "word")
        return [Hit(**{f: row[f] for f in fields}, keys=tuple(row["keys"].split(BETWEEN)), row=tuple(row["row"])) for row in rows]


def read_index(source: Path | bytes) -> Index:
    """An index from a file. Raises InputError for one that is none, that is too large, or whose numbers cannot be."""
    import pyarrow as pa

    name, limits = ("", SENT) if isinstance(source, bytes) else (str(source), ON_DISK)
    with parsing(lambda why: InputError("error.index_unreadable", path=name)):
        data = source if isinstance(source, bytes) else source.read_bytes()
        if len(data) > limits.file:
            raise InputError("error.index_large", size=len(data) >> 20, limit=limits.file >> 20)
        try:
            return _checked(data, limits)
        except pa.ArrowException as error:
            raise ValueError(str(error)) from None


def _checked(data: bytes, limits: Limits) -> Index:
    """The index in a file's bytes. Raises ValueError and others for what is none; nothing is unpacked before its size is known."""
    import pyarrow as pa
    from pyarrow import parquet

    file = parquet.ParquetFile(pa.BufferReader(data), thrift_string_size_limit=2 * limits.facts)
    facts = read_json((file.schema_arrow.metadata or {})[b"attnlab"], most=limits.facts)
    totals = unpacked(facts["totals"], most=limits.facts)
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    parts = [group.column(i) for group in groups for i in range(group.num_columns)]
    values = sum(part.num_values for part in parts)
    size = max(values, sum(part.total_uncompressed_size for part in parts))
    if size > limits.columns or file.metadata.num_rows > len(NAMES) * len(totals.places) * MOST:
        raise ValueError("more than an index holds")
    table = file.read(columns=list(COLUMNS))
    check_columns(table)
    plan, importance = facts["plan"], tuple(map(float, facts["importance"]))
    model, revision, corpus = (plan[key] for key in ("model", "revision", "source"))
    if not all(isinstance(name, str) for name in (model, revision, corpus)) or len(importance) not in (0, len(totals.places)):
        raise ValueError("facts that cannot be")
    return Index(model, revision, corpus, totals, importance, whole(facts["cut"]), whole(facts["skipped"]), table)


def check_columns(table: Any) -> None:
    """Raises ValueError for a table whose columns are of other kinds or have holes, and for cells outside their sentence."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = {name: pa.type_for_alias(kind) for name, kind in (INTEGERS | NUMBERS | dict.fromkeys(STRINGS, "string")).items()}
    for name, kind in (kinds | {"row": pa.list_(pa.uint8())}).items():
        found = table[name].type
        if (found.value_type if pa.types.is_dictionary(found) else found) != kind or table[name].null_count:
            raise ValueError(f"column {name} is {found}")
    length = pc.list_value_length(table["row"])
    pieces = pc.add(pc.count_substring(table["keys"].cast("string"), BETWEEN), 1)
    inside = pc.and_(pc.greater_equal(table["key"], 0), pc.less(table["key"].cast("int32"), length))
    if not pc.all(pc.and_(inside, pc.equal(pieces.cast("int32"), length))).as_py():
        raise ValueError("a cell outside its sentence")
