"""The pages Write and Fill without a browser: both languages, every view, every button, odd texts and odd links."""

import pytest
import torch

from attnlab.models import load
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.pretrained.model import transformers_alone
from attnlab.training.tokenizer import text_tokenizer, train_tokenizer, with_holes
from attnlab.words import room
from tests.app.conftest import opened, words

WRITE, FILL = "build/write.py", "build/fill.py"
WRITE_VIEWS, FILL_VIEWS = ("next", "looks", "tree", "beside", "couplets", "cache"), ("fillers", "looks", "changes", "likely")
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
    return next(each.value for each in app.caption if "Tokens written" in each.value or "个词元，最多" in each.value)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("page", "view"),
    [(WRITE, v) for v in WRITE_VIEWS] + [(FILL, v) for v in FILL_VIEWS],
)
def test_every_view_speaks_both_languages(page, view, language):
    app = opened(page, view=view, lang=language)
    assert not [each.value for each in app.error]


def test_buttons_write_take_back_and_begin_again_and_a_seed_repeats():
    app = opened(WRITE, begin="The wolf", dice="3")
    app.button("write one").click().run()
    assert "Tokens written: 1," in written(app)
    app.button("write ten").click().run()
    said = words(app)
    assert app.session_state["written"]
    app.button("write back").click().run()
    app.button("write again").click().run()
    assert "Tokens written: 0," in written(app)
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
    assert "Tokens written: 1," in written(app)
    assert chosen
    link = app.session_state["written"]
    assert "Tokens written: 1," in written(opened(WRITE, begin="The wolf", written=link))


def test_a_way_that_is_left_is_kept_and_can_be_gone_back_to():
    app = opened(WRITE, begin="The wolf", dice="3", view="tree")
    app.button("write ten").click().run()
    first = app.session_state["written"]
    app.button("write back").click().run()
    assert app.session_state["branches"] == first
    app.button("write one").click().run()
    assert app.session_state["written"] == first  # the same token was drawn, and the way is whole again
    assert not app.session_state["branches"]
    again = opened(WRITE, begin="The wolf", written=first, branches="9-9", view="tree")
    again.button("go 0").click().run()
    assert again.session_state["written"] == "9-9"
    assert again.session_state["branches"] == first


def test_a_beam_writes_the_likeliest_text_and_lists_the_others():
    app = opened(WRITE, begin="The wolf", way="beam", beam="3")
    assert "nats" in words(app)
    app.button("take beam 1").click().run()
    second = app.session_state["written"]
    assert "Tokens written: 10," in written(app)
    again = opened(WRITE, begin="The wolf", way="beam", beam="3")
    again.button("write ten").click().run()
    assert again.session_state["written"] != second


def test_two_settings_that_are_the_same_write_the_same():
    same = opened(WRITE, begin="The wolf", view="beside", **{"heat 2": "0.8"})
    assert "the same for the first 30 tokens" in words(same)
    other = opened(WRITE, begin="The wolf", view="beside", heat="1.5", **{"heat 2": "0"})
    assert "the same for the first 30 tokens" not in words(other)


def test_the_beginning_said_again_is_a_repeat_whose_heads_are_scored():
    app = opened(WRITE, begin="The wolf saw", view="looks")
    app.button("say again").click().run()
    assert "Seen before" in words(app)
    assert ":green-background[" in words(app)


def test_a_couplet_has_its_map_and_names_the_heads_of_the_same_place():
    app = opened(WRITE, begin="白日依山尽，白日山依尽，", view="couplets")
    assert "of its weight on the same place of the first" in words(app)


def test_characters_that_the_vocabulary_has_not_are_counted_in_the_open():
    assert any("not in the model's vocabulary" in each.value for each in opened(WRITE, begin="The wolf 🙂").warning)


def test_what_is_asked_of_a_token_is_asked_of_the_ledger():
    app = opened(WRITE, begin="The wolf saw", view="looks")
    app.button("open ledger").click().run()
    assert not app.exception
    assert app.title[0].value == room("en", "ledger")["title"]
    assert not app.error


@pytest.mark.parametrize("setting", [{"heat": "0"}, {"heat": "-1"}, {"top_k": "0"}, {"top_k": "-3"}, {"repeat": "nan"}])
def test_a_setting_at_its_end_or_beyond_it_writes_all_the_same(setting):
    app = opened(WRITE, begin="The wolf", **setting)
    app.button("write one").click().run()
    assert "Tokens written: 1," in written(app)


