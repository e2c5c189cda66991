"""Where everything of a picture lies, measured in points on the drawn page: what a person would see if a sign were turned round."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from attnlab import figures
from attnlab.figures.bar import ticks
from attnlab.figures.curves import curves
from attnlab.figures.heatmaps import fit
from attnlab.figures.labels import clean, columns, label
from attnlab.figures.picture import MARGIN, Panel, Picture, Series, in_rows, limits
from attnlab.figures.plots import static
from attnlab.figures.pool import pooled, pooling
from attnlab.figures.style import Look, drawing

WEIGHTS = np.array([[0.25, 0.75, 0.0], [0.5, 0.125, 0.375]], np.float32)
FONT = 9.0


@dataclass
class Box:
    """A rectangle in points from the top left corner of its picture."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


def size(picture: Picture) -> tuple[float, float]:
    width, height = picture.get_size_inches() * 72
    return float(width), float(height)


def box(picture: Picture, artist) -> Box:
    """Where a text or axes was drawn."""
    with drawing(picture.look):
        picture.set_dpi(720)  # tenths of a point
        canvas = FigureCanvasAgg(picture)
        canvas.draw()
        found = artist.get_window_extent(canvas.get_renderer())
    return Box(found.x0 / 10, size(picture)[1] - found.y1 / 10, found.x1 / 10, size(picture)[1] - found.y0 / 10)


def text(picture: Picture, words: str):
    """The text that reads so."""
    labels = [t for axes in picture.axes for t in (*axes.texts, *axes.get_xticklabels(), *axes.get_yticklabels())]
    return next(t for t in (*picture.texts, *labels) if t.get_text() == words)


@pytest.fixture(scope="module")
def heat() -> Picture:
    return figures.heatmap(WEIGHTS, ["row", "line"], ["a", "b", "c"], title="Title", caption="Caption")


def test_title_map_names_and_caption_stand_below_one_another(heat):
    plot = box(heat, heat.axes[0])
    order = [
        box(heat, text(heat, "Title")),
        plot,
        box(heat, text(heat, "a")),
        box(heat, text(heat, "key")),
        box(heat, text(heat, "Caption")),
    ]
    assert all(above.bottom <= below.top + 0.5 for above, below in pairwise(order)), order
    assert order[0].left == pytest.approx(MARGIN, abs=1.5)
    assert order[0].top == pytest.approx(MARGIN, abs=3)
    assert size(heat)[1] - order[-1].bottom == pytest.approx(MARGIN, abs=4)
    assert all(below.top - above.bottom < 1.6 * FONT for above, below in pairwise(order)), order  # and no hole between them


def test_names_map_and_legend_stand_beside_one_another(heat):
    plot, legend = box(heat, heat.axes[0]), box(heat, heat.axes[1])
    order = [box(heat, text(heat, "query")), box(heat, text(heat, "line")), plot, legend, box(heat, heat.axes[1].yaxis.label)]
    assert all(before.right <= after.left + 0.5 for before, after in pairwise(order)), order
    assert all(after.left - before.right < 3.2 * FONT for before, after in pairwise(order)), order
    assert order[0].left >= MARGIN - 1
    assert order[-1].right <= size(heat)[0] - MARGIN + 2
    assert legend.left - plot.right == pytest.approx(0.9 * FONT, abs=0.2)
    assert legend.right - legend.left == pytest.approx(0.9 * FONT, abs=0.2)
    assert legend.top == pytest.approx(plot.top, abs=0.2)


def test_the_names_of_the_axes_stand_beside_the_middle_a_letter_away_from_the_labels(heat):
    plot, query, key, line, a = (
        box(heat, artist) for artist in (heat.axes[0], *(text(heat, words) for words in ("query", "key", "line", "a")))
    )
    assert plot.left - line.right == pytest.approx(2, abs=0.1)
    assert a.top - plot.bottom == pytest.approx(2, abs=0.1)
    assert query.middle == pytest.approx((MARGIN + 0.6 * FONT, plot.middle[1]), abs=0.2)
    assert line.left - query.right == pytest.approx(0.8 * FONT, abs=0.1)
    assert key.middle[0] == pytest.approx(plot.middle[0], abs=0.2)
    assert key.top - a.bottom == pytest.approx(0.55 * FONT, abs=0.3)


