"""Answers and numbers come from the model: right ones are worked out here by the plainest route, wrong claims are reported."""

import numpy as np
import pytest

from attnlab.lessons.answers import check_answer, read_maps
from attnlab.lessons.bets import place_bet
from attnlab.lessons.links import read_link
from attnlab.lessons.look import beside, see
from attnlab.lessons.numbers import number_of, place_of, read_asked
from attnlab.lessons.opening import open_lesson
from attnlab.lessons.read import parse_lesson
from attnlab.models.load import load
from attnlab.words import InputError
from tests.lessons.test_files import HEAD

CAT = "heads?text=The+cat+sat+on+the+mat&layer=0&head=2"


@pytest.fixture(scope="module")
def weights():
    return load("bert").trace("The cat sat on the mat").at("encoder", 0).weights(2)


def opened(predict="", explain="", view=CAT):
    blocks = f"# S\n```view\n{view}\n```\n"
    blocks += f"```predict\n{predict}\n```\n" if predict else ""
    blocks += f"```explain\n{explain}\n```\n" if explain else ""
    parsed = parse_lesson((HEAD + blocks).encode(), name="t")
    assert not parsed.mistakes
    return open_lesson(parsed.lesson)


def one(predict, view=CAT):
    made = opened(predict, view=view)
    assert not made.mistakes, [mistake.say() for mistake in made.mistakes]
    return made.steps[0]["questions"][0]


def wrong(**about):
    return [mistake.key.partition(".")[2] for mistake in opened(**about).mistakes]


def test_a_picture_holds_the_models_weights(weights):
    picture = opened().steps[0]["pictures"][0]
    assert picture["queries"] == ["[CLS]", "the", "cat", "sat", "on", "the", "mat", "[SEP]"]
    np.testing.assert_allclose(picture["values"], weights, atol=6e-5)


def test_a_word_is_the_largest_of_its_row(weights):
    asked = one('kind = "word"\nquestion = "Q"\nquery = "sat"')
    assert asked["answer"]["best"] == int(weights[3].argmax()) == 2
    assert "values" not in str(asked["asked"])
    assert "best" not in asked["asked"]


def test_a_cell_is_the_largest_of_the_map(weights):
    assert tuple(one('kind = "cell"\nquestion = "Q"', CAT.replace("head=2", "head=4"))["answer"]["best"]) == np.unravel_index(
        load("bert").trace("The cat sat on the mat").at("encoder", 0).weights(4).argmax(), (8, 8)
    )


def test_a_number_a_choice_and_an_order_are_computed():
    assert one('kind = "number"\nquestion = "Q"\nask = "weight sat -> cat"')["answer"]["value"] > 0.9
    previous = '{text="H2", ask="previous"}, {text="H4", ask="@head=4 previous"}'
    assert one(f'kind = "choice"\nquestion = "Q"\noptions = [{previous}]')["answer"]["best"] == 0
    assert one(f'kind = "choice"\nquestion = "Q"\npick = "smallest"\noptions = [{previous}]')["answer"]["best"] == 1
    assert one(f'kind = "order"\nquestion = "Q"\noptions = [{previous}]')["answer"]["order"] == [0, 1]
    ranges = 'options = [{text="little", high=0.5}, {text="much", low=0.5}]'
    assert one(f'kind = "choice"\nquestion = "Q"\nask = "weight sat -> cat"\n{ranges}')["answer"]["best"] == 1


def test_a_second_question_has_a_view_of_its_own():
    made = opened('kind = "word"\nquestion = "Q"\nquery = "sat"\nsecond = "text=A+dog+ran"\nsecond_query = "ran"')
    first, second = made.steps[0]["questions"]
    assert not made.mistakes
    assert second["asked"]["labels"][second["answer"]["best"]] == "dog"
    assert first["asked"]["labels"] != second["asked"]["labels"]


