"""Letters and widths that a journal accepts: fonts that are embedded whole, presets, text that stays text."""

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from attnlab import figures
from attnlab.figures.curves import curves
from attnlab.figures.picture import Picture, Series
from attnlab.figures.plots import static
from attnlab.figures.style import PRESETS, Look
from attnlab.words import InputError

SCRIPTS = ("[CLS]", "注意力", "السلام", "שלום", "🙂", "ภาษา", "हिन्दी", "αβ∑")
OWN = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSerif.ttf"


def picture(look: Look | None = None) -> Picture:
    weights = np.full((len(SCRIPTS), len(SCRIPTS)), 1 / len(SCRIPTS), np.float32)
    return figures.heatmap(weights, SCRIPTS, SCRIPTS, title="图", look=look)


def fonts(data: bytes) -> list[bytes]:
    """The font dictionaries of a PDF, which stand in it uncompressed."""
    return [part for part in re.findall(rb"<<.*?>>", data, re.DOTALL) if b"/Type /Font " in part or b"/Type /Font\n" in part]


@pytest.mark.parametrize("look", [None, Look(family="serif"), Look(family=str(OWN))], ids=["sans", "serif", "own"])
def test_a_pdf_embeds_true_type_fonts_and_never_type_3(look, tmp_path):
    data = figures.save(picture(look), "pdf")
    kinds = [re.search(rb"/Subtype /(\w+)", font)[1] for font in fonts(data)]  # type: ignore[index]
    assert set(kinds) <= {b"Type0", b"CIDFontType2", b"TrueType"}
    assert b"/Type3" not in data
    assert data.count(b"/FontFile2") >= 5
    if shutil.which("pdffonts"):
        (tmp_path / "a.pdf").write_bytes(data)
        said = subprocess.run(["pdffonts", tmp_path / "a.pdf"], capture_output=True, text=True, check=True).stdout
        assert "Type 3" not in said
        rows = [line.split() for line in said.splitlines()[2:]]
        assert all(row[-5:-3] == ["yes", "yes"] for row in rows), said  # embedded, and only what is used


def test_the_letters_are_the_ones_that_were_asked_for():
    assert b"STIXGeneral" in figures.save(picture(Look(family="serif")), "pdf")
    assert b"STIXGeneral" not in figures.save(picture(), "pdf")
    assert b"DejaVuSerif" in figures.save(picture(Look(family=str(OWN))), "pdf")
    assert Look(family=str(OWN)).changed() == {"family": "DejaVuSerif.ttf"}  # a record tells nobody where a file lies


def test_an_svg_holds_letters_where_they_are_asked_for_and_outlines_otherwise():
    root = ElementTree.fromstring(figures.save(picture(Look(text=True, family="serif")), "svg"))
    written = {"".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {*SCRIPTS, "图"} <= written
    assert "Times New Roman" in ElementTree.tostring(root).decode()
    assert not list(ElementTree.fromstring(figures.save(picture(), "svg")).iter("{http://www.w3.org/2000/svg}text"))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_gives_the_width_that_its_journal_asks_for(name):
    look = Look.preset(name)
    chart = curves([Series("a", np.arange(3), np.arange(3))], axes=("x", "y"), title="t", caption="c")
    for each in (picture(look), static(chart, look)):
        assert each.get_size_inches()[0] * 25.4 == pytest.approx(PRESETS[name]["width"])
    assert look.family == PRESETS[name].get("family", "sans")


def test_what_is_said_beside_a_preset_counts_more():
    assert Look.preset("acl", width=100.0, font=None).changed() == {"width": 100.0, "font": 8.0, "family": "serif"}
    assert Look.preset(None, font=7.0) == Look(font=7.0)


@pytest.mark.parametrize("wrong", [{"family": "comic"}, {"family": "/nowhere/a.ttf"}])
def test_letters_that_are_not_there_are_told(wrong):
    with pytest.raises(InputError, match="sans, serif"):
        Look(**wrong)
    with pytest.raises(InputError, match="neurips"):
        Look.preset("Nature Physics")


def kinds_of_figure():
    """One figure of every kind that a page can save."""
    from attnlab.core.ledger import Ledger, Part
    from attnlab.figures.clocks import still
    from attnlab.figures.panels import figure, view_of

    weights = np.full((2, 8, 8), 1 / 8, np.float32)
    one = {"title": "图 “title”", "caption": "− αβ 注意力"}
    line = Series("head · 头", np.arange(1.0, 4), np.arange(1.0, 4), texts=SCRIPTS[:3])
    part = Part("head", "encoder", 0, 1, 0, 0.5)
    return {
        "heatmap": lambda look: figures.heatmap(weights[0], SCRIPTS, SCRIPTS, look=look, **one),
        "difference": lambda look: figures.heatmap(weights[0] - 0.2, SCRIPTS, SCRIPTS, signed=True, look=look, **one),
        "triptych": lambda look: figures.triptych([(name, weights[0], SCRIPTS, SCRIPTS) for name in "ABC"], look=look, **one),
        "panels": lambda look: figure([view_of(figures.heatmap(weights[0], SCRIPTS, SCRIPTS, **one))] * 3, look=look),
        "lines": lambda look: figures.lines(weights[0], SCRIPTS, SCRIPTS, look=look, **one),
        "mosaic": lambda look: figures.mosaic([weights, weights], SCRIPTS, SCRIPTS, look=look, **one),
        "curves": lambda look: static(curves([line], axes=("x", "y"), **one), look),
        "powers": lambda look: static(curves([line], axes=("x", "y"), log=True, **one), look),
        "scatter": lambda look: static(curves([line, line], axes=("x", "y"), joined=False, **one), look),
        "clocks": lambda look: still(weights[0], SCRIPTS, axes=("p", "°"), look=look, **one),
        "waterfall": lambda look: figures.waterfall(Ledger((part,), 0.5, "log p"), look=look, **one),
    }


@pytest.mark.parametrize("kind", kinds_of_figure())
def test_every_kind_of_figure_in_a_journals_width_has_fonts_that_it_accepts(kind, tmp_path):
    made = kinds_of_figure()[kind](Look.preset("acl"))
    assert made.get_size_inches()[0] * 25.4 == pytest.approx(PRESETS["acl"]["width"])
    data = figures.save(made, "pdf")
    assert b"/Type3" not in data
    assert b"STIXGeneral" in data
    if shutil.which("pdffonts"):
        (tmp_path / "a.pdf").write_bytes(data)
        said = subprocess.run(["pdffonts", tmp_path / "a.pdf"], capture_output=True, text=True, check=True).stdout
        assert "Type 3" not in said
    assert ElementTree.fromstring(figures.save(made, "svg")).tag.endswith("svg")


def test_a_chinese_sign_stands_where_its_outline_says():
    from fontTools.ttLib import TTFont

    font = TTFont(Path(__file__).parents[2] / "assets" / "fonts" / "NotoSansCJKsc-subset.ttf")
    letters, signs = font.getBestCmap(), "（《“，。注意力"
    bearings = {sign: font["hmtx"][letters[ord(sign)]][1] for sign in signs}
    assert bearings == {sign: font["glyf"][letters[ord(sign)]].xMin for sign in signs}
    assert bearings["（"] > 500  # in the right half of its square