def test_cells_are_squares_of_their_own_number_in_their_own_place(heat):
    plot = box(heat, heat.axes[0])
    side = (plot.right - plot.left) / 3
    assert side == pytest.approx((plot.bottom - plot.top) / 2, abs=0.1)
    assert side == pytest.approx(2.9 * FONT, abs=0.1)  # room for a number
    for (row, column), weight in np.ndenumerate(WEIGHTS):
        written = [t for t in heat.axes[0].texts if t.get_position() == (column + 0.5, row + 0.5)]
        assert [t.get_text() for t in written] == [f"{weight:.2f}"]
        assert box(heat, written[0]).middle == pytest.approx((plot.left + (column + 0.5) * side, plot.top + (row + 0.5) * side), abs=1.5)
    for names, sides in ((("a", "b", "c"), 0), (("row", "line"), 1)):
        for place, name in enumerate(names):
            start = (plot.left, plot.top)[sides]
            assert box(heat, text(heat, name)).middle[sides] == pytest.approx(start + (place + 0.5) * side, abs=2)


def test_larger_weights_are_darker_and_a_difference_has_two_colours():
    from matplotlib import colormaps

    mesh = figures.heatmap(WEIGHTS, "ab", "cde").axes[0].collections[0]
    light = [sum(colour[:3]) for colour in mesh.cmap(mesh.norm(np.array([0.0, 0.25, 0.5, 1.0])))]
    assert light == sorted(light, reverse=True)
    assert mesh.get_clim() == (0, 1)
    change = figures.heatmap(WEIGHTS - 0.5, "ab", "cde", signed=True)
    assert change.axes[0].collections[0].get_clim() == (-1, 1)
    assert colormaps[change.numbers.panels[0].colours](0.0)[2] > 0.3 > colormaps[change.numbers.panels[0].colours](1.0)[2]  # blue, red
    assert [t.get_text() for t in change.axes[0].texts][:3] == ["−0.25", "+0.25", "−0.50"]


def test_a_difference_that_rounds_to_nothing_has_no_sign():
    tiny = figures.heatmap(np.array([[-0.004, 0.0049, 0.005]], np.float32), "a", "bcd", signed=True)
    assert [t.get_text() for t in tiny.axes[0].texts][:2] == ["0", "0"]


@pytest.mark.parametrize(("n", "numbers", "written"), [(16, None, True), (17, None, False), (17, True, True), (3, False, False)])
def test_numbers_are_written_where_they_can_be_read_or_where_they_are_asked_for(n, numbers, written):
    names = [str(i) for i in range(n)]
    picture = figures.heatmap(np.full((n, n), 1 / n, np.float32), names, names, look=Look(numbers=numbers))
    assert bool([t for t in picture.axes[0].texts if t.get_text().startswith("0.")]) == written


def test_three_maps_stand_in_a_row_on_one_line():
    names = ("A", "B", "B − A")
    maps = [(name, values, "ab", "cde") for name, values in zip(names, (WEIGHTS, WEIGHTS, WEIGHTS - 0.5), strict=True)]
    three = figures.triptych(maps, title="Title")
    plots = [box(three, axes) for axes in three.axes[::2]]
    legends = [box(three, axes) for axes in three.axes[1::2]]
    assert len(plots) == len(legends) == 3
    for plot, legend, after in zip(plots, legends, [*plots[1:], None], strict=True):
        assert plot.right < legend.left
        assert after is None or legend.right < after.left
        assert plot.top == pytest.approx(plots[0].top)
    for name, plot in zip(names, plots, strict=True):
        assert box(three, text(three, name)).bottom <= plot.top
        assert box(three, text(three, name)).left < plot.right
    assert legends[-1].right < size(three)[0] - MARGIN


