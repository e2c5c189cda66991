"""What is sent to be drawn of a walk, and figures that other rooms ask for: numbers and places, before anybody looks."""

import re
from dataclasses import replace

import numpy as np
import pytest

from attnlab import load
from attnlab.core.ledger import Ledger
from attnlab.core.ledger import Part as Share
from attnlab.core.paths import OUTPUT, Edge, Paths
from attnlab.core.walk.place import start_place
from attnlab.figures.formulas import FINE, SIZE, formula
from attnlab.figures.heatmaps import heatmap
from attnlab.figures.paths import path_graph
from attnlab.figures.pruning import pruning_chart
from attnlab.figures.sheets import Part, map_svg
from attnlab.figures.walks import Seen, player, table
from attnlab.figures.waterfalls import DOWN, UP, waterfall
from attnlab.models.weights import walk_of


@pytest.fixture(scope="module")
def seen():
    model = load("reverse-rotary")
    trace = model.trace("c a t s")
    attention = trace.at("encoder", 1)
    walk = walk_of(model, trace, "encoder", 1)
    place = start_place(walk, attention, 2)
    stage, name = next(step for step in walk.steps("encoder", 2) if ".q." in step[1])
    return Seen(walk, attention, 2, replace(place, stage=stage, part=name.split(".")[1], drawn=0))


def test_every_picture_of_a_walk_holds_its_numbers_and_a_product_is_the_product_of_what_stands_beside_it(seen):
    sent = player(seen)
    names = {step["part"]: step["spot"] for step in sent["meta"]["steps"]}
    pictures = sent["meta"]["pictures"]
    assert set(pictures) == set(names)

    def of(one):
        return sent["drawn"][one["o"] : one["o"] + one["r"] * one["c"]].reshape(one["r"], one["c"])

    kinds = set()
    for part, picture in pictures.items():
        c, spot = picture["c"], seen.walk.spots[names[part]]
        values = seen.walk.values(names[part])
        assert c["spot"] == names[part]
        np.testing.assert_allclose(of(c), values if c["index"] is None else values[:, c["index"]], rtol=1e-5, atol=1e-6)
        row, column = seen.cell(names[part])
        assert c["pin"] == [row, column if c["index"] is None else c["index"].index(column)]
        if spot.kind in ("products", "mix"):
            np.testing.assert_allclose(of(picture["a"]) @ of(picture["b"]), of(c), rtol=1e-4, atol=1e-4)
            kinds.add(spot.kind)
        if picture.get("parts") and spot.kind == "add":
            np.testing.assert_allclose(sum(map(of, picture["parts"])), of(c), rtol=1e-4, atol=1e-5)
            kinds.add(spot.kind)
    assert kinds >= {"products", "mix"}


def test_the_table_of_a_number_has_its_terms_and_says_where_it_is(seen):
    name = "encoder.products.2"
    sent = table(seen, name)
    apart, terms = sent["meta"]["apart"], sent["terms"]
    left, right, (value, total) = (terms[at : at + long] for at, long in (apart["left"], apart["right"], apart["value"]))
    assert (left * right).sum() == pytest.approx(value, rel=1e-5)
    assert total == pytest.approx(value, rel=1e-5)
    assert apart["cell"] == [name, seen.place.query, seen.place.key]
    assert value == pytest.approx(float(seen.walk.values(name)[seen.place.query, seen.place.key]), rel=1e-5)


def test_ways_into_an_output_run_from_words_by_way_of_parts_wide_as_they_are_strong():
    labels = {OUTPUT: "yes", "w encoder 0000": "a", "w encoder 0001": "b", "L1H0": "L1H0", "L0H3": "L0H3"}
    layers = {OUTPUT: None, "w encoder 0000": None, "w encoder 0001": None, "L1H0": 1, "L0H3": 0}
    edges = (Edge("L1H0", OUTPUT, 2.0), Edge("w encoder 0000", "L1H0", -1.0), Edge("L0H3", OUTPUT, 0.5))
    (axes,) = path_graph(Paths(edges, labels, layers, 1.0)).axes
    at = {text.get_text(): text.get_position() for text in axes.texts}
    assert [at[name][0] for name in ("a", "b", "L0H3", "L1H0", "yes")] == pytest.approx([-0.02, -0.02, 0.52, 0.52, 1.02])
    assert at["L0H3"][1] < at["L1H0"][1]  # by layer from the top
    drawn = [(line.get_color(), line.get_linewidth()) for line in axes.lines]
    assert drawn == [(UP, pytest.approx(4.4)), (DOWN, pytest.approx(2.4)), (UP, pytest.approx(1.4))]


