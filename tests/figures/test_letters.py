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