def test_every_tile_of_a_mosaic_stands_under_its_head_and_beside_its_layer():
    layers = [np.stack([np.eye(2, dtype=np.float32) * (1 + layer + head) / 4 for head in range(3)]) for layer in range(2)]
    picture = figures.mosaic(layers, "ab", "ab", title="Title")
    plot, (width, _) = box(picture, picture.axes[0]), size(picture)
    for number in range(3):
        head = box(picture, text(picture, f"H{number}"))
        assert head.middle[0] == pytest.approx(plot.left + (plot.right - plot.left) * (3 * number + 1) / 8, abs=1)
        assert head.bottom <= plot.top + 0.5
    for number in range(2):
        layer = box(picture, text(picture, f"L{number}"))
        assert layer.middle[1] == pytest.approx(plot.top + (plot.bottom - plot.top) * (3 * number + 1) / 5, abs=1.5)
        assert MARGIN - 1 <= layer.left < layer.right <= plot.left + 0.5
    assert plot.right < box(picture, picture.axes[1]).left < width - MARGIN
    assert box(picture, text(picture, "Title")).bottom < box(picture, text(picture, "H0")).top
    tiles = picture.axes[0].images[0].get_array()
    assert tiles.shape[:2] == (5, 8)
    assert np.array_equal(tiles[0, 0], tiles[4, 7]) is False
    np.testing.assert_array_equal(tiles[0, 3], tiles[3, 0])  # the second head of the first layer is the first of the second


def test_lines_have_their_names_on_both_sides_and_a_legend_above():
    weights = np.stack([WEIGHTS, WEIGHTS])
    picture = figures.lines(weights, ["row", "line"], ["a", "b", "c"], names=["H1", "H4"], title="Title", caption="Caption")
    width, _ = size(picture)
    place = {
        name: box(picture, text(picture, name)) for name in ("row", "line", "a", "b", "c", "query", "key", "H1", "H4", "Title", "Caption")
    }
    assert (
        place["Title"].bottom
        <= place["H1"].top
        < place["H1"].bottom
        <= place["query"].top
        < place["query"].bottom
        <= place["row"].top + 0.5
    )
    assert place["row"].bottom <= place["line"].top + 0.5
    assert place["c"].bottom < place["Caption"].top
    assert place["H1"].right < place["H4"].left
    assert place["row"].right == pytest.approx(place["line"].right, abs=1)
    assert place["a"].left == pytest.approx(place["c"].left, abs=1)
    assert min(one.left for one in place.values()) >= MARGIN - 1
    assert max(one.right for one in place.values()) <= width - MARGIN + 1
    assert place["a"].left - place["row"].right > 10 * FONT  # room for the lines
    assert place["row"].middle[1] == pytest.approx(place["a"].middle[1], abs=2)


def test_a_curve_for_print_has_title_plot_axis_legend_and_caption_in_this_order():
    x = np.arange(4)
    chart = curves(
        [Series("one", x, x / 4, x / 4 - 0.1, x / 4 + 0.1), Series("two", x, x / 2)], axes=("over", "up"), title="Title", caption="Caption"
    )
    picture = static(chart)
    plot, axis = box(picture, picture.axes[0]), box(picture, picture.axes[0].xaxis.label)
    names = [box(picture, text(picture, name)) for name in ("one", "two")]
    title, caption = (box(picture, text(picture, name)) for name in ("Title", "Caption"))
    order = [title, plot, axis, names[0], caption]
    assert all(above.bottom <= below.top + 0.5 for above, below in pairwise(order)), order
    assert names[0].right < names[1].left
    assert MARGIN - 1 < box(picture, picture.axes[0].yaxis.label).left < box(picture, picture.axes[0].yaxis.label).right < plot.left
    assert plot.right < size(picture)[0] - MARGIN + 0.1
    drawn = picture.axes[0].lines
    assert [line.get_color() for line in drawn] == ["#0072B2", "#D55E00"]
    np.testing.assert_array_equal(drawn[1].get_ydata(), x / 2)
    marks = [line.get_color() for line in picture.axes[-1].lines]
    assert marks == ["#0072B2", "#D55E00"]  # the legend has the colours of the lines
    band = picture.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((-0.1, 0.85))


def test_the_name_of_a_stretch_stands_between_the_title_and_the_plot():
    x = np.arange(3)
    picture = static(curves([Series("one", x, x)], axes=("a", "b"), title="Title", shaded=(0, 1, "trained")))
    order = [box(picture, text(picture, "Title")), box(picture, text(picture, "trained")), box(picture, picture.axes[0])]
    assert all(above.bottom <= below.top + 0.5 for above, below in pairwise(order)), order


