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


def test_beside_the_files_stand_the_command_the_caption_and_the_citations():
    app = opened(HEADS, text=TEXT, layer="3", head="1", figure_width="85")
    app.session_state["save map"] = True
    app.run()
    assert app.code[0].value == (
        "attnlab heatmap 'The cat sat.' --model bert --stack encoder --layer 3 --head 1 --width 85 -o bert-encoder-L3H1.pdf"
    )
    app.toggle(key="latex map").set_value(True).run()
    assert not app.exception
    figure, entries = (code.value for code in app.code[1:3])
    assert r"\includegraphics{bert-encoder-L3H1.pdf}" in figure
    assert "encoder L3H1" in figure
    assert "devlin2019bert" in entries
    app = opened(HEADS, text=TEXT, over="mean")
    app.session_state["save map"] = True
    assert app.run().code[0].value.startswith("attnlab trace 'The cat sat.' --model bert -o ")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_preset_sets_width_and_letters_and_the_link_says_them(language):
    app = opened(HEADS, lang=language)
    app.session_state["save map"] = True
    app.run()
    app.selectbox(key="figure preset").set_value("ieee").run()
    assert not app.exception
    assert (app.number_input(key="figure_width").value, app.number_input(key="figure_font").value) == (88.9, 8)
    assert app.selectbox(key="figure_family").value == "serif"
    app.number_input(key="figure_font").set_value(7.0).run()
    assert app.number_input(key="figure_font").value == 7


@pytest.mark.parametrize(
    ("page", "link", "picture", "cell"),
    [
        (HEADS, {}, "map", '<th scope="row">cat</th>'),
        (LAYERS, {"part": "whole", "whole": "distance"}, "distance", '<th scope="col">layer</th>'),
        ("look/compare.py", {"text_b": "The dog sat."}, "compare", '<th scope="row">sat</th>'),
        ("learn/positions.py", {}, "row", "<caption>similarity</caption>"),
    ],
)
def test_under_every_picture_there_are_its_numbers(page, link, picture, cell):
    app = opened(page, text=TEXT, **link)
    app.session_state[f"table {picture}"] = True
    app.run()
    assert not app.exception
    assert any(cell in html.proto.body for html in app.get("html"))


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
