"""The page Atlas without a browser: tiles, search, one head and its sentences, marked links, differences, an index made here."""

import json
import time

import pytest

from attnlab.corpus.shelf import shipped, shipped_index
from attnlab.ui.atlas.head import hits_table
from attnlab.ui.atlas.indexes import take
from attnlab.ui.atlas.making import jobs
from attnlab.words import InputError, room
from tests.app.conftest import opened, words

PAGE = "look/atlas.py"


def sent(app, name):
    """What the page hands to a component."""
    (found,) = [json.loads(each.proto.json) for each in app.get("bidi_component") if f"attnlab_{name}" in each.proto.component_name]
    return found["meta"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_head_is_a_tile_with_its_label_and_its_strongest_measure(lang):
    app = opened(PAGE, lang=lang)
    assert not app.error
    tiles = sent(app, "tiles")["tiles"]
    assert len(tiles) == 72
    previous = room(lang, "measures")
    assert tiles[2]["kind"] == previous["label_previous"]
    assert tiles[2]["lines"][0].startswith(previous["name_previous"])
    assert "±" in tiles[2]["lines"][0]


def test_a_search_leaves_the_heads_that_fit_in_either_language():
    assert [one["name"] for one in sent(opened(PAGE, find="previous token > 0.4"), "tiles")["tiles"]] == ["L0H2", "L2H11"]
    assert [one["name"] for one in sent(opened(PAGE, lang="zh", find="前一词元 > 0.4，第 0 层"), "tiles")["tiles"]] == ["L0H2"]
    assert "says nothing of a head" in opened(PAGE, find="rubbish").error[0].value


def test_a_head_has_its_numbers_what_it_is_not_and_its_sentences_with_the_exact_weight():
    app = opened(PAGE, of="encoder.0.2")
    assert not app.error
    said = words(app)
    assert room("en", "atlas")["not"] in said
    assert "just before" in said
    rows = sent(app, "sentences")["sentences"]
    best = shipped_index("bert").hits("encoder", 0, 2, "previous")
    assert [row["link"] for row in rows] == [f"{hit.word} → {hit.keys[hit.key]} {hit.weight:.4f}" for hit in best]
    assert len(hits_table(shipped_index("bert"), 2).splitlines()) > 500


def test_marked_links_find_the_heads_that_make_them():
    app = opened(PAGE, atlas_part="pattern", text="A small bird sings in the garden.", links="3-2,4-3")
    assert not app.error
    assert app.dataframe[0].value["head"][0] == "L0H2"
    assert "×" in app.dataframe[0].value["times"][0]
    above = opened(PAGE, atlas_part="pattern", text="A small bird sings.", links="3-2", rank="above", lang="zh")
    assert not above.error
    assert opened(PAGE, atlas_part="pattern", text="word " * 50).error


def test_two_atlases_differ_in_some_heads_and_the_scatter_is_drawn():
    app = opened(PAGE, atlas_part="differences", against_index="fill-en", by_measure="next")
    assert not app.error
    assert "L1H8" in set(app.dataframe[0].value["head"])
    assert opened(PAGE, atlas_part="differences", lang="zh").info
    assert not opened(PAGE, atlas_part="scatter").error
    assert not opened(PAGE, of="encoder.3.1", beside="fill-en", lang="zh").error


def test_an_index_is_made_in_the_background_and_read(monkeypatch):
    monkeypatch.setattr("attnlab.corpus.jobs.LOW", 0)  # nobody to give way to
    made = jobs()
    with pytest.raises(InputError, match="2000"):
        made.submit("bert", ["a"] * 2001)
    with pytest.raises(InputError):
        made.submit("bert", [" "])
    name = made.submit("bert", ["The cat sat on the mat.", "", "A dog barked."])
    wrong = made.submit("no such model", ["A dog."])
    while made.get(wrong).state in ("waiting", "running"):
        time.sleep(0.1)
    assert made.get(name).state == "done"
    assert made.get(name).share == 1
    assert made.index(name).totals.sentences == 2
    assert made.get(wrong).state == "failed"
    assert "no such model" in made.get(wrong).why
    assert made.get("nothing") is None


def test_the_shipped_atlases_fit_into_eight_megabytes_and_say_how_they_were_made():
    files = [shipped_index(name) for name in shipped()]
    assert {"bert", "fill-en"} <= {index.model for index in files}
    from attnlab.corpus.shelf import ATLAS

    assert sum(file.stat().st_size for file in ATLAS.glob("*.parquet")) <= 8e6
    assert all(f"--model {name}" in (ATLAS / "card.md").read_text("utf-8") for name in shipped())


def test_of_ones_own_indexes_the_last_three_stay():
    index, kept = shipped_index("bert"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("attnlab.ui.atlas.indexes.own", lambda: kept)
        patch.setattr("attnlab.ui.atlas.indexes.link.choose", lambda **_: None)
        for name in ("a", "b", "c", "a", "d"):
            take(index, name)
    assert list(kept) == ["c", "a", "d"]
