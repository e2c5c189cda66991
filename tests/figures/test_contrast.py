"""What is drawn can be read on a light page and on a dark one: WCAG 2.2 AA, from the colours themselves."""

import re

import pytest

from attnlab.figures import ramp, style
from attnlab.figures.curves import DOTS
from attnlab.words import ASSETS

THEMES = ("light", "dark")


def steps(text):
    return [f"#{text[i : i + 6].upper()}" for i in range(0, len(text), 6)]


def lightness(colour):
    return style.contrast(colour, "#000000")


def test_contrast_is_that_of_the_guidelines():
    assert style.contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert style.contrast("#777777", "#FFFFFF") == style.contrast("#FFFFFF", "#777777") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
def test_letters_and_lines_stand_out_from_the_page(theme):
    inks = ramp.inks(theme)
    for paper in style.PAPER[theme]:
        assert all(style.contrast(inks[role], paper) >= 4.5 for role in style.ROLES)
        assert all(style.contrast(colour, paper) >= 3 for colour in inks["heads"])


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", ["weights", "signed"])
@pytest.mark.parametrize("strong", [False, True])
def test_black_or_white_letters_can_be_read_on_every_cell(kind, theme, strong):
    cells = steps(ramp.ramp(kind, theme, strong=strong))
    assert len(cells) == 256
    assert all(max(style.contrast(cell, ink) for ink in ("#000000", "#FFFFFF")) >= 4.5 for cell in cells)


@pytest.mark.parametrize("theme", THEMES)
def test_a_signed_map_is_told_by_lightness_alone_on_both_sides_of_nothing(theme):
    cells = [lightness(cell) for cell in steps(ramp.ramp("signed", theme))]
    below, above = cells[127::-1], cells[128:]
    for side in (below, above):
        assert side == sorted(side, reverse=theme == "light")
        assert max(side) / min(side) > 6, "as far apart on a dark page as on a light one"


def test_a_strong_map_is_further_apart_than_the_usual_one():
    for theme in THEMES:
        ends = [style.contrast(*[steps(ramp.ramp("weights", theme, strong=strong))[i] for i in (0, -1)]) for strong in (False, True)]
        assert ends[1] == pytest.approx(21)
        assert ends[1] > ends[0]


def test_curves_take_on_the_page_the_colours_that_stand_out():
    rules = (ASSETS / "components" / "page.css").read_text("utf-8")
    for colour in (*ramp.HEADS, DOTS):
        red, green, blue = bytes.fromhex(colour[1:])
        there = re.search(rf"stroke: rgb\({red}, {green}, {blue}\)\"\] {{ stroke: light-dark\((#\w+), (#\w+)\)", rules)
        assert (there.groups() if there else (colour.lower(),) * 2) == tuple(style.readable(colour, theme, 3.0).lower() for theme in THEMES)


def test_the_pages_are_as_the_settings_say():
    settings = (ASSETS.parent / ".streamlit" / "config.toml").read_text("utf-8")
    said = {theme: dict(re.findall(r'(\w+) = "(#\w+)"', settings.split(f"[theme.{theme}]")[1].split("[")[0])) for theme in THEMES}
    assert {theme: (own["backgroundColor"], own["secondaryBackgroundColor"]) for theme, own in said.items()} == style.PAPER
    for own in said.values():
        assert style.contrast(own["textColor"], own["secondaryBackgroundColor"]) >= 4.5
        assert style.contrast(own["primaryColor"], own["backgroundColor"]) >= 4.5