def test_a_waterfall_goes_from_nothing_to_the_output_and_shows_every_bar():
    parts = (Share("head", "encoder", 1, 0, 0, 3.0), Share("head", "encoder", 0, 1, 0, -1.0))
    (axes, *_) = waterfall(Ledger(parts, 2.0, "yes")).axes
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    assert sorted(bars[0]) == pytest.approx([0, 3])
    assert sorted(bars[-2]) == pytest.approx([2, 3])
    assert bars[-1] == pytest.approx((0, 2))  # the model's own number
    low, high = sorted(axes.get_ylim())
    assert (low, high) == (-0.5, len(bars) - 0.5)


def test_the_legend_of_colours_begins_at_the_low_end():
    axes = heatmap(np.eye(2, dtype=np.float32), ("a", "b"), ("a", "b")).axes
    (image,) = [each.images[0] for each in axes if each.images and each.images[0].get_array().shape == (256, 1)]
    assert image.origin == "lower"
    assert (image.get_array()[0, 0], image.get_array()[-1, 0]) == (0, 1)
    assert list(image.get_extent()) == [0, 1, 0, 1]


def test_a_curve_of_pruning_has_a_band_only_where_orders_were_tried_at_random():
    removed, best = [0, 1, 2], np.array([1.0, 0.9, 0.5])
    orders = np.array([[1.0, 0.6, 0.2], [1.0, 0.8, 0.4]])
    alone = pruning_chart(removed, best, np.zeros((0, 3)), measure="accuracy")
    both = pruning_chart(removed, best, orders, measure="accuracy")
    assert [list(line.y) for line in alone.data if line.mode and "lines" in line.mode and line.name] == [[1.0, 0.9, 0.5]]
    lines = {line.name: list(line.y) for line in both.data if line.name}
    assert pytest.approx([1.0, 0.7, 0.3]) in lines.values()
    assert len(both.data) > len(alone.data)


def test_a_formula_is_drawn_inside_its_frame_with_whole_curves():
    svg = formula("z = \\sum_i w_i v_i")
    wide, high = map(float, re.search(r'viewBox="0 0 (\d+) (\d+)"', svg).groups())
    path = re.search(r' d="([^"]+)"', svg)[1]
    numbers = {"M": 2, "L": 2, "Q": 4, "C": 6, "Z": 0}
    for letter, rest in re.findall(r"([MLQCZ])([^MLQCZ]*)", path):
        assert len(rest.split()) == numbers[letter]
    points = np.array(re.findall(r"-?\d+", path), float).reshape(-1, 2)
    assert -FINE < points.min() < points[:, 0].max() < wide + FINE
    assert points[:, 1].max() < high + FINE
    ems = dict(re.findall(r"(width|height|vertical-align):(-?[\d.]+)em", svg))
    assert float(ems["width"]) == pytest.approx(wide / FINE / SIZE, abs=0.01)
    assert float(ems["vertical-align"]) < 0  # what hangs below the line


def test_a_map_for_a_page_of_html_is_cut_to_its_edges():
    names = ("one", "two", "three", "four")
    svg = map_svg(Part("map", 'a "b" <c>', np.eye(4, dtype=np.float32), names, names))
    assert svg.startswith('<svg role="img" aria-label=\'a "b" &lt;c&gt;\'')
    wide, high = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())
    assert 4 * 16.5 < wide < 140
    assert 4 * 16.5 < high < 140
