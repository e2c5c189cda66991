"""Laws of every figure: whatever the numbers and the labels, the files hold exactly them, are well formed, and are the same twice."""

import csv
import io
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attnlab import figures
from attnlab.core.trace import Attention, Tokens, Trace
from attnlab.figures.labels import clean
from attnlab.figures.picture import Picture
from attnlab.figures.style import COLOUR_MAPS
from attnlab.words import InputError

few = settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
SIDE = st.integers(1, 4)
LABEL = st.one_of(
    st.text(max_size=6), st.sampled_from(["注意力", "السلام", "🙂", "$\\frac$", "</script>", "=1+1", "\x00", "\ud800", "x" * 40])
)


@st.composite
def matrices(draw: st.DrawFn, *, low: float = 0.0, holes: bool = False) -> tuple[np.ndarray, list[str], list[str]]:
    """Values [q k] between low and 1 with their labels; holes: some cells have no value."""
    rows, columns = draw(SIDE), draw(SIDE)
    number = st.floats(low, 1.0, width=32)
    values = draw(arrays(np.float32, (rows, columns), elements=st.one_of(number, st.just(np.nan)) if holes else number))
    return values, draw(st.lists(LABEL, min_size=rows, max_size=rows)), draw(st.lists(LABEL, min_size=columns, max_size=columns))


@st.composite
def looks(draw: st.DrawFn) -> figures.Look:
    """Any look that the page lets a visitor choose."""
    unit = draw(st.sampled_from(["mm", "in"]))
    return figures.Look(
        width=draw(st.none() | (st.floats(30, 300) if unit == "mm" else st.floats(1.2, 12))),
        unit=unit,
        font=draw(st.floats(4, 40)),
        colours=draw(st.none() | st.sampled_from(COLOUR_MAPS)),
        title=draw(st.booleans()),
        numbers=draw(st.none() | st.booleans()),
        rotate_keys=draw(st.none() | st.sampled_from([0.0, 30.0, 90.0])),
    )


def matrix_in(data: bytes) -> np.ndarray:
    """The numbers of a CSV with one matrix."""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))[1:]
    return np.array([[np.nan if cell == "" else float(cell) for cell in row[1:]] for row in rows], np.float32)


def values_in(data: bytes) -> np.ndarray:
    """The numbers of a CSV with several matrices, in order."""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))[1:]
    return np.array([np.nan if row[-1] == "" else float(row[-1]) for row in rows], np.float32)


