"""Files from every page: the same options, the visitor's words, a title, a caption and the way back, whatever the picture."""

import re
import shlex

import numpy as np
import pytest

from attnlab import figures, load
from attnlab.figures import tables
from attnlab.ui import figure_files, save
from tests.app.test_start_and_look import HEADS, LAYERS, opened

TEXT = "The cat sat."
WHOLE = {"text": TEXT, "part": "whole"}
# page, link, and every canvas or plot that stands there with the bar under it; some share one
PICTURES: list[tuple[str, dict[str, str], dict[str, str]]] = [
    (HEADS, {"text": TEXT}, {"map": "map", "lines": "lines"}),
    (HEADS, {"text": "one two three four"}, {"overview": "map", "lens": "lens"}),
    (LAYERS, {"text": TEXT}, {"mosaic": "mosaic", "measured": "measured"}),
    (LAYERS, {"text": TEXT, "part": "scatter"}, {"mosaic": "mosaic", "scatter": "scatter"}),
    (LAYERS, WHOLE, {"mosaic": "mosaic", "rollout": "rollout"}),
    (LAYERS, WHOLE | {"whole": "norm"}, {"mosaic": "mosaic", "norm-raw": "norm-shares", "norm-sent": "norm-shares"}),
    (LAYERS, WHOLE | {"whole": "distance"}, {"mosaic": "mosaic", "distance-chart": "distance"}),
    (
        "look/compare.py",
        {"text": TEXT, "text_b": "The dog sat."},
        dict.fromkeys(("compare a", "compare b", "compare difference"), "compare"),
    ),
    ("learn/steps.py", {"text": TEXT, "stage": "6"}, {"walk": "walk"}),
    ("learn/variants.py", {"text": TEXT}, dict.fromkeys(("pattern map", "variant map", "change map"), "variant") | {"rows": "rows"}),
    ("learn/variants.py", {"text": TEXT, "show": "output"}, dict.fromkeys(("z", "z full", "dz"), "output")),
    ("learn/variants.py", {"show": "cost"}, {"counted": "counted"}),
    ("learn/positions.py", {"encoding": "rotary"}, {name: name for name in ("table-rotary", "square-rotary", "row", "overlay", "clocks")}),
    ("learn/positions.py", {"part": "switch", "shown": "rotary"}, {"switch-rotary": "switch-rotary"}),
    (
        "learn/positions.py",
        {"part": "without", "text": TEXT},
        {name: name for name in ("moved", "before", "after", "change", "outputs", "shuffle-with", "shuffle-without")},
    ),
    ("change/change.py", {"text": TEXT, "every": "true", "other": "The dog sat."}, {"importance": "importance", "patch": "patch"}),
    (
        "change/ledger.py",
        {"text": TEXT, "other": "The dog sat."},
        {"waterfall": "waterfall", "sources": "sources", "source row": "sources"},
    ),
    (
        "change/ledger.py",
        {"text": TEXT, "model": "fill-en"},
        {"waterfall": "waterfall", "sources": "sources", "source row": "sources", "lens": "lens"},
    ),
    ("build/translate.py", {"text": TEXT}, {"writing": "writing"}),
    ("build/translate.py", {"view": "whole", "text": TEXT}, {"alignment": "alignment", "alignment lines": "alignment"}),
    ("build/translate.py", {"view": "whole", "picture": "joint", "text": TEXT}, {"joint": "joint"}),
    ("build/translate.py", {"view": "scores", "text": TEXT}, {"own losses": "own losses"}),
    ("build/sentiment.py", {"review": "A good film."}, {"removed words": "pooling"}),
    ("build/write.py", {"view": "looks"}, {"looks": "looks"}),
    ("build/write.py", {"view": "looks", "writer": "write-en", "begin": "the king and the"}, {"looks": "looks", "repeat map": "repeat"}),
    ("build/write.py", {"view": "couplets", "writer": "write-zh", "begin": "白日依山尽，黄河入海流，"}, {"couplet map": "couplet"}),
    ("build/write.py", {"view": "cache"}, {"cache map": "cache"}),
    ("build/fill.py", {"view": "looks"}, {"hole looks": "hole looks"}),
    ("build/fill.py", {"view": "changes"}, {"changed words": "changed words", "changed map": "changed"}),
    ("build/fill.py", {"view": "likely"}, {"likely 0": "likely 0", "likely 1": "likely 1"}),
    ("build/train.py", {}, {"learning": "loss"}),
    ("learn/positions.py", {"part": "longer", "longest": "8", "n": "8"}, {"longer": "longer", "at-length": "at-length"}),
    ("look/atlas.py", {"atlas_part": "scatter"}, {"atlas-scatter": "atlas-scatter"}),
    ("look/atlas.py", {"of": "encoder.3.1"}, {"atlas spread": "atlas-spread", "atlas lengths": "atlas-lengths"}),
    ("teach/lessons.py", {}, {"lesson 1-what-a-head-looks-at 0 0 False": "lesson 0"}),
]
# components that draw nothing: the address bar, the table of a step, a button, the sentences of a head
BESIDE = {"address", "apart", "copy", "atlas sentences"}
# pictures that no address restores: of a visit's own measuring, of a corpus, of a lesson that asks first
UNLINKED = {"longer", "atlas-scatter", "atlas-spread", "atlas-lengths", "lesson 0"}


