"""All heads of a layer, or of a model, in one zip with an index. The same trace gives the same bytes."""

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape

from attnlab.core.trace import Stack, Trace
from attnlab.figures.captions import head_title, trace_caption
from attnlab.figures.export import save
from attnlab.figures.heatmaps import heatmap
from attnlab.figures.provenance import record
from attnlab.figures.style import Look, Words

EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's own earliest time


def archive(
    trace: Trace,
    *,
    stack: Stack,
    layer: int | None = None,
    formats: Sequence[str] = ("png", "csv"),
    look: Look | None = None,
    words: Words | None = None,
    between: Callable[[float], None] = lambda share: None,
) -> bytes:
    """One file per head and format, index.csv and index.html. layer: None takes every layer of the stack.

    between: called after each head with the share that is done.

    Numbers are written into the cells only where the look asks for them: they are in the files beside, and make drawing three times slower.
    """
    look, words = look or Look(dpi=150), words or Words()
    look = replace(look, numbers=bool(look.numbers))
    chosen = trace.layers(stack) if layer is None else (trace.at(stack, layer),)
    texts = {"text": trace.text, "pair": trace.pair, "target": trace.target_text}
    where = {"model": trace.model, "revision": trace.revision, "stack": stack, **texts}
    out, rows = io.BytesIO(), []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        for attention in chosen:
            for head in range(attention.n_heads):
                name = f"{stack}-L{attention.layer}H{head}"
                title, weights = head_title(trace, stack, attention.layer, head, words), attention.weights(head)
                sides, caption = (attention.queries.pieces, attention.keys.pieces), trace_caption(trace)
                picture = heatmap(weights, *sides, title=title, caption=caption, look=look, words=words)
                facts = record(**where, layer=attention.layer, head=head, options=look.changed() or None)
                for format in formats:
                    put(zipped, f"{name}.{format}", save(picture, format, record=facts))
                rows.append((name, attention.layer, head, float(weights.max())))
                between(len(rows) / sum(each.n_heads for each in chosen))
        table = io.StringIO()
        csv.writer(table).writerows([("file", "layer", "head", "largest weight"), *rows])
        put(zipped, "index.csv", table.getvalue().encode())
        put(zipped, "index.html", index(trace, rows, formats))
    return out.getvalue()


def put(zipped: zipfile.ZipFile, name: str, data: bytes) -> None:
    zipped.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED)


def index(trace: Trace, rows: Sequence[tuple[str, int, int, float]], formats: Sequence[str]) -> bytes:
    """A page with a link to every file."""
    items = "".join(
        f"<li>{name}: " + " ".join(f'<a href="{name}.{format}">{format}</a>' for format in formats) + f" ({largest:.4f})</li>"
        for name, _, _, largest in rows
    )
    title = escape(f"{trace.model} ({trace.revision})")
    text = escape(trace.text.encode("utf-8", "replace").decode())
    return f'<!doctype html><meta charset="utf-8"><title>{title}</title><h1>{title}</h1><p>{text}</p><ul>{items}</ul>\n'.encode()