def test_dots_for_print_are_not_joined_and_have_a_dot_in_the_legend():
    x = np.arange(3)
    picture = static(curves([Series("mean", x, x)], dots=[Series("heads", x, x / 2)], axes=("a", "b")))
    assert [line.get_linestyle() for line in picture.axes[0].lines] == ["None", "-"]
    assert [line.get_marker() for line in picture.axes[-1].lines] == ["o", "None"]


@pytest.mark.parametrize(
    ("space", "font", "letters", "step"),
    [(20, 9, 9, 1), (10.35, 9, 9, 1), (9, 9, 9 / 1.15, 1), (5.75, 9, 5, 1), (5.7, 9, 6, 2), (1, 9, 6, 10), (0.01, 9, 6, 1000)],
)
def test_labels_become_smaller_and_then_fewer(space, font, letters, step):
    assert fit(space, font) == (pytest.approx(letters), step)


@pytest.mark.parametrize(
    ("low", "high", "written"),
    [
        (0, 1, ["0", "0.25", "0.5", "0.75", "1"]),
        (-1, 1, ["−1", "−0.5", "0", "+0.5", "+1"]),
        (0, 0.1, ["0", "0.025", "0.05", "0.075", "0.1"]),
        (-20, 20, ["−20", "−10", "0", "+10", "+20"]),
    ],
)
def test_a_legend_counts_in_round_numbers_from_end_to_end(low, high, written):
    panel = Panel("", np.zeros((1, 1), np.float32), ("a",), ("b",), low, high, "viridis", "")
    places, names = ticks(panel)
    assert names == written
    np.testing.assert_allclose(places, [float(name.replace("−", "-")) for name in names], atol=1e-9)


@pytest.mark.parametrize(
    ("values", "scale", "signed", "ends"),
    [
        ([0.2, 0.4], "fixed", False, (0, 1)),
        ([0.2, 0.4], "fixed", True, (-1, 1)),
        ([0.2, 0.4], "auto", False, (0, 0.4)),
        ([-0.2, 0.4], "auto", False, (-0.2, 0.4)),
        ([-0.8, 0.4], "auto", True, (-0.8, 0.8)),
        ([0.0, 0.0], "auto", False, (0, 1)),
        ([0.0, np.nan], "auto", True, (-1, 1)),
        ([np.inf, 0.5], "auto", False, (0, 0.5)),
    ],
)
def test_a_scale_has_the_ends_that_its_values_need(values, scale, signed, ends):
    assert limits(np.array(values), Look(scale=scale), signed=signed) == pytest.approx(ends)


def test_a_pooled_map_keeps_what_lies_furthest_from_nothing():
    values = np.array([[0.1, -0.9, 0.2], [0.3, 0.0, np.nan], [0.5, 0.6, 0.7]], np.float32)
    np.testing.assert_allclose(pooled(values, 2), [[-0.9, 0.2], [0.6, 0.7]])
    assert pooled(values, 1) is values
    assert [pooling((n, 3)) for n in (1, 1024, 1025, 4096)] == [1, 1, 2, 4]


def test_names_in_a_legend_fill_a_row_before_the_next_begins():
    assert in_rows([30, 30, 30, 100], 70) == [[(MARGIN, 0), (MARGIN + 30, 1)], [(MARGIN, 2)], [(MARGIN, 3)]]
    assert in_rows([40, 30], 70) == [[(MARGIN, 0), (MARGIN + 40, 1)]]


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [("abcdef", 6, "abcdef"), ("abcdefg", 6, "abcde…"), ("注意力机制", 6, "注意…"), ("", 6, "∅"), ("   ", 6, "␣␣␣"), ("a\nb", 6, "a⏎b")],
)
def test_a_label_is_one_short_line(text, limit, shown):
    assert label(text, limit) == shown
    assert columns(shown) <= limit


def test_a_letter_keeps_three_marks_and_no_more():
    assert clean("e" + "\u0301" * 5) == "e" + "\u0301" * 3
