"""Every figure in every format: nasty labels, the record that comes back, the same bytes twice."""

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
