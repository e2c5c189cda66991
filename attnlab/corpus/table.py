"""The totals of a corpus as heads and as columns: means, 95 % intervals, how many sentences could answer, quantiles."""

import csv
import io
from collections.abc import Sequence

from attnlab.core.guide import NAMES, Head, write_table
from attnlab.corpus.totals import LENGTHS, Totals

QUANTILES = (0.1, 0.5, 0.9)


def heads_of(totals: Totals) -> list[Head]:
    """Every head with the mean of each measure."""
    mean = totals.mean()  # [m H]
    return [
        Head(stack, layer, head, dict(zip(NAMES, map(float, mean[:, place]), strict=True)))
        for place, (stack, layer, head) in enumerate(totals.places)
    ]


def columns_of(totals: Totals) -> dict[str, Sequence[float]]:
    """What stands beside the means in a file: <measure>_low and _high (95 %), _n (sentences that could answer), _p10, _p50, _p90."""
    mean, margin, n = totals.mean(), totals.margin(), totals.answered()
    quantiles = {f"p{100 * share:.0f}": totals.quantile(share) for share in QUANTILES}
    found: dict[str, Sequence[float]] = {}
    for i, name in enumerate(NAMES):
        found |= {f"{name}_low": (mean - margin)[i].tolist(), f"{name}_high": (mean + margin)[i].tolist(), f"{name}_n": n[i].tolist()}
        found |= {f"{name}_{which}": values[i].tolist() for which, values in quantiles.items()}
    return found


def table(totals: Totals, ending: str = ".csv") -> bytes:
    """A file with one row a head: CSV as the app writes it with more columns, or the same columns in Parquet."""
    if ending.lower() == ".parquet":
        return _parquet(totals)
    out = io.StringIO()
    write_table(out, heads_of(totals), sentences=totals.sentences, more=columns_of(totals))
    return out.getvalue().encode()


def _parquet(totals: Totals) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    heads = heads_of(totals)
    labels = [head.labels() for head in heads]
    columns = {
        "stack": [head.stack for head in heads],
        "layer": [head.layer for head in heads],
        "head": [head.head for head in heads],
        "label": [found[0].label if found else None for found in labels],
        "score": [found[0].score if found else None for found in labels],
        "threshold": [found[0].threshold if found else None for found in labels],
    }
    columns |= {name: [head.measures[name] for head in heads] for name in NAMES}
    columns |= {"sentences": [totals.sentences] * len(heads)} | {name: list(values) for name, values in columns_of(totals).items()}
    out = io.BytesIO()
    parquet.write_table(pa.table(columns), out, compression="zstd")
    return out.getvalue()


def head_table(totals: Totals, place: int) -> bytes:
    """CSV, one row a measure of one head: mean with its interval, chance, how many sentences could answer, quantiles, means by length."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    lengths = [f"to_{length}" for length in LENGTHS] + [f"over_{LENGTHS[-1]}"]
    rows.writerow(("measure", "mean", "low", "high", "chance", "n", *(f"p{100 * share:.0f}" for share in QUANTILES), *lengths))
    mean, margin, chance, n, by_length = totals.mean(), totals.margin(), totals.chance(), totals.answered(), totals.by_length()
    quantiles = [totals.quantile(share) for share in QUANTILES]
    for m, name in enumerate(NAMES):
        middle, half = mean[m, place], margin[m, place]
        numbers = [middle, middle - half, middle + half, chance[m, place], n[m, place], *(q[m, place] for q in quantiles)]
        rows.writerow((name, *("" if x != x else f"{x:.6g}" for x in [*numbers, *by_length[:, m, place]])))
    return out.getvalue().encode()
