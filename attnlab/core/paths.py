"""What flowed into one output, as a graph: words, by way of heads, to the output, with what each edge brought. Made from a ledger."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from attnlab.core.ledger import Ledger, Part
from attnlab.core.trace import Stack

OUTPUT = "output"


@dataclass(frozen=True)
class Edge:
    """One way, signed, in the unit of the output. source: a word ("w encoder 0003"), a part ("L2H3"); target: a part or the output."""

    source: str
    target: str
    value: float


@dataclass(frozen=True)
class Paths:
    """The strongest ways into an output. labels: what each node is called; layers: which layer a part is of, None for words and output.

    share: how much of all that flowed, both signs counted, the edges into the output carry.
    """

    edges: tuple[Edge, ...]
    labels: dict[str, str]
    layers: dict[str, int | None]
    share: float


def paths(book: Ledger, words: Mapping[Stack, Sequence[str]], *, keep: float = 0.8, most: int = 30) -> Paths:
    """The fewest parts that carry `keep` of the whole size of all parts, and the words they came by way of; at most `most` edges.

    words: for each stack the tokens that its sources are numbers of. Raises ValueError for a share that is none.
    """
    if not 0 < keep <= 1:
        raise ValueError(f"keep must be above 0 and at most 1; got {keep}")
    whole = sorted(book.whole(), key=lambda part: -abs(part.value))
    size, carried = math.fsum(abs(part.value) for part in whole), 0.0
    found: list[Edge] = []
    layers: dict[str, int | None] = {OUTPUT: None}
    labels = {OUTPUT: book.says}
    for part in whole:
        sources = _sources(book, part, len(words[part.stack]))
        if carried >= keep * size or len(found) + 1 > most:
            break
        carried += abs(part.value)
        layers[part.name], labels[part.name] = part.layer, part.name
        found.append(Edge(part.name, OUTPUT, part.value))
        for number, value in sources[: max(0, min(2, most - len(found)))]:
            word = f"w {part.stack} {number:04d}"
            layers[word], labels[word] = None, words[part.stack][number]
            found.append(Edge(word, part.name, value))
    return Paths(tuple(found), labels, layers, carried / size if size else 0.0)


def _sources(book: Ledger, part: Part, n: int) -> list[tuple[int, float]]:
    """The words a part came by way of, the strongest first."""
    found = book.sources(part.kind, part.stack, part.layer, part.head)
    return sorted(((i, value) for i, value in found.items() if i < n and value), key=lambda one: -abs(one[1]))


def as_csv(found: Paths) -> str:
    """source, target, value; names of nodes as they are read."""
    rows = [",".join(_quoted(found.labels[end]) for end in (e.source, e.target)) + f",{e.value:.8g}" for e in found.edges]
    return "\n".join(["source,target,value", *rows]) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def as_json(found: Paths) -> str:
    nodes = [{"id": node, "label": label, "layer": found.layers[node]} for node, label in found.labels.items()]
    edges = [{"source": e.source, "target": e.target, "value": e.value} for e in found.edges]
    return json.dumps({"share": found.share, "nodes": nodes, "edges": edges}, ensure_ascii=False, indent=1)


def as_graphml(found: Paths) -> str:
    """For Gephi, yEd and networkx."""
    nodes = [f'<node id={quoteattr(node)}><data key="label">{_text(label)}</data></node>' for node, label in found.labels.items()]
    ends = [f"source={quoteattr(e.source)} target={quoteattr(e.target)}" for e in found.edges]
    edges = [f'<edge {end}><data key="value">{e.value:.8g}</data></edge>' for end, e in zip(ends, found.edges, strict=True)]
    keys = (
        '<key id="label" for="node" attr.name="label" attr.type="string"/><key id="value" for="edge" attr.name="value" attr.type="double"/>'
    )
    inside = "".join([*nodes, *edges])
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
        f'{keys}<graph edgedefault="directed">{inside}</graph></graphml>\n'
    )


def _text(label: str) -> str:
    kept = "".join(letter for letter in label if letter >= " ")  # control characters are no XML
    return quoteattr(kept)[1:-1]
