"""A decoder goes on with a text: the cache changes nothing, branches stay apart, and every setting removes what it says."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnlab.core.positions import Positions
from attnlab.models.inhouse.decoding import Rules, beam_search
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.stepping import PART, Stepper
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.inhouse.writing import Draft, Sampling, beams, begin, choose, likeliest, stages, write
from attnlab.models.load import load
from attnlab.models.pretrained.model import transformers_alone
from attnlab.training.tokenizer import text_tokenizer
from attnlab.words import InputError

LOGITS = torch.tensor([0.5, 0.25, 0.125, 0.125]).log()
LINES = ["The wolf saw the sheep.\nThe sheep saw the wolf and ran.", "A fox, a goose and a hen."]


@pytest.fixture(scope="module")
def writer() -> InHouse:
    torch.manual_seed(0)
    tokenizer = text_tokenizer(LINES * 3, vocab=80)
    small = {"encoder_layers": 0, "decoder_layers": 2, "n_heads": 2, "d_model": 16, "d_ff": 32, "max_tokens": 16}
    module = Transformer(Config("generate", tokenizer.get_vocab_size(), positions="rotary", **small))
    with torch.no_grad():
        for p in module.parameters():
            p.mul_(2)
    return InHouse(module, tokenizer)


def fresh(draft: Draft) -> torch.Tensor:
    """The logits when everything in sight is computed at once."""
    with torch.inference_mode():
        return draft.writer.module(torch.tensor([draft.read]))[0, -1]


def test_every_further_token_costs_one_and_gives_what_reading_all_again_gives(writer):
    draft = writer.begin("The wolf")
    for token in (9, 12, 30, 7):
        draft = draft.then(token)
        assert draft.computed == 1
        torch.testing.assert_close(draft.logits, fresh(draft), atol=1e-5, rtol=1e-5)


def test_the_way_back_is_free_and_branches_do_not_meet(writer):
    trunk = writer.begin("The")
    left, right = trunk.then(9), trunk.then(12)
    left.then(20)
    torch.testing.assert_close(right.then(30).logits, fresh(right.then(30)), atol=1e-5, rtol=1e-5)
    assert torch.equal(trunk.then(9).logits, left.logits)


@pytest.mark.parametrize("positions", get_args(Positions))
@pytest.mark.parametrize("choices", [{}, {"norm": "post", "activation": "gelu", "segments": 2, "embedding_norm": True}])
def test_one_row_at_a_time_gives_what_the_transformer_gives(positions, choices):
    torch.manual_seed(0)
    shape = {"encoder_layers": 0, "decoder_layers": 2, "n_heads": 2, "d_model": 16, "d_ff": 32, "max_tokens": 16}
    module = Transformer(Config("generate", 40, positions=positions, **shape, **choices)).eval().requires_grad_(False)
    draft = begin(Stepper(module, start=(1,)), (1, 9, 8))
    for token in (7, 20, 9, 9):
        draft = draft.then(token)
        torch.testing.assert_close(draft.logits, fresh(draft), atol=1e-5, rtol=1e-5)


def test_a_product_that_blas_would_give_to_several_threads_is_made_in_parts():
    torch.manual_seed(0)
    shape = {"encoder_layers": 0, "decoder_layers": 1, "n_heads": 2, "d_model": 16, "d_ff": 16, "max_tokens": 8}
    stepper = Stepper(Transformer(Config("generate", 2 * PART // 16 + 3, **shape)).eval().requires_grad_(False), start=(1,))
    assert [part.size <= PART for part in stepper.out[0]] == [True] * 3
    draft = begin(stepper, (1, 9)).then(7)
    torch.testing.assert_close(draft.logits, fresh(draft), atol=1e-5, rtol=1e-5)


def test_threads_that_go_on_from_one_text_do_not_meet(writer):
    trunk = writer.begin("The wolf")
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda token: trunk.then(token).then(9), range(5, 21)))
    for draft in found:
        torch.testing.assert_close(draft.logits, fresh(draft), atol=1e-5, rtol=1e-5)


def test_the_beams_are_those_of_the_search_that_translates(writer):
    start = writer.begin("The")
    found = beams(start, 3, longest=4, forbidden=(*writer.unwritten, writer.eos))
    rules = Rules(writer.bos, writer.eos, (*writer.unwritten, writer.eos))
    [theirs] = beam_search(writer.module, None, rules, longest=[len(start.ids) + 3], forced=[start.ids[1:]], width=3, alpha=0)
    assert [beam.ids for beam in found] == [one.ids[len(start.ids) - 1 :] for one in theirs.hypotheses]
    assert found[0].total == pytest.approx(sum(theirs.best.log_probabilities[len(start.ids) - 1 :]), abs=1e-4)
    torch.testing.assert_close(found[1].draft.logits, fresh(found[1].draft), atol=1e-5, rtol=1e-5)


def test_a_beam_that_has_ended_stays_as_it_is(writer):
    end = beams(writer.begin("The"), 1, longest=1)[0].ids[0]
    assert beams(writer.begin("The"), 1, longest=5, end=end)[0].ids == (end,)


def test_a_text_longer_than_the_window_is_read_from_its_last_part(writer):
    long = (writer.bos, *range(5, 45))
    draft = begin(writer.writer, long)
    assert draft.ids == long
    assert draft.read == (writer.bos, *long[-7:])
    full = begin(writer.writer, long[:16])
    assert full.n_read == 16
    assert full.then(7).read == (writer.bos, *long[10:16], 7)
    assert full.then(7).computed == 8


def test_nothing_to_begin_with_is_a_beginning_too(writer):
    assert writer.begin().ids == (writer.bos,)
    assert len(writer.begin().log_probabilities) == writer.spec.vocab
    torch.testing.assert_close(writer.begin().log_probabilities.exp().sum(), torch.tensor(1.0))


def test_unknown_characters_are_shown_and_kept(writer):
    draft = writer.begin("The wolf é")
    assert writer.unk in draft.ids
    assert writer.text_of(draft.ids) == "The wolf [UNK]"


def test_lines_keep_their_ends(writer):
    assert writer.text_of(writer.begin(LINES[0]).ids) == LINES[0]
    assert "⏎" in writer.tokenize(LINES[0]).pieces


def test_only_a_decoder_begins_a_text(small_tokenizers):
    module = Transformer(Config("tag", 160, encoder_layers=1, n_heads=2, d_model=8, d_ff=8))
    with pytest.raises(InputError, match="cannot generate"):
        InHouse(module, small_tokenizers["words"].backend_tokenizer).begin("cat")


@pytest.mark.parametrize(
    ("setting", "left"),
    [
        ({"top_k": 2}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_p": 0.7}, [2 / 3, 1 / 3, 0, 0]),
        ({"min_p": 0.3}, [2 / 3, 1 / 3, 0, 0]),
        ({"temperature": 0}, [1, 0, 0, 0]),
        ({"temperature": 0.5}, [16 / 22, 4 / 22, 1 / 22, 1 / 22]),
        ({"repetition": 2.0}, [0.25 / 0.75, 0.25 / 0.75, 0.125 / 0.75, 0.125 / 0.75]),
    ],
)
def test_every_setting_leaves_what_can_be_worked_out_by_hand(setting, left):
    last = stages(LOGITS, Sampling(**setting), before=[0])[-1]
    torch.testing.assert_close(last.probabilities, torch.tensor(left, dtype=torch.float32))
    assert set(last.removed) == {i for i, p in enumerate(left) if p == 0}


def test_settings_act_in_order_and_each_says_what_it_removes():
    found = stages(LOGITS, Sampling(top_k=3, top_p=0.8, min_p=0.6), before=(), forbidden=[3])
    assert [stage.name for stage in found] == ["model", "temperature", "top_k", "top_p", "min_p"]
    assert [stage.removed for stage in found] == [(), (3,), (), (2,), (1,)]


def test_what_is_written_depends_on_the_seed_and_not_on_the_way(writer):
    all_at_once = [draft.ids for draft in write(writer.begin("The"), Sampling(), seed=3, longest=6)]
    [one] = write(writer.begin("The"), Sampling(), seed=3, longest=1)
    assert all_at_once[-1] == [draft.ids for draft in write(one, Sampling(), seed=3, longest=5)][-1]
    assert all_at_once[-1] != [draft.ids for draft in write(writer.begin("The"), Sampling(), seed=4, longest=6)][-1]


def test_the_likeliest_token_is_what_temperature_0_draws(writer):
    draft = writer.begin("The wolf")
    for _ in range(8):
        token = likeliest(draft.logits, writer.unwritten)
        assert stages(draft.logits, Sampling(temperature=0), draft.ids, writer.unwritten)[-1].probabilities[token] == 1
        draft = draft.then(token)


def test_writing_ends_with_the_end_token(writer):
    def greedy(end: int | None) -> list[int]:
        return [draft.ids[-1] for draft in write(writer.begin("The"), Sampling(temperature=0), longest=9, end=end)]

    free = greedy(None)
    assert len(free) == 9
    assert greedy(free[2]) == free[: free.index(free[2]) + 1]


def test_forbidden_tokens_are_never_written(writer):
    drafts = write(writer.begin("The"), Sampling(temperature=5), longest=40, forbidden=writer.unwritten)
    assert not {draft.ids[-1] for draft in drafts} & set(writer.unwritten)


@given(st.integers(0, 9), st.integers(0, 9))
def test_a_draw_is_the_same_whenever_it_is_made(seed, place):
    p = torch.tensor([0.2, 0.3, 0.5])
    assert choose(p, seed=seed, place=place) == choose(p, seed=seed, place=place)


@pytest.mark.parametrize("setting", [{"temperature": -1}, {"top_k": -1}, {"top_p": 0}, {"top_p": 1.5}, {"min_p": 2}, {"repetition": 0}])
def test_a_setting_that_cannot_be_is_refused_with_its_range(setting):
    with pytest.raises(InputError, match="goes from"):
        Sampling(**setting)


@given(st.floats(0.1, 3), st.integers(0, 6), st.floats(0.05, 1), st.floats(0, 1), st.floats(0.5, 2))
def test_every_stage_sums_to_one_and_only_ever_removes(temperature, top_k, top_p, min_p, repetition):
    torch.manual_seed(1)
    found = stages(torch.randn(12), Sampling(temperature, top_k, top_p, min_p, repetition), before=[1, 2])
    for earlier, later in pairwise(found):
        torch.testing.assert_close(later.probabilities.sum(), torch.tensor(1.0))
        assert not ((earlier.probabilities == 0) & (later.probabilities > 0)).any()


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen2", "qwen3"])
def test_a_pretrained_decoder_goes_on_as_it_would_reading_all_again(family, small_tokenizers, tmp_path):
    shape = {"vocab_size": 320, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    shape |= {"max_window_layers": 2, "num_key_value_heads": 2} if family.startswith("qwen") else {}
    with transformers_alone() as transformers:
        torch.manual_seed(0)
        config = transformers.AutoConfig.for_model(family, **shape, max_position_embeddings=24, bos_token_id=2, eos_token_id=3)
        whole = transformers.AutoModelForCausalLM.from_config(config).eval()
    for weight in (p for p in whole.parameters() if p.dim() > 1):
        torch.nn.init.normal_(weight, std=0.25)
    whole.save_pretrained(tmp_path)
    small_tokenizers["bytes"].save_pretrained(tmp_path)
    model = load(str(tmp_path))
    assert model.spec.predicts == "next"
    trunk = model.begin("The cat")
    left, right = trunk.then(90).then(100), trunk.then(91)
    for draft in (trunk, left, right.then(92)):
        with torch.inference_mode():
            expected = whole(torch.tensor([draft.ids])).logits[0, -1]
        torch.testing.assert_close(draft.logits, expected, atol=1e-4, rtol=1e-4)
    assert model.text_of(trunk.ids) == "The cat"
    assert begin(model.writer, range(10, 40)).n_read == 12
    assert len(model.begin().ids) == 1
    assert model.eos not in model.unwritten
    assert [beam.ids for beam in beams(trunk, 2, longest=3, forbidden=model.unwritten)]


def test_a_pretrained_encoder_does_not_go_on(bert):
    with pytest.raises(InputError, match="cannot generate"):
        bert.begin("cat")
