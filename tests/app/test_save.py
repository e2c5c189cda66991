"""Files from every page: the same options, the visitor's words, a title, a caption and the way back, whatever the picture."""

import re

import numpy as np
import pytest

from attnlab import figures, load
from attnlab.ui import save
from tests.app.test_start_and_look import HEADS, LAYERS, opened

TEXT = "The cat sat."
# page, link, and the pictures that stand there
PICTURES = [
    (HEADS, {"text": TEXT}, ["map", "lines"]),
    (LAYERS, {"text": TEXT}, ["mosaic"]),
    (LAYERS, {"text": TEXT, "part": "whole"}, ["rollout"]),
    (LAYERS, {"text": TEXT, "part": "whole", "whole": "norm"}, ["norm-shares"]),
    (LAYERS, {"text": TEXT, "part": "whole", "whole": "distance"}, ["distance"]),
    ("look/compare.py", {"text": TEXT, "text_b": "The dog sat."}, ["compare"]),
    ("learn/variants.py", {"text": TEXT, "variant": "window"}, ["variant"]),
    ("learn/positions.py", {"encoding": "rotary"}, ["table-rotary", "square-rotary", "row", "overlay", "clocks"]),
    ("learn/positions.py", {"part": "without", "text": TEXT}, ["moved", "before", "after", "change", "outputs"]),
    ("build/translate.py", {"view": "whole", "text": TEXT}, ["alignment"]),
    ("build/translate.py", {"view": "whole", "picture": "joint", "text": TEXT}, ["joint"]),
]


@pytest.fixture
def drawn(monkeypatch):
    """What the buttons of a page would write: (key of the picture, the picture), drawn as the page asks for it."""
    found = {}

    def offer(make, key, *_):
        found[key] = make("png"), make

    monkeypatch.setattr(save, "offer", offer)
    monkeypatch.setattr(save, "save", lambda figure, format, record: (figures.export.still(figure), record))
    return found


@pytest.mark.parametrize(("page", "link", "bars"), PICTURES, ids=[f"{page} {bars[0]}" for page, _, bars in PICTURES])
def test_every_picture_is_saved_with_the_options_in_the_words_of_the_visitor(page, link, bars, drawn):
    app = opened(page, lang="zh", figure_width="85", figure_font="7", **link)
    for bar in bars:
        app.session_state[f"save {bar}"] = True
    app.run()
    assert not app.exception
    assert not app.error
    assert set(drawn) == set(bars)
    for picture, record in (made for made, _ in drawn.values()):
        assert picture.get_size_inches()[0] * 25.4 == pytest.approx(85)
        assert picture.numbers.title
        assert picture.numbers.caption
        assert {"width": 85, "font": 7}.items() <= record["options"].items()
        axes = picture.numbers.axes if picture.numbers.series else ()
        for word in (picture.numbers.words.query, *axes):
            assert re.search("[\u4e00-\u9fff]", word), word


def test_options_are_asked_once_when_two_pictures_are_unfolded():
    app = opened(HEADS, text=TEXT)
    for bar in ("map", "lines"):
        app.session_state[f"save {bar}"] = True
    app.run()
    assert not app.exception
    assert len([field for field in app.number_input if field.key == "figure_width"]) == 1


def test_a_head_has_one_name_on_the_page_in_the_zip_and_from_the_command_line(drawn, tmp_path):
    from attnlab.__main__ import main

    app = opened(HEADS, text=TEXT, layer="3", head="1")
    app.session_state["save map"] = True
    app.run()
    (picture, _), _make = drawn["map"]
    trace = load("bert").trace(TEXT)
    assert main(["heatmap", TEXT, "--layer", "3", "--head", "1", "-o", str(tmp_path / "a.svg")]) == 0
    written = (tmp_path / "a.svg").read_text()
    title, caption = picture.numbers.title, picture.numbers.caption
    assert f"<title>{title}</title>" in written
    assert f"<desc>{caption}</desc>" in written
    zipped = figures.archive(trace, stack="encoder", layer=3, formats=("svg",))
    assert f"<title>{title}</title>".encode() in opened_zip(zipped, "encoder-L3H1.svg")
    assert f"<desc>{caption}</desc>".encode() in opened_zip(zipped, "encoder-L3H1.svg")
    np.testing.assert_array_equal(picture.numbers.panels[0].values, trace.at("encoder", 3).weights(1))
    assert title == "bert · encoder L3H1"
    assert caption.endswith(f"float32 · {TEXT}")


def opened_zip(data, name):
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as files:
        return files.read(name)
