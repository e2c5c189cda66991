"""The index of a corpus: for each head and measure the sentences in which it does it most, with the row that does it."""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from attnlab.core.batched import strongest
from attnlab.core.guide import NAMES
from attnlab.core.measures import Ask
from attnlab.core.trace import Stack, Trace
from attnlab.corpus.blocks import Plan
from attnlab.corpus.measuring import BATCH, NONE, Block
from attnlab.corpus.reading import lines_of
from attnlab.corpus.table import table
from attnlab.corpus.totals import EDGES, FINE
from attnlab.models.spec import Model
from attnlab.models.tokens import first_tokens
from attnlab.words import InputError

LARGEST = 64 << 20  # bytes of an index file that is read
COLUMNS = ("stack", "layer", "head", "measure", "rank", "value", "line", "query", "key", "weight")
SMALL = {"layer": "int16", "head": "int16", "rank": "int8", "query": "int16", "key": "int16", "weight": "float32", "line": "int32"}


@dataclass(frozen=True)
class Hit:
    """One of the strongest sentences: its value, and the cell that counts most: query, key and weight."""

    value: float
    line: int
    text: str
    query: int
    key: int
    weight: float


def index_of(plan: Plan, found: Block, model: Model) -> bytes:
    """A Parquet file: one row per head, measure and rank; the table of heads, histograms and the plan stand in its metadata."""
    import pyarrow as pa
    from pyarrow import parquet

    rows: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    texts = _texts(plan, found, model)
    cells = dict(_cells(model, texts, found))
    for m, name in enumerate(NAMES):
        for h, (stack, layer, head) in enumerate(found.totals.places):
            for rank, (value, line) in enumerate(zip(found.top.values[m, h], found.top.lines[m, h], strict=True)):
                if value != NONE:
                    query, key, weight = cells[int(line)][m, h]
                    each = (stack, layer, head, name, rank, value / 2.0**FINE, int(line), int(query), int(key), weight)
                    for column, x in zip(rows.values(), each, strict=True):
                        column.append(x)
    arrays = {name: pa.array(values, SMALL.get(name)) for name, values in rows.items()}
    arrays |= {name: arrays[name].dictionary_encode() for name in ("stack", "measure")}
    arrays["text"] = pa.array([texts[line] for line in rows["line"]]).dictionary_encode()
    facts = {
        "plan": asdict(plan),
        "sentences": found.totals.sentences,
        "tokens": found.totals.tokens,
        "places": found.totals.places,
        "heads": table(found.totals).decode(),
        "histogram": np.asarray(found.totals.histogram, np.int64).tolist(),
        "edges": [edges.tolist() for edges in EDGES],
        "by_length": np.round(found.totals.by_length(), 6).tolist(),
    }
    out = io.BytesIO()
    whole = pa.table(arrays).replace_schema_metadata({"attnlab": json.dumps(facts)})
    parquet.write_table(whole, out, compression="zstd", compression_level=19)
    return out.getvalue()


def _texts(plan: Plan, found: Block, model: Model) -> dict[int, str]:
    """The strongest sentences by line number, as the model read them."""
    wanted = set(np.unique(found.top.lines[found.top.values != NONE]).tolist())
    limit = model.spec.max_tokens
    texts = {line.number: line.text for line in lines_of(Path(plan.source), plan.choice) if line.number in wanted}
    if limit is None:
        return texts
    return {number: text if len(model.tokenize(text)) <= limit else first_tokens(model, text, limit) for number, text in texts.items()}


def _cells(model: Model, texts: dict[int, str], found: Block) -> Iterator[tuple[int, np.ndarray[Any, Any]]]:
    """For each sentence the strongest cell of every measure and head: query, key, weight. [m H 3]"""
    order = sorted(texts, key=lambda number: (len(texts[number]), number))
    for start in range(0, len(order), BATCH):
        some = order[start : start + BATCH]
        for number, trace in zip(some, model.traces([texts[i] for i in some]), strict=True):
            yield number, cells_of_trace(trace)


def cells_of_trace(trace: Trace) -> np.ndarray[Any, Any]:
    """The strongest cell of every measure and head of one sentence: query, key, weight. [m H 3]"""
    parts = []
    for attention in trace.attentions:
        ask = Ask(attention.all_weights(), attention.queries, attention.keys, attention.visible())
        own = attention.stack != "cross"
        at = np.stack([strongest(ask, name if own else "confidence") for name in NAMES])  # [m h 2]
        weight = ask.weights[np.arange(attention.n_heads), at[..., 0], at[..., 1]]  # [m h]
        parts.append(np.concatenate((at, weight[..., None]), -1))
    return np.concatenate(parts, 1)


@dataclass(frozen=True, eq=False)
class Index:
    """An index file that was read. table: pyarrow's, one row per head, measure and rank."""

    facts: dict[str, Any]
    table: Any

    def hits(self, stack: Stack, layer: int, head: int, measure: str) -> list[Hit]:
        """The strongest sentences of a head, strongest first."""
        import pyarrow.compute as pc

        t = self.table
        wanted = {"stack": stack, "layer": layer, "head": head, "measure": measure}
        here = reduce(pc.and_, (pc.equal(t[name], value) for name, value in wanted.items()))
        rows: Sequence[dict[str, Any]] = t.filter(here).select(["value", "line", "text", "query", "key", "weight", "rank"]).to_pylist()
        return [Hit(**{name: value for name, value in row.items() if name != "rank"}) for row in sorted(rows, key=lambda row: row["rank"])]


def read_index(source: Path | bytes) -> Index:
    """An index from a file. Raises InputError for one that is none."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        data = source if isinstance(source, bytes) else source.read_bytes()
        if len(data) > LARGEST:
            raise InputError("error.index_large", size=len(data) >> 20, limit=LARGEST >> 20)
        found = parquet.read_table(pa.BufferReader(data))
        facts = json.loads((found.schema.metadata or {})[b"attnlab"])
        if not {"plan", "places", "heads", "histogram", "edges"} <= set(facts) or "text" not in found.column_names:
            raise KeyError("places")
    except (OSError, pa.ArrowException, KeyError, ValueError, RecursionError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("error.index_unreadable", path="" if isinstance(source, bytes) else source) from None
    return Index(facts, found)
