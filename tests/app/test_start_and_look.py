"""Home, Heads and All heads without a browser: every page in both languages, good links and bad ones."""

import pytest

from tests.app.conftest import HOME, opened, words

HEADS, LAYERS = "look/heads.py", "look/layers.py"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("page", [HOME, HEADS, LAYERS])
def test_every_page_speaks_both_languages(page, language):
    app = opened(page, lang=language)
    assert not app.exception
    assert not app.error
    text = words(app)
    assert any("一" <= letter <= "鿿" for letter in text) == (language == "zh")


def test_a_link_gives_every_choice_its_value():
    app = opened(HEADS, layer="3", head="1", text="Dogs bark.", temperature="0.5", bare="true", over="mean")
    assert not app.exception
    assert app.number_input(key="layer").value == 3
    assert app.number_input(key="head").value == 1
    assert app.text_input(key="text").value == "Dogs bark."
    assert app.slider(key="temperature").value == 0.5
    assert app.toggle(key="bare").value is True
    assert app.selectbox(key="over").value == "mean"
    assert "mean over 12 heads, temperature 0.5 (not the model's own)" in words(app).replace("\\", "")


@pytest.mark.parametrize(
    "query",
    [
        {"layer": "99"},
        {"layer": "-1", "head": "banana"},
        {"head": "1e999"},
        {"temperature": "nan", "threshold": "-5", "bare": "perhaps"},
        {"over": "everything", "between": "zz", "stack": "attic", "cell": "99,99", "heads": "x,500", "lang": "tlh"},
        {"pair": "<script>", "text": "![x](http://evil.example) $\\frac$ \u202e"},
    ],
)
def test_a_bad_link_never_breaks_the_page(query):
    app = opened(HEADS, **query)
    assert not app.exception
    assert not app.error
    assert app.get("bidi_component")


def test_a_number_that_does_not_exist_is_named_and_the_nearest_is_shown():
    app = opened(HEADS, layer="99")
    assert app.number_input(key="layer").value == 5
    assert "99" in app.toast[0].value


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_blank_text_is_told_and_kept(text):
    app = opened(HEADS)
    app.text_input(key="text").set_value(text).run()
    assert not app.exception
    assert "There is no text" in app.error[0].value
    app.text_input(key="text").set_value("A cat.").run()
    assert not app.error


def test_an_unknown_model_is_told():
    app = opened(HEADS, model="no such model")
    assert "no such model" in app.error[0].value


def test_a_text_that_is_too_long_is_told_with_both_numbers_and_cut_on_request():
    app = opened(HEADS)
    app.text_input(key="text").set_value("cat " * 600).run()
    assert "602" in app.error[0].value
    assert "512" in app.error[0].value
    app.button[-1].click().run()
    assert not app.error
    assert app.text_input(key="text").value.count("cat") == 510


def test_a_hundred_thousand_characters_are_told():
    app = opened(HEADS)
    app.text_input(key="text").set_value("x y " * 25_000).run()
    assert not app.exception
    assert "512" in app.error[0].value


def test_hidden_weight_is_a_number():
    app = opened(HEADS, layer="1", head="10", bare="true")
    assert "% of the weight goes to tokens that are not shown" in words(app)


def test_every_example_is_what_its_sentence_says():
    from attnlab import load
    from attnlab.ui.examples import EXAMPLES

    for example in EXAMPLES:
        seen = load(example.model).trace(example.text).at("encoder", example.layer)
        weights, plain = seen.weights(example.head), [not special for special in seen.keys.special]
        row = weights[example.query] * plain
        assert row.argmax() == example.key, example
        assert row[example.key] > 0.45, example
    names = [load(e.model).trace(e.text).source.pieces for e in EXAMPLES]
    pairs = [(pieces[e.query], pieces[e.key]) for pieces, e in zip(names, EXAMPLES, strict=True)]
    assert pairs == [
        ("fox", "brown"),
        ("it", "cat"),
        ("are", "keys"),
        ("bank", "river"),
        ("猫", "只"),
        ("，", "。"),
        ("道", "吗"),
        ("因", "病"),
    ]


def test_the_first_head_of_the_examples_looks_back_everywhere():
    from attnlab import load

    weights = load("bert").trace("The quick brown fox jumps over the lazy dog.").at("encoder", 0).weights(2)
    assert min(weights[i, i - 1] for i in range(1, len(weights))) > 0.9
