"""What a page begins with: in Chinese a model that reads Chinese, and a sentence for it; an address means the same in every language."""

import pytest

from tests.app.conftest import opened, words
from tests.app.test_links import address

ENGLISH, CHINESE = "The cat sat on the mat because it was tired.", "他每天早上都去学校上课。"


@pytest.mark.parametrize("page", ["look/heads.py", "look/layers.py", "look/compare.py", "learn/steps.py"])
def test_in_chinese_a_page_begins_with_a_model_that_reads_chinese(page):
    app = opened(page, lang="zh")
    assert (app.selectbox(key="model").value, app.text_input(key="text").value) == ("fill-zh", CHINESE)
    assert address(app)["model"] == "fill-zh"
    assert "[UNK]" not in words(app)


def test_a_link_means_the_same_in_every_language():
    app = opened("look/heads.py", lang="zh", layer="2", head="3")
    assert (app.selectbox(key="model").value, app.text_input(key="text").value) == ("bert", ENGLISH)


def test_a_sentence_that_nobody_typed_goes_with_its_model_and_a_typed_one_stays():
    app = opened("look/heads.py", lang="zh")
    app.selectbox(key="model").set_value("bert").run()
    assert app.text_input(key="text").value == ENGLISH
    app.selectbox(key="model").set_value("fill-zh").run()
    assert app.text_input(key="text").value == CHINESE
    app.text_input(key="text").set_value("春天来了。").run()
    app.selectbox(key="model").set_value("bert").run()
    assert app.text_input(key="text").value == "春天来了。"


@pytest.mark.parametrize("page", ["look/heads.py", "look/layers.py", "look/compare.py", "learn/variants.py", "change/ledger.py"])
def test_a_text_that_a_model_cannot_read_is_said_to_be_so_with_one_that_can(page):
    app = opened(page, text="那只猫坐在垫子上。", lang="en")
    said = app.warning[0].value
    assert "bert does not know these characters" in said
    assert "fill-zh" in said
    assert "translate-zh" not in said, "it reads English"


def test_the_first_translation_in_chinese_is_of_a_sentence_that_the_model_reads():
    app = opened("look/heads.py", lang="zh")
    app.switch_page("build/translate.py").run()
    assert app.text_input(key="text").value == ENGLISH
    assert not app.warning