def held(data: bytes, ending: str = "weights") -> list[np.ndarray]:
    """The matrices of an NPZ, in order."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if name.removesuffix(".npy").split(".")[-1] == ending]
        return [np.lib.format.read_array(io.BytesIO(archive.read(name))) for name in names]


def well_formed(picture: Picture) -> ElementTree.Element:
    """The picture as SVG, read back; it is the same twice."""
    data = figures.save(picture, "svg")
    assert data == figures.save(picture, "svg")
    return ElementTree.fromstring(data)


def points(svg: ElementTree.Element) -> tuple[float, float]:
    width, height = (float(svg.attrib[side].removesuffix("pt")) for side in ("width", "height"))
    return width, height


@few
@given(matrices(low=-1.0, holes=True), looks())
def test_a_difference_keeps_every_number_and_every_hole(given_matrix, look):
    values, queries, keys = given_matrix
    picture = figures.heatmap(values, queries, keys, title=queries[0], signed=True, look=look)
    np.testing.assert_array_equal(matrix_in(figures.save(picture, "csv")), values)
    np.testing.assert_array_equal(held(figures.save(picture, "npz"))[0], values)
    assert (picture.numbers.panels[0].low, picture.numbers.panels[0].high) == (-1.0, 1.0)
    well_formed(picture)


def test_a_cell_without_a_number_is_grey_and_said_to_be():
    values = np.array([[0.5, np.nan], [-0.5, 0.0]], np.float32)
    svg = figures.save(figures.heatmap(values, "ab", "ab", signed=True), "svg").decode()
    assert "#d9d9d9" in svg
    assert figures.save(figures.heatmap(values, "ab", "ab", signed=True), "csv").decode("utf-8-sig").splitlines()[1] == "a,0.5,"


@few
@given(matrices(holes=True), matrices(holes=True), matrices(low=-1.0, holes=True), looks())
def test_a_triptych_keeps_all_three_and_the_first_two_share_a_scale(a, b, change, look):
    names = ("A", "B", "B − A")
    picture = figures.triptych([(name, *one) for name, one in zip(names, (a, b, change), strict=True)], title="t", look=look)
    every = [one[0] for one in (a, b, change)]
    np.testing.assert_array_equal(values_in(figures.save(picture, "csv")), np.concatenate([each.ravel() for each in every]))
    for ours, theirs in zip(held(figures.save(picture, "npz")), every, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    first, second, third = picture.numbers.panels
    assert (first.low, first.high) == (second.low, second.high)
    assert third.low == -third.high
    well_formed(picture)


@few
@given(matrices(), st.integers(1, 3), st.integers(1, 3), st.booleans(), looks())
def test_a_mosaic_keeps_every_head_of_every_layer(one, n_layers, n_heads, own, look):
    values, queries, keys = one
    layers = [np.stack([values / (1 + layer + head) for head in range(n_heads)]) for layer in range(n_layers)]
    picture = figures.mosaic(layers, queries, keys, title="t", own=own, look=look)
    assert [panel.name for panel in picture.numbers.panels] == [f"L{i}H{j}" for i in range(n_layers) for j in range(n_heads)]
    found = held(figures.save(picture, "npz"))
    np.testing.assert_array_equal(np.stack(found), np.concatenate(layers))
    data = figures.save(picture, "csv")
    np.testing.assert_array_equal((values_in if len(found) > 1 else matrix_in)(data).ravel(), np.concatenate(layers).ravel())
    assert all(panel.high == (1.0 if not own else panel.values.max() or 1.0) for panel in picture.numbers.panels)
    well_formed(picture)


def test_a_mosaic_is_coloured_by_the_weights_and_has_a_legend():
    weights = np.array([[[1.0, 0.0], [0.0, 1.0]]], np.float32)
    picture = figures.mosaic([weights, weights / 2], "ab", "ab")
    tiles = picture.axes[0].images[0].get_array()  # two tiles of 2 x 2 with a line between them
    assert tiles.shape[:2] == (5, 2)
    assert not np.array_equal(tiles[0, 0], tiles[3, 0])
    own = figures.mosaic([weights, weights / 2], "ab", "ab", own=True).axes[0].images[0].get_array()
    np.testing.assert_array_equal(own[0, 0], own[3, 0])
    assert [axes.get_ylabel() for axes in picture.axes] == ["", "attention weight"]


@few
@given(matrices(holes=True), st.integers(1, 3), st.floats(0, 1), looks())
def test_there_is_a_line_for_each_weight_from_the_threshold_on(one, n_heads, threshold, look):
    values, queries, keys = one
    weights = np.stack([values / (head + 1) for head in range(n_heads)])
    names = [f"H{head}" for head in range(n_heads)]
    picture = figures.lines(weights, queries, keys, title="t", threshold=threshold, names=names, look=look)
    for panel, drawn in zip(weights, picture.axes[0].collections, strict=True):
        assert len(drawn.get_paths()) == ((panel >= threshold) & (panel >= 1 / 255)).sum()
    for ours, theirs in zip(held(figures.save(picture, "npz")), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    well_formed(picture)


def test_lines_are_as_strong_as_their_weights_in_the_colours_of_their_heads():
    weights = np.array([[[0.25, 0.75]], [[0.5, 0.0]]], np.float32)
    picture = figures.lines(weights, ["a"], ["b", "c"], names=["H1", "H4"], colours=["#ff0000", "#0000ff"], high=0.75)
    red, blue = (collection.get_edgecolor() for collection in picture.axes[0].collections)
    np.testing.assert_allclose(red, [[1, 0, 0, 1 / 3], [1, 0, 0, 1]], atol=1e-6)  # the stronger one lies on top
    np.testing.assert_allclose(blue, [[0, 0, 1, 2 / 3]], atol=1e-6)
    written = [text.get_text() for text in picture.axes[0].texts]
    assert [written.count(name) for name in ("H1", "H4", "a", "b", "c")] == [1] * 5


def test_one_line_goes_from_the_query_to_its_key():
    weights = np.array([[0, 0, 1], [0, 0, 0]], np.float32)
    axes = figures.lines(weights, ["a", "b"], ["c", "d", "e"]).axes[0]
    at = {text.get_text(): text.get_position() for text in axes.texts}
    (path,) = axes.collections[0].get_paths()
    assert (path.vertices[0, 1], path.vertices[-1, 1]) == (at["a"][1], at["e"][1])
    assert at["a"][0] < path.vertices[0, 0] < path.vertices[-1, 0] < at["e"][0]


def test_names_that_do_not_fit_the_heads_are_refused():
    with pytest.raises(ValueError, match="2 heads but 1 names"):
        figures.lines(np.ones((2, 1, 1), np.float32), "a", "b", names=["H0"])


@few
@given(matrices(), looks())
def test_a_figure_is_as_wide_as_it_was_asked_to_be_and_nothing_leaves_it(one, look):
    values, queries, keys = one
    stacked = np.stack([values])
    for picture in (figures.lines(values, queries, keys, look=look), figures.mosaic([stacked], queries, keys, look=look)):
        if look.inches is not None:
            assert picture.get_size_inches()[0] == pytest.approx(look.inches)
            assert points(well_formed(picture))[0] == pytest.approx(72 * look.inches, abs=0.01)


@pytest.mark.parametrize("width", [None, 85])
@pytest.mark.parametrize("n", [70, 700, 4000])
def test_thinned_labels_leave_room_for_the_names_of_the_axes(width, n):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from attnlab.figures.style import drawing

    tokens = [f"word{i % 7}" for i in range(n)]
    with drawing():
        picture = figures.heatmap(np.full((n, n), 1 / n, np.float32), tokens, tokens, look=figures.Look(width=width))
        canvas = FigureCanvasAgg(picture)
        canvas.draw()
        axes = picture.axes[0]
        names = {text.get_text(): text.get_window_extent(canvas.get_renderer()) for text in axes.texts}
        down, across = ([text.get_window_extent() for text in labels] for labels in (axes.get_yticklabels(), axes.get_xticklabels()))
    assert names["query"].x1 <= min(box.x0 for box in down)
    assert names["key"].y1 <= min(box.y0 for box in across)


@pytest.mark.parametrize("width", [60, 85, 180])
@pytest.mark.parametrize("font", [7, 12, 20])
def test_every_label_lies_inside_the_picture(width, font):
    """Long words, Chinese, and letters too large for the width: measured where they are drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from attnlab.figures.style import drawing

    tokens = ["[CLS]", "注意力机制非常有趣", "Donaudampfschifffahrtsgesellschaft", "supercalifragilistic", "it", "."]
    weights = np.full((3, 6, 6), 1 / 6, np.float32)
    look, title = figures.Look(width=width, font=font), "一个非常长的标题，看看它会不会被截断 " * 3
    made = [
        figures.heatmap(weights[0], tokens, tokens, title=title, look=look),
        figures.lines(weights, tokens, tokens, title=title, caption=title, names=["H0", "H1", "H2"], look=look),
        figures.mosaic([weights] * 2, tokens, tokens, title=title, caption=title, look=look),
    ]
    for picture in made:
        with drawing():
            picture.set_dpi(300)
            canvas = FigureCanvasAgg(picture)
            canvas.draw()
            for text in [*picture.texts, *(text for axes in picture.axes for text in every_text(axes))]:
                box = text.get_window_extent(canvas.get_renderer())
                wide, tall = picture.get_size_inches() * 300
                inside = box.x0 >= -3 and box.y0 >= -3 and box.x1 <= wide + 3 and box.y1 <= tall + 3
                assert inside, (picture.numbers.kind, text.get_text(), box.extents / 300, picture.get_size_inches())


