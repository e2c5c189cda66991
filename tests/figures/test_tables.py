"""The numbers of a picture as a person reads them under it."""

import numpy as np
import pytest

from attnlab import figures
from attnlab.figures.curves import curves
from attnlab.figures.export import still
from attnlab.figures.picture import Series
from attnlab.figures.tables import MOST, cut, digits, html_tables, summaries


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.25, "0.2500"),
        (-0.25, "−0.2500"),
        (3.0, "3"),
        (-0.0, "0"),
        (-0.00001, "−1.0e−05"),
        (0.00001, "1.0e−05"),
        (np.nan, "–"),
        (np.inf, "–"),
        (100.0, "100"),
        (-2.0, "−2"),
    ],
)
def test_a_number_has_a_true_minus_and_zero_has_none(value, written):
    assert digits(value) == written


def test_every_cell_of_a_table_knows_its_row_and_column():
    made = html_tables(figures.heatmap(np.array([[0.25, 0.75]], np.float32), ["<b>"], ["c", "d"], title="t & u").numbers)
    assert '<th scope="row">&lt;b&gt;</th><td>0.2500</td><td>0.7500</td>' in made
    assert '<th scope="col">c</th><th scope="col">d</th>' in made
    assert "<caption>t &amp; u</caption>" in made
    assert "query ↓ key →" in made


def test_a_long_table_is_cut_and_says_so():
    n = MOST + 1
    numbers = figures.heatmap(np.full((n, n), 1 / n, np.float32), ["q"] * n, ["k"] * n).numbers
    assert cut(numbers)
    assert html_tables(numbers).count('scope="row"') == MOST
    assert html_tables(numbers).count('scope="col"') == MOST
    assert not cut(figures.heatmap(np.eye(MOST, dtype=np.float32), ["q"] * MOST, ["k"] * MOST).numbers)


def test_a_curve_is_said_in_a_sentence_and_has_its_band_in_a_table():
    x, y = np.arange(4), np.array([0.5, np.nan, 2.0, 1.0])
    chart = curves([Series("mean", x, y, y - 1, y + 1, ("L0", "L1", "L2", "L3"))], axes=("layer", "tokens"))
    numbers = still(chart).numbers
    assert summaries(numbers) == ["mean: from 0.5000 (L0) to 1 (L3); lowest 0.5000 (L0), highest 2 (L2)."]
    made = html_tables(numbers)
    assert '<th scope="row">L2</th><td>2</td><td>1</td><td>3</td>' in made
    assert '<th scope="row">L1</th><td>–</td><td>–</td><td>–</td>' in made
    assert [part.split("<")[0] for part in made.split('scope="col">')[1:]] == ["layer", "mean", "low", "high"]
    assert "<caption>tokens</caption>" in made


def test_a_curve_without_numbers_is_not_said():
    assert summaries(still(curves([Series("a", np.arange(2), np.full(2, np.nan))], axes=("x", "y"))).numbers) == []


def test_curves_over_the_same_places_share_a_table():
    x = np.arange(2)
    made = html_tables(still(curves([Series("a", x, x / 4), Series("b", x, x / 2)], axes=("x", "y"))).numbers)
    assert made.count("<table>") == 1
    assert '<th scope="row">1</th><td>0.2500</td><td>0.5000</td>' in made
    made = html_tables(still(curves([Series("a", x, x / 4), Series("b", x + 1, x / 2)], axes=("x", "y"))).numbers)
    assert made.count("<table>") == 2
