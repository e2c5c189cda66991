"""Every figure in every format: nasty labels, the record that comes back, the same bytes twice."""

import io
import json
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest

from attnlab import figures
from attnlab.figures.picture import Picture
from attnlab.words import InputError

NASTY = ("\x00\x1b", "\ud800", "\ufeff", r"$\frac$", "注意力", "السلام", "שלום", "🙂", "</script>\u2028", "=1+1")


def pictures() -> list[Picture]:
    weights = np.random.default_rng(0).dirichlet(np.ones(len(NASTY)), len(NASTY)).astype(np.float32)
    return [
        figures.heatmap(weights, NASTY, NASTY, title=NASTY[-2]),
        figures.lines(weights, NASTY, NASTY, title=NASTY[1]),
        figures.mosaic([np.stack([weights] * 2)] * 2, queries=NASTY, keys=NASTY),
    ]


@pytest.mark.parametrize("format", figures.FORMATS)
def test_each_format_holds_every_label_and_its_record(format: str) -> None:
    record = figures.record(model="bert", text=NASTY[-2], layer=0, head=1)
    for picture in pictures():
        data = figures.save(picture, format, record=record, dpi=60)
        assert data == figures.save(picture, format, record=record, dpi=60)
        if format == "svg":
            ElementTree.fromstring(data)
        if format != "csv":
            assert record.items() <= figures.read_record(data).items()


@pytest.mark.parametrize("foreign", [b"", b"GIF89a", b"<svg/>", b"<!doctype html>", b"%PDF-1.4", b"PK\x03\x04"])
def test_a_foreign_file_is_told(foreign: bytes) -> None:
    with pytest.raises(InputError):
        figures.read_record(foreign)


def test_every_member_of_an_npz_is_an_array_and_the_record_is_one_of_them() -> None:
    with np.load(io.BytesIO(figures.save(pictures()[0], "npz", record=figures.record(model="bert")))) as held:
        assert {name: held[name].shape for name in held.files} == {"weights": (10, 10), "queries": (10,), "keys": (10,), "record": ()}
        assert json.loads(str(held["record"]))["model"] == "bert"


def test_a_record_of_an_older_npz_is_still_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("record.json", json.dumps(figures.record(model="bert")))
    assert figures.read_record(out.getvalue())["model"] == "bert"


def test_a_png_that_another_program_wrote_again_keeps_its_record() -> None:
    """Compressed text, international text, and a file that was cut short after its head."""
    from PIL import Image, PngImagePlugin

    data = figures.save(pictures()[0], "png", record=figures.record(model="bert", text="猫"), dpi=30)
    with Image.open(io.BytesIO(data)) as image:
        text = image.info["attnlab"]
        for how in ({"zip": True}, {"zip": False}):
            again, kept = io.BytesIO(), PngImagePlugin.PngInfo()
            kept.add_itxt("attnlab", text, **how)
            image.save(again, "png", pnginfo=kept)
            assert figures.read_record(again.getvalue())["text"] == "猫"
            assert figures.read_record(again.getvalue()[:2000])["text"] == "猫"


@pytest.mark.parametrize("broken", [b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n" + b"\xff" * 60, b"PK\x03\x04" + b"\0" * 60])
def test_a_broken_file_is_told(broken: bytes) -> None:
    with pytest.raises(InputError):
        figures.read_record(broken)


def test_text_that_grows_too_large_is_refused() -> None:
    from PIL import Image, PngImagePlugin

    out, bomb = io.BytesIO(), PngImagePlugin.PngInfo()
    bomb.add_text("attnlab", "0" * 2**25, zip=True)
    Image.new("L", (1, 1)).save(out, "png", pnginfo=bomb)
    assert len(out.getvalue()) < 2**17
    with pytest.raises(InputError):
        figures.read_record(out.getvalue())


def test_an_html_page_speaks_its_language_and_has_one_main_part() -> None:
    weights = np.eye(2, dtype=np.float32)
    page = figures.save(figures.heatmap(weights, "ab", "ab", words=figures.words_in("zh")), "html").decode()
    assert '<html lang="zh">' in page
    assert page.count("<main>") == page.count("</main>") == 1
    assert page.index("<main>") < page.index("<h1>") < page.index("</main>")


def test_a_page_holds_a_still_picture_of_what_it_does_not_draw_itself() -> None:
    """Heat maps are painted by the page from its numbers; lines and curves are shown as a picture."""
    from attnlab.figures.curves import curves
    from attnlab.figures.picture import Series

    weights = np.eye(2, dtype=np.float32)
    assert b"<img" not in figures.save(figures.heatmap(weights, "ab", "ab"), "html")
    assert b"<img" in figures.save(figures.lines(weights, "ab", "ab"), "html")
    assert b"<img" in figures.save(curves([Series("a", np.arange(2), np.arange(2))], axes=("x", "y")), "html")