def every_text(axes):
    labels = [*axes.texts, *([*axes.get_xticklabels(), *axes.get_yticklabels(), axes.yaxis.label] if axes.axison else [])]
    return [text for text in labels if text.get_text()]


def test_a_png_never_takes_more_memory_than_there_is():
    picture = figures.heatmap(np.eye(2, dtype=np.float32), "ab", "ab", look=figures.Look(width=40, unit="in", dpi=1200))
    from attnlab.figures.render import PIXELS, finest

    width, height = picture.get_size_inches()
    assert width * height * finest(picture) ** 2 == pytest.approx(PIXELS)
    assert finest(picture) < 1200


@pytest.mark.parametrize("wrong", [{"width": 1}, {"font": 1}, {"dpi": 10_000}, {"colours": "jet"}, {"width": float("nan")}])
def test_a_look_that_cannot_be_drawn_is_told(wrong):
    with pytest.raises(InputError):
        figures.Look(**wrong)


@pytest.fixture(scope="module")
def trace() -> Trace:
    """Two layers of two heads on three tokens."""
    random = np.random.default_rng(0)
    tokens = Tokens(("the", "猫", "<b>"), (1, 2, 3), (False,) * 3, (0, 1, 2), ((0, 3), (4, 5), (6, 9)), (0,) * 3)

    def layer(number: int) -> Attention:
        q, k, v = (random.normal(size=(2, 3, 4)).astype(np.float32) for _ in range(3))
        return Attention("encoder", number, tokens, tokens, q, k, v, scale=0.5)

    return Trace("tiny", "r1", "the 猫 <b>", tokens, (layer(0), layer(1)))


