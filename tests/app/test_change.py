"""The page Change without a browser: heads struck out by a click, undone and redone, rows edited, and mistakes told."""

import numpy as np
import pytest

from attnlab.core.edits import Edit, write_edits
from attnlab.models.interventions import importance
from attnlab.models.load import load
from attnlab.ui.language import number
from attnlab.words import room
from tests.app.conftest import opened, words

PAGE = "change/change.py"
FILM = {"model": "sentiment", "text": "What a lovely film!"}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_opens_in_both_languages(lang):
    app = opened(PAGE, lang=lang, **FILM)
    assert not app.error
    assert room(lang, "change")["says_same"] in words(app)


def edits_of(app):
    """The edits that stand on the page, ready for the command line."""
    return app.get("code")[0].value


def test_a_struck_head_is_an_edit_that_is_undone_and_redone():
    app = opened(PAGE, **FILM)
    next(group for group in app.get("button_group") if group.label == "L1 · H").select(3).run()
    one = write_edits([Edit("z", layer=1, head=3)])
    assert edits_of(app) == one
    for button, wanted in (("undo", "[]"), ("redo", one), ("take 0", "[]"), ("undo", one), ("clear", "[]"), ("undo", one)):
        app.button(key=button).click().run()
        assert not app.exception
        assert edits_of(app) == wanted
    app.toggle[[each.label for each in app.toggle].index("encoder L1H3 z: zero")].set_value(False).run()
    assert edits_of(app) == "[]"
    app.toggle[[each.label for each in app.toggle].index("encoder L1H3 z: zero")].set_value(True).run()
    assert edits_of(app) == one


def test_a_row_is_edited_and_its_link_opens_the_same():
    app = opened(PAGE, **FILM)
    app.button(key="put in").click().run()
    edits = write_edits([Edit("weights", layer=0, head=0, query=0, to="uniform")])
    assert edits_of(app) == edits
    again = opened(PAGE, **FILM, edits=edits)
    assert not again.error
    assert "moved most" in words(again)


def test_edits_without_a_place_are_told():
    app = opened(PAGE, **FILM, edits=write_edits([Edit("z", layer=9)]))
    assert "no layer 9" in app.error[0].value
    assert "cannot be read" in opened(PAGE, **FILM, edits="{").warning[0].value
    assert "无法读取" in opened(PAGE, lang="zh", **FILM, edits="{").warning[0].value


def test_who_predicts_sees_nothing_before():
    app = opened(PAGE, **FILM, edits=write_edits([Edit("z", to="zero")]), predict="true")
    assert room("en", "change")["guess_first"] in words(app)
    assert room("en", "change")["says_same"] not in words(app)


def test_every_head_and_every_place_has_its_map():
    app = opened(PAGE, **FILM, every="true", other="What a boring film!")
    assert not app.error
    assert "positive − negative" in words(app)
    assert "ranks the places" in words(app)
    short = opened(PAGE, **FILM, other="boring")
    assert "tokens" in short.error[0].value
    long = opened(PAGE, **FILM, other="What a very boring film!", align="true", place="k", way="noise")
    assert not long.error
    assert "ranks the places" in words(long)


def test_a_map_comes_in_pieces_and_can_be_stopped(monkeypatch):
    monkeypatch.setattr("attnlab.models.interventions.TOGETHER", 64)  # a layer of eight words at a time
    monkeypatch.setattr("attnlab.ui.change.patching.PIECE", 0.0)
    with monkeypatch.context() as held:
        held.setattr("attnlab.ui.change.patching.st.rerun", lambda: None)
        app = opened(PAGE, model="sentiment", text="What a truly lovely film!", other="What a truly boring film!")
        assert drawn(app) == ["50 % of the map is drawn"]
        app.button(key="stop patching").click()
        app.session_state["patch desk"].outputs.clear()
        app.run()
        assert drawn(app) == ["0 % of the map is drawn"]
        assert app.button(key="stop patching").label == room("en", "change")["go_on"]
    app.button(key="stop patching").click().run()
    assert not app.exception
    assert drawn(app) == []
    assert "ranks the places" in words(app)


