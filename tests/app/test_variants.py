"""Variants and Compare without a browser: every part in both languages, every variant, mistakes told, nothing lost by swapping."""

import pytest

from attnlab.core.guide import RULES
from attnlab.core.variants import ALL
from attnlab.figures.curves import apart
from attnlab.ui.layers.sentences import Work
from attnlab.untrusted import decode
from attnlab.words import InputError, room
from tests.app.conftest import opened


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("part", ["weights", "output", "all", "cost"])
def test_every_part_of_variants_in_both_languages(lang, part):
    app = opened("learn/variants.py", lang=lang, show=part)
    assert app.title[0].value == room(lang, "variants")["title"]
    assert not app.error


@pytest.mark.parametrize("variant", [variant.name for variant in ALL])
def test_every_variant_is_shown_with_its_source(variant):
    app = opened("learn/variants.py", variant=variant)
    assert not app.error
    assert any(room("en", "variants")[f"what_{variant}"] in block.value for block in app.markdown)


def test_a_table_typed_by_hand_needs_no_model():
    app = opened("learn/variants.py", **{"from": "table"})
    assert not app.error
    assert any("local window" in block.value for block in app.markdown)


def test_too_long_a_text_is_told_and_not_drawn():
    app = opened("learn/variants.py", text="word " * 300)
    assert "302" in app.error[0].value
    assert "256" in app.error[0].value


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("kind", ["texts", "models", "heads", "positions"])
def test_every_comparison_in_both_languages(lang, kind):
    app = opened("look/compare.py", lang=lang, **{"with": kind})
    assert app.title[0].value == room(lang, "compare")["title"]
    assert not app.error


def test_the_minimal_pair_aligns_all_but_one_word():
    app = opened("look/compare.py")
    next(button for button in app.button if button.label == "tired / wide").click().run()
    assert not app.exception
    assert any("tired" in block.value and "wide" in block.value for block in app.caption)
    texts = [box.value for box in app.text_input]
    assert texts[0].endswith("too tired.")
    assert texts[1].endswith("too wide.")


def test_swapping_twice_gives_back_what_was_there():
    app = opened("look/compare.py", text="One two three.", text_b="One four three.")
    swap = room("en", "compare")["swap"]
    for wanted in (["One four three.", "One two three."], ["One two three.", "One four three."]):
        next(button for button in app.button if button.label == swap).click().run()
        assert [box.value for box in app.text_input][:2] == wanted


def test_a_text_compared_with_itself_has_not_changed():
    app = opened("look/compare.py", text="The same words.", text_b="The same words.")
    assert any("are 0.000 apart" in block.value for block in app.markdown)


def test_an_empty_text_is_told():
    assert opened("look/compare.py", text_b=" ").error


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("part", ["guide", "scatter", "set", "whole"])
def test_every_part_of_the_field_guide_in_both_languages(lang, part):
    app = opened("look/layers.py", lang=lang, part=part)
    assert not app.error
    assert room(lang, "measures")["title"] in [head.value for head in app.header]


def test_thresholds_out_of_reach_leave_no_label():
    ours = {f"t_{rule.label}": "1" for rule in RULES}
    app = opened("look/layers.py", text="One two.", **ours)
    assert any(room("en", "measures")["none"] in block.value for block in app.markdown)


def test_a_set_of_sentences_is_measured_and_too_many_are_refused():
    app = opened("look/layers.py", part="set")
    button = room("en", "measures")["start"]
    app.text_area[0].set_value("The cat sat.\n\nThe dog ran.\n").run()
    next(one for one in app.button if one.label == button).click().run()
    assert not app.exception
    assert any("2 sentences" in block.value for block in app.caption)
    app.text_area[0].set_value("Short.\n\n" + "word " * 600).run()
    next(one for one in app.button if one.label == button).click().run()
    assert app.error[0].value.replace("\\", "").startswith("Line 3: The text has 602 tokens")
    app.text_area[0].set_value("a\n" * 1001).run()
    next(one for one in app.button if one.label == button).click().run()
    assert "1001" in app.error[0].value


def test_a_batch_that_two_runs_of_the_page_computed_counts_once(bert):
    work = Work("bert", [(1, "One."), (2, "Two."), (3, "Three.")])
    traces = bert.traces(["One.", "Two."])
    work.add(0, traces)
    work.add(0, traces)
    assert work.measured().sentences == 2
    work.add(2, bert.traces(["Three."]))
    assert work.measured().sentences == 3


def test_an_uploaded_file_that_is_no_text_is_told_with_its_line():
    with pytest.raises(InputError, match=r"odd\.txt is not UTF-8 \(line 2\)"):
        decode(b"One.\n\xff\xfe\x00", "odd.txt")
    assert decode(b"\xef\xbb\xbfOne.", "marked.txt") == "One."


def test_only_points_with_room_around_them_carry_a_name():
    assert apart([(0, 0), (1, 1), (1.001, 1.001), (0.5, 0.2)]) == [True, False, False, True]
    assert apart([]) == []
    assert apart([(2, 2)]) == [True]


@pytest.mark.parametrize("part", ["guide", "scatter"])
def test_cross_attention_offers_only_measures_that_it_has(part):
    app = opened("look/layers.py", part=part, model="translate-fr", stack="cross", measure="distance", text="The cat sat.")
    offered = app.selectbox(key="measure" if part == "guide" else "across").options
    assert not app.info
    assert room("en", "measures")["name_distance"] not in offered
    assert room("en", "measures")["name_confidence"] in offered


def test_a_measure_that_the_text_cannot_answer_says_so():
    for part in ("guide", "scatter"):
        app = opened("look/layers.py", part=part, measure="duplicate", across="duplicate", text="Dogs bark.")
        assert [info.value for info in app.info] == [room("en", "measures")["no_value"]]