def test_an_archive_holds_every_head_and_an_index_of_them(trace):
    look = figures.Look(dpi=40, font=7)
    data = figures.archive(trace, stack="encoder", formats=("svg", "csv"), look=look)
    assert data == figures.archive(trace, stack="encoder", formats=("svg", "csv"), look=look)
    with zipfile.ZipFile(io.BytesIO(data)) as files:
        heads = [f"encoder-L{layer}H{head}" for layer in (0, 1) for head in (0, 1)]
        assert sorted(files.namelist()) == sorted(
            [f"{name}.{kind}" for name in heads for kind in ("svg", "csv")] + ["index.csv", "index.html"]
        )
        rows = list(csv.DictReader(io.StringIO(files.read("index.csv").decode())))
        assert [row["file"] for row in rows] == heads
        for row in rows:
            layer, head = int(row["layer"]), int(row["head"])
            weights = trace.at("encoder", layer).weights(head)
            assert float(row["largest weight"]) == weights.max()
            np.testing.assert_array_equal(matrix_in(files.read(f"{row['file']}.csv")), weights)
            record = figures.read_record(files.read(f"{row['file']}.svg"))
            assert (record["text"], record["layer"], record["head"]) == (trace.text, layer, head)
            assert record["options"] == {"font": 7, "dpi": 40, "numbers": False}
        page = files.read("index.html").decode()
        assert "&lt;b&gt;" in page
        assert all(f'href="{name}.svg"' in page for name in heads)


def test_an_archive_of_one_layer_holds_that_layer(trace):
    with zipfile.ZipFile(io.BytesIO(figures.archive(trace, stack="encoder", layer=1, formats=("npz",)))) as files:
        assert sorted(files.namelist()) == ["encoder-L1H0.npz", "encoder-L1H1.npz", "index.csv", "index.html"]
        np.testing.assert_array_equal(held(files.read("encoder-L1H1.npz"))[0], trace.at("encoder", 1).weights(1))


def test_a_mark_on_a_character_of_another_script_stands_on_a_dotted_circle():
    """No font has the digit 0 and a Thai vowel sign, so that the digit would be lost; an accent belongs to any letter."""
    assert clean("0\u0e31") == "0\u25cc\u0e31"
    assert clean("\u0e01\u0e31") == "\u0e01\u0e31"
    assert clean("e\u0301") == "e\u0301"
    assert clean("0\u0e33") == "0\u25cc\u0e33"  # Thai am, a letter drawn as a mark and a letter
    assert clean("0\U0001f3fb") == "0▯"  # a skin tone with nobody: the emoji font has no circle either
