"""What a saved figure looks like, chosen on Heads and All heads: kept, mended, written to the record and brought back by it."""

import pytest

from attnlab import figures
from attnlab.figures.style import Look
from tests.app.conftest import opened
from tests.app.test_start_and_look import HEADS, LAYERS

BAR = {HEADS: "map", LAYERS: "mosaic"}
WILD = {"width": -3, "font": 1e9, "colours": "jet", "dpi": 0, "unit": "mile", "rotate_keys": "up", "title": 7}


def unfolded(page, **query):
    """The page as a link opens it, with what hangs under its first picture unfolded."""
    app = opened(page, **query)
    app.session_state[f"save {BAR[page]}"] = True
    return app.run()


@pytest.mark.parametrize("page", [HEADS, LAYERS])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_link_gives_the_look_its_values(page, language):
    app = unfolded(page, lang=language, figure_width="3.5", figure_unit="in", figure_font="7", figure_colours="magma", figure_title="false")
    assert not app.exception
    assert app.number_input(key="figure_width").value == 3.5
    assert app.selectbox(key="figure_unit").value == "in"
    assert app.number_input(key="figure_font").value == 7
    assert app.selectbox(key="figure_colours").value == "magma"
    assert app.toggle(key="figure_title").value is False


@pytest.mark.parametrize("page", [HEADS, LAYERS])
def test_a_look_that_cannot_be_is_mended_and_never_breaks_the_page(page):
    wild = {"figure_width": "nan", "figure_unit": "mile", "figure_font": "1e999", "figure_colours": "jet", "figure_dpi": "-5"}
    app = unfolded(page, **wild, figure_numbers="42", figure_turn="up", figure="poster")
    assert not app.exception
    assert not app.error
    assert app.number_input(key="figure_width").value is None
    assert app.number_input(key="figure_font").value == 9
    assert app.number_input(key="figure_dpi").value == 30
    assert app.selectbox(key="figure_colours").value == "YlGnBu"
    app = unfolded(page, figure_width="99999", figure_font="0")
    assert app.number_input(key="figure_width").value == 1000
    assert app.number_input(key="figure_font").value == 4


def test_another_unit_keeps_the_width():
    app = unfolded(HEADS, figure_width="127")
    app.selectbox(key="figure_unit").set_value("in").run()
    assert app.number_input(key="figure_width").value == 5
    app.selectbox(key="figure_unit").set_value("mm").run()
    assert app.number_input(key="figure_width").value == 127


def test_every_look_that_the_page_offers_can_be_drawn():
    from attnlab.ui.figure_options import DPI, FONTS, TURNS, WIDTHS

    for unit, widths in WIDTHS.items():
        for width, font, dpi in zip(widths, FONTS, DPI, strict=True):
            Look(width=width, unit=unit, font=font, dpi=dpi)
    for turn in TURNS[1:]:
        Look(rotate_keys=float(turn))


def page_of_records():
    """A page that does what Home does with a dropped figure's record."""
    import streamlit as st

    from attnlab.ui import link
    from attnlab.ui.home.reopen import restore

    link.begin()
    restore(st.session_state["record"])
    st.json(st.session_state[link.NEXT])


def restored(record):
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_function(page_of_records, default_timeout=60)
    app.session_state["record"] = record
    app.run()
    assert not app.exception
    return app.session_state["link next"]


def test_a_record_brings_the_look_and_the_lines_back():
    look = Look(width=85, font=7, colours="viridis", numbers=False, rotate_keys=90, title=False, dpi=600)
    made = figures.record(model="bert", stack="encoder", layer=3, head=1, options={"heads": "1,4", "temperature": 0.5} | look.changed())
    chosen = restored(made | {"figure": "lines"})
    assert (chosen["heads"], chosen["head"], chosen["temperature"]) == ("1,4", 1, 0.5)
    assert (chosen["figure_width"], chosen["figure_unit"], chosen["figure_font"], chosen["figure_dpi"]) == (85, "mm", 7, 600)
    assert (chosen["figure_colours"], chosen["figure_numbers"], chosen["figure_turn"]) == ("viridis", "off", "90")
    assert (chosen["figure_title"], chosen["figure_caption"]) == (False, True)


def test_a_record_with_impossible_options_opens_with_the_usual_ones():
    chosen = restored({"model": "bert", "layer": 3, "head": 1, "options": WILD | {"temperature": 1e9, "threshold": float("nan"), "own": 3}})
    assert (chosen["figure_width"], chosen["figure_font"], chosen["figure_colours"]) == (None, 9, "YlGnBu")
    assert {"temperature", "threshold", "own"}.isdisjoint(chosen)


def test_a_text_too_long_for_all_heads_in_one_file_is_said():
    from attnlab.ui.layers import page

    app = unfolded(LAYERS)
    kinds = [button.label for button in app.get("download_button")]
    assert kinds[:7] == ["PNG", "SVG", "PDF", "HTML", "CSV", "NPZ", "ZIP"]
    app = unfolded(LAYERS, text="the cat " * 100)
    assert page.WRITTEN < 72 * 202**2 < page.PICTURE
    assert [button.label for button in app.get("download_button")][:4] == ["PNG", "SVG", "PDF", "NPZ"]
    assert any("too long for all heads as CSV" in caption.value for caption in app.caption)