def canvases(app):
    """The keys of everything on the page that draws."""
    drawn = [each.proto.id for kind in ("bidi_component", "plotly_chart") for each in app.get(kind)]
    return {name.split("-", 2)[2] for name in drawn} - BESIDE


@pytest.fixture
def drawn(monkeypatch):
    """What the buttons of a page would write: (key of the picture, the picture), drawn as the page asks for it."""
    found = {}

    def offer(make, key, *_):
        found[key] = make("png"), make

    monkeypatch.setattr(save, "offer", offer)
    monkeypatch.setattr(save, "save", lambda figure, format, record: (figures.export.still(figure), record))
    return found


@pytest.mark.parametrize(("page", "link", "bars"), PICTURES, ids=[f"{page} {'-'.join(bars)}" for page, _, bars in PICTURES])
def test_under_every_picture_stand_its_files_its_table_and_a_command_that_gives_the_same_numbers(page, link, bars, drawn, monkeypatch):
    if "overview" in bars:
        monkeypatch.setattr("attnlab.ui.heads.view.LONG", 3)
    app = opened(page, lang="zh", figure_width="85", figure_font="7", **link)
    assert canvases(app) == set(bars)
    for bar in bars.values():
        app.session_state[f"save {bar}"] = app.session_state[f"table {bar}"] = True
    app.run()
    assert not app.exception
    assert not app.error
    assert set(drawn) == set(bars.values())
    assert len([html for html in app.get("html") if "<table>" in html.proto.body]) >= len(set(bars.values()))
    commands = [shlex.split(code.value) for code in app.code if code.language == "bash"]
    for bar, (picture, record) in ((bar, drawn[bar][0]) for bar in set(bars.values())):
        assert picture.get_size_inches()[0] * 25.4 == pytest.approx(85)
        assert picture.numbers.title
        assert picture.numbers.caption
        assert {"width": 85, "font": 7}.items() <= record["options"].items()
        axes = picture.numbers.axes if picture.numbers.series else ()
        for word in (picture.numbers.words.query, *axes):
            assert re.search("[\u4e00-\u9fff−]", word), word
        said = [view for command in commands if command[1] == "figure" for view in command[2:3] if view.endswith(f"#{bar}")]
        if bar == "map":  # one head has a command of its own
            assert any(command[1] in ("heatmap", "figure") for command in commands)
            continue
        if bar in UNLINKED:
            assert not said
            assert "view" not in record
            continue
        again = said[0]
        monkeypatch.setattr("attnlab.ui.save.offer", lambda *_: None)
        shown = figure_files.picture(again)
        assert shown.look.inches * 25.4 == pytest.approx(85)
        twin = figures.export.still(shown.draw(shown.look, figures.words_in("zh")))
        assert tables.table(twin.numbers) == tables.table(picture.numbers)


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
    assert app.run().code[0].value.startswith("attnlab figure 'heads?text=The+cat+sat.&over=mean&layer=3&head=1&lang=en#map' -o ")


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