def test_what_the_model_cannot_see_or_read_is_said():
    assert "has the last 32 tokens in sight" in written(opened(WRITE, begin="The wolf saw the sheep. " * 20))
    assert "in sight" not in written(opened(WRITE, begin="The wolf"))
    app = opened(FILL, gap="The wolf saw a ☃ ☂")
    assert [each.value.replace("\\", "") for each in app.warning] == [
        "2 characters or words are not in the model's vocabulary; it reads [UNK] in their place."
    ]


@pytest.fixture(scope="module")
def hub(tmp_path_factory, small_tokenizers):
    """Small random folders as the hub has them: a decoder with its output, and an encoder with its output for holes."""
    folder, shape = tmp_path_factory.mktemp("hub"), {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32}
    with transformers_alone() as transformers:
        for family, kind, pieces in (("gpt2", "AutoModelForCausalLM", "bytes"), ("bert", "AutoModelForMaskedLM", "words")):
            size = len(small_tokenizers[pieces])
            config = transformers.AutoConfig.for_model(family, **shape, vocab_size=size, intermediate_size=48, max_position_embeddings=64)
            getattr(transformers, kind).from_config(config).save_pretrained(folder / family)
            small_tokenizers[pieces].save_pretrained(folder / family)
    return folder


@pytest.mark.parametrize("view", ["next", "looks", "tree", "beside", "cache"])
def test_a_decoder_of_the_hub_writes_on_the_same_page(hub, view):
    app = opened(WRITE, writer=str(hub / "gpt2"), begin="The cat sat on the cat", view=view)
    assert not app.error
    app.button("write ten").click().run()
    assert not app.exception
    assert "Tokens written: 10," in written(app)


@pytest.mark.parametrize("view", FILL_VIEWS)
def test_an_encoder_of_the_hub_fills_holes_on_the_same_page(hub, view):
    app = opened(FILL, filler=str(hub / "bert"), gap="The cat sat on the mat.", holes="2,4", view=view)
    assert not app.error


@pytest.mark.parametrize("link", ["x", "1-2-x", "999999", "-1", "0", "5-" * 500])
def test_a_link_that_cannot_be_written_starts_at_the_beginning(link):
    assert "Tokens written: 0," in written(opened(WRITE, begin="The wolf", written=link))


def test_a_repeated_token_names_the_heads_that_look_at_what_came_after_it():
    assert "Seen before" in words(opened(WRITE, begin="The wolf saw the wolf saw", view="looks"))


@pytest.mark.parametrize("page", [WRITE, FILL])
def test_no_odd_text_ends_in_a_traceback(page):
    """Every text in one view, the last three in the others too."""
    first, *others = WRITE_VIEWS if page == WRITE else FILL_VIEWS
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


def test_a_word_put_in_is_compared_with_the_one_that_was_there():
    app = opened(FILL, gap="The wolf saw the sheep.", holes="2", view="changes")
    assert "Changed most" in words(app)
    assert "heads that moved most" in words(app) or "different numbers of tokens" in words(app)  # pieces of a small vocabulary may join


def test_two_sentences_are_compared_by_what_their_words_cost():
    assert "The model prefers sentence" in words(opened(FILL, view="likely"))


@pytest.mark.parametrize(("view", "answer"), [("likely", "The model prefers sentence"), ("changes", "Changed most")])
def test_a_long_sentence_is_asked_word_by_word_when_somebody_wants_it(view, answer):
    app = opened(FILL, gap="The wolf saw the sheep. " * 9, holes="2", view=view)
    assert answer not in words(app)
    app = app.button(key="likely now").click().run()
    assert answer in words(app)


@pytest.mark.parametrize(("page", "key"), [(WRITE, "writer"), (FILL, "filler")])
def test_a_model_for_something_else_is_refused_in_words(page, key, tmp_path):
    tokenizer = train_tokenizer(LINES, vocab=80)
    InHouse(Transformer(Config("classify", 80, classes=2, encoder_layers=1, decoder_layers=0, **SMALL)), tokenizer, labels=("a", "b")).save(
        tmp_path
    )
    assert opened(page, **{key: str(tmp_path)}).error
