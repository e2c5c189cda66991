"""Curves and dials: what is drawn on the screen and what is saved hold the same numbers."""

import json

import numpy as np
import pytest

from attnlab.core import positions as pos
from attnlab.figures.clocks import clocks, still
from attnlab.figures.curves import curves, read
from attnlab.figures.export import save
from attnlab.figures.picture import Series
from attnlab.figures.plots import static

X = np.array([4, 5, 6], np.float32)
BAND = Series("无 <b>none</b>", X, X / 10, X / 10 - 0.1, X / 10 + 0.1)
NAMED = Series("$x$", X, X / 8, texts=("<i>the</i>", "猫", "."))


@pytest.fixture
def chart():
    return curves([BAND, NAMED], axes=("length", "正确率"), title="a & b", caption="seed 0", shaded=(4, 5, "trained"), y_range=(0, 1))


def test_a_chart_gives_back_the_series_it_was_made_from(chart):
    for ours, given in zip(read(chart), (BAND, NAMED), strict=True):
        assert ours.name == given.name
        assert ours.texts == given.texts
        for part in ("x", "y", "low", "high"):
            theirs = getattr(given, part)
            if theirs is None:
                assert getattr(ours, part) is None
            else:
                np.testing.assert_array_equal(getattr(ours, part), theirs)


def test_a_cloud_of_points_names_those_that_have_names_and_room():
    named, unnamed = Series("n", np.array([0.0, 1.0, 1.001]), np.array([0.0, 1.0, 1.0]), texts=("a", "b", "c")), Series("u", X, X)
    first, second = curves([named, unnamed], axes=("a", "b"), joined=False).data
    assert list(first.text) == ["a", "", ""]
    assert list(second.text) == ["", "", ""]
    assert list(first.hovertext) == ["a", "b", "c"]


def test_plotly_finds_nothing_wrong_in_a_chart_that_it_did_not_check(chart):
    from plotly.graph_objects import Figure

    dotted = curves([NAMED], axes=("a", "b"), dots=[NAMED, BAND], ticks=["x", "y"], x_range=(0, 1), markers=False)
    for each in (chart, dotted):
        assert json.loads(Figure(each.to_dict()).to_json()) == json.loads(each.to_json())


def test_what_a_visitor_typed_is_no_markup(chart):
    drawn = chart.to_json()
    assert "<b>none" not in drawn.replace("\\u003c", "<")
    assert "&lt;b&gt;none" in drawn.replace("\\u0026", "&")


def test_every_band_lies_behind_its_own_curve(chart):
    assert [trace.meta for trace in chart.data] == ["low", "high", "mean", "mean"]
    assert [trace.showlegend for trace in chart.data] == [False, False, None, None]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "csv", "npz"])
def test_the_same_chart_gives_the_same_bytes(chart, kind):
    assert save(chart, kind) == save(chart, kind)


def test_the_csv_holds_every_point_and_its_band(chart):
    lines = save(chart, "csv").decode("utf-8-sig").splitlines()
    assert lines[0] == "series,length,正确率,low,high,name"
    assert len(lines) == 7
    assert lines[4] == "$x$,4.0,0.5,,,<i>the</i>"


def test_ticks_carry_the_names_of_tokens():
    ticked = curves([NAMED], axes=("token", "size"), ticks=["[CLS]", "<x>", "猫"])
    assert list(ticked.layout.xaxis.ticktext) == ["[CLS]", "&lt;x&gt;", "猫"]
    labels = [text.get_text() for text in static(ticked).axes[0].get_xticklabels()]
    assert labels == ["[CLS]", "<x>", "猫"]


def test_more_curves_than_colours_get_another_kind_of_line():
    many = curves([Series(str(i), X, X) for i in range(8)], axes=("x", "y"))
    assert (many.data[0].line.color, many.data[0].line.dash) == (many.data[7].line.color, "solid")
    assert many.data[7].line.dash == "dash"


def test_a_hand_points_where_the_angle_says():
    angles = pos.angles(4, 8)
    drawn = clocks(angles, ["a", "b", "c", "d"], axes=("p", "angle"))
    hand = drawn.data[1]
    assert (hand.x[1] - hand.x[0], hand.y[1] - hand.y[0]) == pytest.approx((np.cos(3), np.sin(3)))


def test_dials_are_saved_with_the_angles_of_every_position():
    angles = pos.angles(3, 4)
    lines = save(still(angles, ["a", "b"], axes=("p", "angle"), title="t"), "csv").decode("utf-8-sig").splitlines()
    assert lines[0] == "series,p,angle,low,high,name"
    assert lines[2:4] == ["a,1.0,1.0,,,", "a,2.0,2.0,,,"]


def test_dots_are_not_joined_and_are_saved_with_the_curves():
    dotted = curves([NAMED], dots=[Series("heads", X, X / 2, texts=("L0H0", "L0H1", "<b>"))], axes=("layer", "distance"))
    assert [trace.mode for trace in dotted.data] == ["markers", "lines+markers"]
    assert [series.name for series in read(dotted)] == ["heads", "$x$"]
    drawn = static(dotted).axes[0].lines
    assert [line.get_linestyle() for line in drawn] == ["None", "-"]
    assert "heads,4.0,2.0,,,L0H0" in save(dotted, "csv").decode("utf-8-sig")
