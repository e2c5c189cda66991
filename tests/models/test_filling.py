"""Holes: what a masked-word model expects there, and how likely it finds a sentence that has none."""

import math

import pytest
import torch

from attnlab.models.filling import MASK, filler, fillers, holes, masked, pseudo_likelihood
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.load import load
from attnlab.models.pretrained.model import transformers_alone
from attnlab.training.tokenizer import character_tokenizer, train_tokenizer, with_holes
from attnlab.words import InputError

LINES = ["我会游泳。", "他是我的朋友。", "我们去学校。"]


def made(tokenizer):
    torch.manual_seed(0)
    shape = Config("fill", tokenizer.get_vocab_size(), encoder_layers=2, decoder_layers=0, n_heads=2, d_model=16, d_ff=32, max_tokens=24)
    module = Transformer(shape)
    with torch.no_grad():
        for p in module.parameters():
            p.mul_(2)
    return InHouse(module, tokenizer, name="holes")


@pytest.fixture(scope="module")
def model():
    return made(with_holes(character_tokenizer(LINES, vocab=40)))


def test_a_hole_can_be_written_into_the_text(model):
    tokens = model.tokenize(f"我{MASK}游泳。")
    assert tokens.pieces == ("[BOS]", "我", MASK, "游", "泳", "。", "[EOS]")
    assert tokens.special == (True, False, False, False, False, False, True)


def test_a_hole_stands_between_whole_words_too():
    tokens = made(with_holes(train_tokenizer(["the red car is here"] * 2, vocab=60))).tokenize(f"the {MASK} car")
    assert MASK in tokens.pieces
    assert tokens.words[tokens.pieces.index(MASK)] not in (tokens.words[1], None)


def test_the_output_is_the_table_that_is_read(model):
    assert model.module.out.weight is model.module.source.token.weight


def test_fillers_are_the_models_probabilities_best_first(model):
    tokens = masked(model, model.read(LINES[0]), [2, 4])
    assert tokens.pieces[2] == tokens.pieces[4] == MASK
    found = holes(model, tokens)
    assert [hole.place for hole in found] == [2, 4]
    logits = model.trace(f"我{MASK}游{MASK}。").outputs["logits"]  # another road to the same numbers
    for hole in found:
        wanted = torch.tensor(logits[hole.place]).log_softmax(-1)
        torch.testing.assert_close(torch.tensor(hole.log_probabilities), wanted, atol=1e-5, rtol=1e-5)
        best = fillers(model, hole, n=3)
        assert [entry.id for entry in best] == wanted.topk(3).indices.tolist()
        assert best[0] == filler(model, hole, best[0].id)
        assert best[0].probability == pytest.approx(math.exp(float(wanted.max())), rel=1e-4)
    everything = fillers(model, found[0], n=model.spec.vocab)
    assert sum(entry.probability for entry in everything) == pytest.approx(1, abs=1e-4)


def test_a_sentence_is_as_likely_as_its_words_one_by_one(model):
    whole = pseudo_likelihood(model, LINES[1])
    ids = whole.tokens.ids
    for place in range(1, len(ids) - 1):
        [hole] = holes(model, masked(model, whole.tokens, [place]))
        assert whole.log_probabilities[place] == pytest.approx(float(hole.log_probabilities[ids[place]]), abs=1e-5)
        assert whole.ranks[place] == filler(model, hole, ids[place]).rank
    assert whole.log_probabilities[0] == whole.log_probabilities[-1] == 0
    assert whole.total == pytest.approx(float(whole.log_probabilities.sum()))


def test_the_rest_of_a_word_can_be_hidden_with_its_beginning():
    model = made(with_holes(train_tokenizer(["the red car is here"] * 2, vocab=30)))
    tokens = model.read("the cart")
    apart, together = pseudo_likelihood(model, "the cart"), pseudo_likelihood(model, "the cart", rest_of_word=True)
    last = max(i for i, word in enumerate(tokens.words) if word is not None)
    assert tokens.words.count(tokens.words[last]) > 1
    assert together.log_probabilities[last] == pytest.approx(float(apart.log_probabilities[last]), abs=1e-5)
    assert abs(together.log_probabilities - apart.log_probabilities).max() > 1e-3


def test_every_word_may_be_a_hole(model):
    tokens = model.read(LINES[2])
    assert len(holes(model, masked(model, tokens, range(1, len(tokens) - 1)))) == len(tokens) - 2


@pytest.mark.parametrize("places", [[0], [99], [-1], [6]])
def test_there_is_no_hole_where_no_word_is(model, places):
    with pytest.raises(InputError, match="cannot be a hole"):
        masked(model, model.read(LINES[0]), places)


def test_a_text_without_a_hole_is_told_how_to_make_one(model):
    with pytest.raises(InputError, match=r"Write \[MASK\]"):
        holes(model, model.read(LINES[0]))


def test_a_model_without_a_mask_fills_nothing(small_tokenizers):
    module = Transformer(Config("tag", 160, encoder_layers=1, n_heads=2, d_model=8, d_ff=8))
    other = InHouse(module, small_tokenizers["words"].backend_tokenizer)
    with pytest.raises(InputError, match="no \\[MASK\\]"):
        pseudo_likelihood(other, "the cat")
    with pytest.raises(InputError, match="cannot fill"):
        other.predict(torch.tensor([[1, 2]]))


def test_a_saved_model_still_fills(model, tmp_path):
    model.save(tmp_path / "mine", precision="bfloat16")
    again = InHouse.load(tmp_path / "mine", "mine")
    assert again.spec.task == "fill"
    assert again.mask == model.mask
    assert again.module.out.weight is again.module.source.token.weight
    assert again.module.out.weight.dtype == torch.float32
    assert again.tokenize(f"我{MASK}。").pieces[2] == MASK


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_a_pretrained_model_with_its_masked_word_output_fills(family, small_tokenizers, tmp_path):
    shape = {"vocab_size": 160, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    with transformers_alone() as transformers:
        torch.manual_seed(0)
        config = transformers.AutoConfig.for_model(family, **shape, max_position_embeddings=64, pad_token_id=0)
        whole = transformers.AutoModelForMaskedLM.from_config(config).eval()
    whole.save_pretrained(tmp_path)
    small_tokenizers["words"].save_pretrained(tmp_path)
    filling = load(str(tmp_path))
    assert filling.spec.predicts == "hole"
    tokens = masked(filling, filling.read("The cat sat."), [2])
    [hole] = holes(filling, tokens)
    with torch.inference_mode():
        expected = whole(torch.tensor([tokens.ids])).logits[0, 2].log_softmax(-1)
    torch.testing.assert_close(torch.tensor(hole.log_probabilities), expected, atol=1e-5, rtol=1e-5)
    assert pseudo_likelihood(filling, "The cat sat.").total < 0
    assert filling.trace("The [MASK] sat.").source.ids[2] == filling.mask


def test_the_shipped_bert_has_no_output_for_holes(bert):
    assert bert.mask is None
    with pytest.raises(InputError, match="no \\[MASK\\]"):
        bert.predict(torch.tensor([[1, 2]]))