def test_every_head_goes_along_when_a_class_is_compared_with_them(weights):
    maps = read_maps(one('kind = "head"\nquestion = "Q"')["answer"]["maps"])
    assert maps.shape == (6, 12, 8, 8)
    np.testing.assert_allclose(maps[0, 2], weights, atol=1e-3)


def test_numbers_in_sentences_are_the_models_and_are_checked():
    made = opened(
        'kind = "word"\nquestion = "Q"\nquery = "sat"',
        "[[answer = cat]]: [[weight sat -> cat > 0.9]], [[d_head = 32]], [[weight sat -> cat = 100%]]",
    )
    assert not made.mistakes
    assert "cat: 1.00, 32, 100%" in made.steps[0]["explain"]
    assert wrong(explain="[[weight sat -> cat = 0.12]]") == ["disagrees"]
    assert wrong(explain="[[weight sat -> cat < 0.5]]") == ["disagrees"]
    assert wrong(explain="[[target = oui]]") == ["no_answer"]
    assert wrong(explain="[[answer]]") == ["no_answer"]
    assert wrong(predict='kind = "word"\nquestion = "Q"\nquery = "sat"', explain="[[answer = mat]]") == ["disagrees"]
    assert wrong(explain="[[nonsense]]") == ["number"]
    assert wrong(explain="$\\frac{$") == ["formula"]
    assert wrong(explain="![a](http://evil/x.png)") == ["image"]


def test_a_number_that_was_typed_is_reported_unless_it_is_the_views_or_the_questions_own():
    assert wrong(explain="It takes 38 % and 0.25.") == ["typed_number", "typed_number"]
    assert not wrong(explain="All 100 %, 1.0, `0.3`, $0.7$, [[weight sat -> cat = 100%]], 2 of 3, version 1.2.3, https://a.example/0.5")
    assert not wrong(explain="At 0.18 it is sharper.", view=CAT + "&temperature=0.18")
    assert not wrong(predict='kind = "number"\nquestion = "From 0.0 to 0.9?"\nask = "d_head"\nlow = 0.0\nhigh = 0.9')
    assert opened(explain="a\n\nb 0.25").mistakes[0].line == opened(explain="a 0.25").mistakes[0].line + 2


@pytest.mark.parametrize(
    ("predict", "key"),
    [
        ('kind = "word"\nquestion = "Q"\nquery = "dog"', "word"),
        ('kind = "number"\nquestion = "Q"\nask = "weight sat"', "places"),
        ('kind = "choice"\nquestion = "Q"\nask = "d_head"\noptions = [{text="a", low=0}, {text="b", low=1}]', "ranges"),
        ('kind = "choice"\nquestion = "Q"\noptions = [{text="a", ask="d_head"}, {text="b", ask="d_head"}]', "close"),
        ('kind = "order"\nquestion = "Q"\noptions = [{text="a", ask="d_head"}, {text="b", ask="d_head"}]', "close"),
    ],
)
def test_a_question_that_the_model_cannot_answer_is_named(predict, key):
    assert wrong(predict=predict) == [key]


@pytest.mark.parametrize(
    ("view", "key"),
    [
        (CAT.replace("layer=0", "layer=9"), "layer"),
        (CAT.replace("head=2", "head=x"), "head"),
        (CAT + "&stack=decoder", "stack"),
        (CAT + "&model=nothing-here!", "unknown_model"),
        ("heads?text=" + "a+" * 80, "long_text"),
    ],
)
def test_a_view_that_no_longer_exists_is_named(view, key):
    assert wrong(view=view) == [key]


def test_words_are_found_by_name_and_count():
    assert place_of(["the", "Cat", "the"], "the#2") == 2
    assert place_of(["the", "Cat"], "cat") == 1
    with pytest.raises(InputError, match="is not in this view"):
        place_of(["a"], "a#2")


