"""Two corpora, or two models: the difference of every head in every measure, with its interval, corrected for how many there are."""

import csv
import io
from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

from attnlab.core.guide import NAMES
from attnlab.core.trace import Stack
from attnlab.corpus.totals import Z95, Numbers, Totals
from attnlab.words import InputError

SURE = 0.05


@dataclass(frozen=True, eq=False)
class Comparison:
    """Means of b less those of a. Each [m H]: first, second, difference, half the width of its 95 % interval, and p after Holm.

    p: how often chance alone gives a difference as large somewhere among all of them, if there were none.
    """

    places: tuple[tuple[Stack, int, int], ...]
    first: Numbers
    second: Numbers
    difference: Numbers
    margin: Numbers
    p: Numbers

    @property
    def sure(self) -> NDArray[np.bool_]:
        return np.asarray(self.p < SURE)


def compare(a: Totals, b: Totals) -> Comparison:
    """Head by head, for the heads that both have. Raises InputError when they have none in common.

    The two sets of sentences count as drawn independently of each other (Welch's standard error, normal approximation). Over the same
    sentences the intervals are therefore wider than they need be. Source of the correction: Holm (1979).
    """
    places = tuple(place for place in a.places if place in set(b.places))
    if not places:
        raise InputError("error.compare_heads")
    at_a, at_b = ([totals.places.index(place) for place in places] for totals in (a, b))
    first, second = a.mean()[:, at_a], b.mean()[:, at_b]
    error = np.hypot(a.margin()[:, at_a], b.margin()[:, at_b]) / Z95
    difference = second - first
    return Comparison(places, first, second, difference, Z95 * error, holm(p_values(difference, error)))


def p_values(difference: Numbers, error: Numbers) -> Numbers:
    """Two-sided, by the normal approximation. NaN where a difference has no error, 1 where there is neither."""
    flat = []
    for d, e in zip(difference.ravel(), error.ravel(), strict=True):
        known = np.isfinite(d) and np.isfinite(e)
        flat.append((erfc(abs(d) / e / sqrt(2)) if e > 0 else float(d == 0)) if known else np.nan)
    return np.array(flat).reshape(difference.shape)


def holm(p: Numbers) -> Numbers:
    """Each p times how many are as large or larger, never below a smaller one's, at most 1. NaN stays and is not counted."""
    flat = p.ravel()
    order = [i for i in np.argsort(flat) if np.isfinite(flat[i])]
    found, worst = np.full(flat.shape, np.nan), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, float(flat[i]) * (len(order) - rank)))
        found[i] = worst
    return found.reshape(p.shape)


def table(found: Comparison) -> bytes:
    """CSV, one row a head and measure: both means, the difference with its interval, p after Holm."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("stack", "layer", "head", "measure", "first", "second", "difference", "low", "high", "p_holm"))
    for h, place in enumerate(found.places):
        for m, name in enumerate(NAMES):
            d, margin = found.difference[m, h], found.margin[m, h]
            numbers = (found.first[m, h], found.second[m, h], d, d - margin, d + margin, found.p[m, h])
            rows.writerow((*place, name, *("" if np.isnan(x) else f"{x:.6g}" for x in numbers)))
    return out.getvalue().encode()
