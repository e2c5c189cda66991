"""The pages Write and Fill without a browser: both languages, every view, every button, odd texts and odd links."""

import pytest
import torch

from attnlab.models import load
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.training.tokenizer import text_tokenizer, train_tokenizer, with_holes
from tests.app.conftest import opened, words

WRITE, FILL = "build/write.py", "build/fill.py"
LINES = ["The wolf saw the sheep, and the sheep saw the wolf.", "The keys to the old cabinet are on the table.", "白日依山尽，"] * 3
SMALL = {"n_heads": 2, "d_model": 16, "d_ff": 16, "max_tokens": 64}
ODD = ("", "  ", "a", "🙂" * 20, "مرحبا", "<b>x</b> $x$ [MASK]", "word " * 300, "​")


@pytest.fixture(autouse=True, scope="module")
def models(tmp_path_factory):
    """Small untrained models under the shipped names, so that these tests need no shipped weights."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    pieces, holes = text_tokenizer(LINES, vocab=120), with_holes(train_tokenizer(LINES, vocab=120))
    writer = Transformer(Config("generate", pieces.get_vocab_size(), encoder_layers=0, decoder_layers=2, positions="rotary", **SMALL))
    filler = Transformer(Config("fill", holes.get_vocab_size(), encoder_layers=2, decoder_layers=0, **SMALL))
    for name in ("write-en", "write-zh"):
        InHouse(writer, pieces).save(folder / name)
    for name in ("fill-en", "fill-zh"):
        InHouse(filler, holes).save(folder / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "MODELS", folder)
        yield


def written(app):
    return next(each.value for each in app.caption if "tokens written" in each.value or "个词元，最多" in each.value)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("page", "view"), [(WRITE, v) for v in ("next", "looks", "cache")] + [(FILL, v) for v in ("fillers", "looks", "likely")]
)
def test_every_view_speaks_both_languages(page, view, language):
    app = opened(page, view=view, lang=language)
    assert not [each.value for each in app.error]


def test_buttons_write_take_back_and_begin_again_and_a_seed_repeats():
    app = opened(WRITE, begin="The wolf", dice="3")
    app.button("write one").click().run()
    assert "1 tokens written" in written(app)
    app.button("write ten").click().run()
    said = words(app)
    assert app.session_state["written"]
    app.button("write back").click().run()
    app.button("write again").click().run()
    assert "0 tokens written" in written(app)
    again = opened(WRITE, begin="The wolf", dice="3")
    again.button("write one").click().run()
    again.button("write ten").click().run()
    assert ":blue[" in said
    assert [line for line in said.splitlines() if ":blue[" in line] == [line for line in words(again).splitlines() if ":blue[" in line]


def test_every_column_of_what_could_come_next_adds_up_to_all():
    app = opened(WRITE, begin="The wolf", top_k="5", top_p="0.8", min_p="0.05")
    table = app.dataframe[0].value
    for name in table.columns[1:]:
        assert abs(sum(float(cell.strip("% ")) for cell in table[name]) - 100) < 1.0, name
    assert "**top-k** removes" in words(app)


def test_a_word_of_ones_own_is_written_and_is_in_the_link():
    app = opened(WRITE, begin="The wolf")
    chosen = app.selectbox("say").options[3]
    app.selectbox("say").select_index(3).run()
    app.button("write this").click().run()
    assert "1 tokens written" in written(app)
    assert chosen
    link = app.session_state["written"]
    assert "1 tokens written" in written(opened(WRITE, begin="The wolf", written=link))


@pytest.mark.parametrize("link", ["x", "1-2-x", "999999", "-1", "0", "5-" * 500])
def test_a_link_that_cannot_be_written_starts_at_the_beginning(link):
    assert "0 tokens written" in written(opened(WRITE, begin="The wolf", written=link))


def test_a_repeated_token_names_the_heads_that_look_at_what_came_after_it():
    assert "Seen before" in words(opened(WRITE, begin="The wolf saw the wolf saw", view="looks"))


@pytest.mark.parametrize("page", [WRITE, FILL])
def test_no_odd_text_ends_in_a_traceback(page):
    """Every text in one view, the last three in the others too."""
    first, *others = ("next", "looks", "cache") if page == WRITE else ("fillers", "looks", "likely")
    for view, texts in ((first, ODD), *((view, ODD[-3:]) for view in others)):
        for text in texts:
            opened(page, begin=text, gap=text, other=text, view=view)


def test_the_word_that_was_taken_out_is_named_with_its_rank():
    app = opened(FILL, gap="The wolf saw the sheep.", holes="2,3")
    assert words(app).count("It was") == 2
    assert len(app.dataframe) == 2


def test_a_hole_may_be_written_into_the_sentence():
    app = opened(FILL, gap="The [MASK] saw the sheep.")
    assert len(app.dataframe) == 1


def test_two_sentences_are_compared_by_what_their_words_cost():
    assert "The model prefers sentence" in words(opened(FILL, view="likely"))


@pytest.mark.parametrize(("page", "key"), [(WRITE, "writer"), (FILL, "filler")])
def test_a_model_for_something_else_is_refused_in_words(page, key, tmp_path):
    tokenizer = train_tokenizer(LINES, vocab=80)
    InHouse(Transformer(Config("classify", 80, classes=2, encoder_layers=1, decoder_layers=0, **SMALL)), tokenizer, labels=("a", "b")).save(
        tmp_path
    )
    assert opened(page, **{key: str(tmp_path)}).error