def test_numbers_name_what_they_need():
    view = read_link(CAT)
    assert number_of("product sat -> cat", view) / number_of("root", view) == pytest.approx(number_of("score sat -> cat", view), rel=1e-4)
    assert number_of("change sat | positions=none", view) > 0.5
    assert number_of("total sat", view) == pytest.approx(1, abs=1e-5)
    assert (number_of("heads", view), number_of("layers", view), number_of("tokens", view)) == (12, 6, 8)
    assert (number_of("layer", view), number_of("head", view), number_of("all_heads", view)) == (0, 2, 72)
    assert number_of("even", view) == pytest.approx(np.log(8))
    assert 0 < number_of("sinks", view) < 72
    assert number_of("sink", view) == 0.4
    assert number_of("spread sat", view) < 0.1 < number_of("@head=0 spread sat", view)
    for text in ("change sat", "weight a", "what?"):
        with pytest.raises(InputError):
            read_asked(text)
    with pytest.raises(InputError, match="cannot be compared"):
        number_of("change sat | text=The+cat+sat", view)
    with pytest.raises(InputError, match="pieces alone"):
        number_of("score sat -> cat", read_link(CAT + "&bare=true"))


def test_words_and_bare_and_temperature_are_the_views_own():
    seen = see(read_link("heads?text=unbelievable+cats&layer=0&head=2&words=true&bare=true&renormalise=true&temperature=2"))
    assert seen.queries == ("unbelievable", "cats")
    assert seen.words
    np.testing.assert_allclose(seen.weights.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("kind", ["positions", "training", "texts", "heads", "models"])
def test_a_comparison_has_two_pictures(kind):
    view = read_link(f"compare?with={kind}&text=The+cat+sat+on+the+mat&model_b=bert")
    assert see(beside(view)).weights.shape[0] > 0
    assert len(opened(view=view.written).steps[0]["pictures"]) == 2


def test_a_translator_before_training_reads_what_it_will_write():
    view = read_link("compare?model=translate-fr&stack=cross&with=training&text=The+red+car&layer=0&head=0")
    assert see(beside(view)).queries == see(view).queries


LABELS = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("kind", "good", "counted"),
    [
        ("word", 2, 2),
        ("choice", 1, 1),
        ("cell", [0, 2], [0, 2]),
        ("row", [1, 1, 2], [0.25, 0.25, 0.5]),
        ("head", [0, 0, 5], [0, 0, 1]),
        ("number", 3, 3.0),
        ("order", [1, 0], [1, 0]),
        ("bet", {"word": 1, "into": " dog "}, {"word": 1, "into": "dog"}),
    ],
)
def test_an_answer_is_counted_as_what_it_is(kind, good, counted):
    question = {"kind": kind, "labels": LABELS, "queries": LABELS, "options": ["x", "y"], "low": 0, "high": 5}
    assert check_answer(question, good) == counted
    for bad in (
        None,
        "a",
        -1,
        99,
        True,
        [],
        [9, 9],
        [0, 0, 0],
        [float("nan"), 1, 1],
        {"word": 9, "into": "x"},
        {"word": 0, "into": "a b"},
        {},
    ):
        if bad == good:
            continue
        with pytest.raises(InputError):
            check_answer(question, bad)


def test_a_bet_is_a_real_forward_pass():
    link = "heads?text=The+cat+sat+on+the+mat&layer=3&head=1&bare=true&renormalise=true&words=true"
    asked = {"row": 2}
    moved = place_bet(link, asked, {"word": 1, "into": "dog"})
    assert 0 < moved < 1
    assert moved == pytest.approx(number_of("change sat | text=The+dog+sat+on+the+mat", read_link(link)), abs=1e-4)
    assert place_bet(link, asked, {"word": 1, "into": "cat"}) == 0
    pieces = "heads?text=The+cat+sat&layer=3&head=1"
    for bet, why in (({"word": 0, "into": "dog"}, "no word"), ({"word": 2, "into": "unbelievably"}, "how many tokens")):
        with pytest.raises(InputError, match=why):
            place_bet(pieces, asked, bet)
