"""Several pictures in one figure: letters, one scale for one kind of number, the widths of journals, and what the file says of itself."""

import numpy as np
import pytest

from attnlab import figures
from attnlab.figures.curves import curves
from attnlab.figures.panels import MOST, beside, figure, view_of
from attnlab.figures.picture import Series
from attnlab.figures.plots import static
from attnlab.figures.provenance import record
from attnlab.figures.style import PRESETS, Look
from attnlab.words import InputError

NAMES = ("[CLS]", "猫", "sat", "[SEP]")


def view(scale: float, *, signed: bool = False, title: str = "bert · encoder L3H1"):
    weights = np.linspace(-scale if signed else 0, scale, 16, dtype=np.float32).reshape(4, 4)
    look = Look(scale="auto")
    return view_of(figures.heatmap(weights, NAMES, NAMES, title=title, caption="bert (1110a243).", signed=signed, look=look))


def test_panels_of_one_kind_share_one_scale_and_one_legend():
    made = figure([view(0.25), view(0.75), view(0.5, signed=True)])
    first, second, change = made.numbers.panels
    assert (first.low, first.high) == (second.low, second.high) == (0, 0.75)
    assert (change.low, change.high) == (-0.5, 0.5)
    assert len(made.axes) == 3 + 2  # panels, and a legend for each kind of number
    np.testing.assert_array_equal(second.values[-1, -1], np.float32(0.75))


def test_every_panel_has_its_letter_and_the_caption_says_what_is_what():
    made = figure([view(1, title="one"), view(1, title="two")])
    assert [panel.name for panel in made.numbers.panels] == ["(a) one", "(b) two"]
    assert made.numbers.caption == "bert (1110a243)"
    triptych = figures.triptych([("A", *each) for each in [(np.eye(4, dtype=np.float32), NAMES, NAMES)] * 2], title="both", signed=None)
    other = figure([view_of(triptych), view(1)])
    assert [panel.name[:3] for panel in other.numbers.panels] == ["(a)", "(b)", "(c)"]
    assert other.numbers.panels[0].name == "(a) both: A"
    assert other.numbers.caption == "(c) bert (1110a243)."


@pytest.mark.parametrize("preset", PRESETS)
def test_a_figure_of_panels_is_as_wide_as_the_journal_asks(preset):
    made = figure([view(1)] * 3, look=Look.preset(preset))
    assert made.get_size_inches()[0] * 25.4 == pytest.approx(PRESETS[preset]["width"])


def test_panels_stand_in_rows_of_nearly_one_length():
    assert [beside(n, None) for n in (1, 2, 3, 4, 5, 7)] == [1, 2, 3, 2, 3, 3]
    assert [beside(3, room) for room in (100.0, 260.0, 500.0)] == [1, 2, 3]


def test_what_is_no_map_and_too_many_panels_are_refused_with_a_sentence():
    line = Series("a", np.arange(3.0), np.arange(3.0))
    with pytest.raises(InputError, match="only maps"):
        view_of(static(curves([line], axes=("x", "y"), title="curve")))
    for views in ([], [view(1)] * (MOST + 1)):
        with pytest.raises(InputError, match="1 to 26 panels"):
            figure(views)


def test_the_record_of_a_figure_leads_back_to_every_view():
    facts = [record(model="bert", layer=3, head=head, view=f"heads?layer=3&head={head}") for head in (1, 2)]
    data = figures.save(figure([view(1)] * 2), "svg", record=record(panels=facts))
    assert [panel["view"] for panel in figures.read_record(data)["panels"]] == ["heads?layer=3&head=1", "heads?layer=3&head=2"]
    with pytest.raises(ValueError, match="a record holds"):
        record(panels=[{"panels": []}])