def drawn(app):
    """How much of a map there is, where it is not whole."""
    return [bar.proto.text for bar in app.get("progress")]


def test_heads_are_ranked_over_a_file_as_the_command_does():
    texts = ["What a lovely film!", "What a boring film!", "It was fine."]
    app = opened(PAGE, **FILM, every="true")
    app.file_uploader(key="importance file").upload("lines.txt", "\n".join(texts).encode(), "text/plain").run()
    found = importance(load("sentiment"), texts, "encoder")
    layer, head = np.unravel_index(np.abs(found.mean).argmax(), found.mean.shape)
    first = app.table[-1].value.iloc[0].tolist()
    change, low, high = (number(float(each[layer, head])) for each in (found.mean, found.low, found.high))
    assert first == [f"L{layer}H{head}", change, f"{low} … {high}"]
    app.file_uploader(key="importance file").upload("lines.txt", "你好".encode("gbk"), "text/plain").run()
    assert "iconv" in app.error[0].value


def test_a_row_is_typed_a_link_is_set_and_a_whole_layer_is_cut():
    app = opened(PAGE, **FILM, becomes="set", to="2", weight="0.25", scope="layer")
    app.button(key="put in").click().run()
    edit = Edit("weights", layer=0, query=0, key=2, to=0.25, renormalise=True)
    assert edits_of(app) == write_edits([edit])
    typed = opened(PAGE, **FILM, becomes="typed", renormalise="false")
    type_row(typed, "1 2")
    assert "do not fit weights" in typed.error[0].value
    type_row(typed, "1 0 0 0 0 0 0")
    typed.button(key="put in").click().run()
    assert edits_of(typed) == write_edits([Edit("weights", layer=0, head=0, query=0, to=[1, 0, 0, 0, 0, 0, 0])])
    assert '"start":[1.0,0.0,0.0,0.0,0.0,0.0,0.0],"whole":false' in typed.get("bidi_component")[0].proto.json.replace(" ", "")
    type_row(typed, "1 a")
    assert "list of numbers" in typed.error[0].value


def type_row(app, numbers):
    """Type the weights of a row, where its bars stand."""
    next(box for box in app.text_input if box.label == room("en", "change")["typed"]).set_value(numbers).run()


def test_a_row_drawn_again_takes_the_place_of_its_first_drawing():
    from attnlab.ui.change.edits import by_numbers

    row = {"stack": "encoder", "layer": 0, "head": 1, "query": 2}
    drawn = Edit("weights", layer=0, head=1, query=2, to=[0.5, 0.5])
    assert by_numbers(drawn, row)
    for other in (Edit("weights", layer=0, head=1, query=2, to="uniform"), Edit("weights", layer=0, head=1, query=2, key=0, to=0.5)):
        assert not by_numbers(other, row)
    assert not by_numbers(Edit("weights", layer=0, query=2, to=[0.5, 0.5]), row)


def test_a_struck_head_hands_on_a_mean_over_a_set_or_another_sentence():
    for by, to, texts in (("set", "mean", ["I hate it.", "What a boring film!"]), ("sample", "run", ["What a boring film!"])):
        app = opened(PAGE, **FILM, by=by, set="I hate it.\nWhat a boring film!")
        next(group for group in app.get("button_group") if group.label == "L1 · H").select(3).run()
        assert edits_of(app) == write_edits([Edit("z", layer=1, head=3, to=to, texts=texts)])
        assert not app.error
    assert "No other sentence" in opened(PAGE, **FILM, by="sample", set="I hate it.").error[0].value


def test_heads_are_taken_out_on_shipped_rows(monkeypatch):
    monkeypatch.setattr("attnlab.ui.change.pruning.ROWS", 8)
    monkeypatch.setattr("attnlab.ui.change.pruning.POINTS", 2)
    app = opened(PAGE, **FILM)
    app.button(key="prune").click().run()
    assert not app.exception
    assert not app.error
    app.text_area(key="rows sentiment").set_value("no tab").run()
    app.button(key="prune").click().run()
    assert "holds no usable row" in app.error[0].value
    assert room("en", "change")["pruning_none"] in words(opened(PAGE))
