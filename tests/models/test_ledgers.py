"""The ledger balances: the sum of its parts is the model's own number, for every kind of output and every family that is followed."""

import numpy as np
import pytest

from attnlab import Edit, ledger, load
from attnlab.core.ledger import folded
from attnlab.models.edits import interventions
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.ledgers import changed_output, last_vectors, reading
from attnlab.models.lens import lens
from attnlab.models.weights import BEFORE
from attnlab.words import InputError
from tests.models.test_edits import TEXT, run, small
from tests.models.test_effects import TASKS

__all__ = ["small"]


@pytest.mark.parametrize("positions", ["none", "sinusoidal", "learned", "rotary", "alibi", "relative"])
@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("task", TASKS)
def test_parts_sum_to_the_logit_in_house(small_tokenizers, task, norm, positions):
    tokenizer = small_tokenizers["words"].backend_tokenizer
    how = {"n_heads": 2, "d_model": 16, "d_ff": 24, "max_tokens": 64, "positions": positions, "norm": norm}
    model = InHouse(Transformer(Config(task, vocab=tokenizer.get_vocab_size(), **how, **TASKS[task])), tokenizer)
    trace = run(model)
    book = ledger(trace)
    assert book.error <= 1e-4
    assert {part.kind for part in book.parts} == {"embedding", "head", "feed_forward", "bias"}
    heads = sum(
        trace.at(stack, 0).n_heads * len(trace.layers(stack)) for stack in trace.stacks if stack != "encoder" or task != "translate"
    )
    assert len([part for part in book.whole() if part.kind == "head"]) == heads
    assert sum(part.value for part in book.whole()) == pytest.approx(book.total, abs=1e-9)


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta", "electra", "distilbert", "gpt2", *BEFORE])
def test_parts_sum_to_the_cosine_of_every_followed_family(small, family):
    model = small(family)
    book = ledger(model.trace(TEXT), similar_to=model.trace("a dog ran"))
    assert book.error <= 1e-5
    a, b = (last_vectors(model, model.trace(text)).mean(0) for text in (TEXT, "a dog ran"))
    assert book.output == pytest.approx(float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)), abs=1e-5)


def test_a_decoder_whose_output_is_its_word_table_has_words(small):
    model = small("gpt2")
    trace = model.trace(TEXT)
    book = ledger(trace, token=2)
    assert book.error <= 1e-4 * max(1, abs(book.output))
    assert not [part for part in book.parts if part.kind == "head" and part.source is not None and part.source > 2 and part.value]


def test_a_decoder_with_norms_that_take_no_mean_away_has_words_and_a_lens(small, monkeypatch):
    model = small("llama")
    monkeypatch.setattr(model.module.config, "tie_word_embeddings", True)  # its output is its table of word vectors
    trace = model.trace(TEXT)
    book, table = ledger(trace, token=2, model=model), model.module.get_input_embeddings().weight.detach().numpy()
    logits = last_vectors(model, trace)[2] @ table.T
    assert book.output == pytest.approx(float(logits.max()), rel=1e-5)
    assert book.error <= 1e-4 * max(1, abs(book.output))
    end = np.exp(logits - logits.max())
    assert lens(model, trace).probability[-1, 2] == pytest.approx(float(end.max() / end.sum()), rel=1e-4)


def test_what_makes_two_sentences_alike_for_bert():
    """A head by way of a word: the figures are those of an independent computation."""
    model = load("bert")
    book = ledger(model.trace("The bank raised the interest rate."), similar_to=model.trace("The central bank made loans more expensive."))
    assert book.output == pytest.approx(0.5959, abs=1e-4)
    assert book.error <= 1e-5
    by_head = {(part.layer, part.head): part.value for part in book.whole() if part.kind == "head"}
    assert by_head[5, 10] == pytest.approx(0.125, abs=1e-3)
    assert by_head[5, 7] == pytest.approx(0.110, abs=1e-3)
    assert sum(by_head.values()) == pytest.approx(0.405, abs=1e-3)
    assert sum(book.sources("head", "encoder", 5, 10).values()) == pytest.approx(by_head[5, 10])
    kept, rest, n = folded(book.whole(), 30)
    assert (len(kept), n) == (30, len(book.whole()) - 30)
    assert sum(part.value for part in kept) + rest == pytest.approx(book.total, abs=1e-12)


def test_a_contrast_of_two_words_and_of_two_labels():
    model = load("translate-fr")
    trace = model.trace("The cat sleeps.")
    book = ledger(trace, token=1, word="chat", against="chien")
    a, b = (ledger(trace, token=1, word=word).output for word in ("chat", "chien"))
    assert book.output == pytest.approx(a - b, abs=1e-4)
    assert book.error <= 1e-4
    assert book.says == "chat − chien"
    assert {part.stack for part in book.parts} == {"decoder", "cross"}
    trace = load("sentiment").trace("What a lovely film!")
    good, bad = ledger(trace, label="positive"), ledger(trace, label="positive", against="negative")
    assert good.error <= 1e-4
    assert bad.output > good.output - abs(good.output)
    assert bad.error <= 1e-4


def test_the_ledger_of_an_edited_run_balances_too(bert):
    other = bert.trace("a dog ran")
    edits = [Edit("z", layer=2, head=3, to="zero"), Edit("weights", layer=1, head=0, to="uniform"), Edit("embedding", query=2, to="mean")]
    book = ledger(bert.trace(TEXT, edits=edits), similar_to=other)
    assert book.error <= 1e-5
    assert {part.name: part.value for part in book.whole()}["L2H3"] == pytest.approx(0, abs=1e-9)
    with pytest.raises(InputError, match="edited by hand"):
        ledger(bert.trace(TEXT, edits=[Edit("stream", layer=1, to="zero")]), similar_to=other)


def test_the_output_of_a_changed_run_is_that_of_its_trace(bert):
    trace, edit = bert.trace(TEXT), Edit("z", layer=2, head=3, to="zero")
    found = reading(bert, trace, similar_to=bert.trace("a dog ran"))
    assert changed_output(bert, trace, found, []) == pytest.approx(found.output, abs=1e-6)
    after = ledger(bert.trace(TEXT, edits=[edit]), similar_to=bert.trace("a dog ran")).output
    assert changed_output(bert, trace, found, interventions(bert, [edit])) == pytest.approx(after, abs=1e-6)
    model = load("translate-fr")
    trace = model.trace("The cat sleeps.", target="Le chat dort.")
    found = reading(model, trace, token=1, word="chat")
    assert changed_output(model, trace, found, [], copies=2) == pytest.approx([found.output] * 2, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("bert", {"token": 1, "word": "cat"}, "no such output"),
        ("bert", {"label": "positive"}, "no such output"),
        ("sentiment", {"label": "sad"}, "no label sad"),
        ("translate-fr", {"token": 99}, "no token 99"),
        ("translate-fr", {"token": 0, "word": "chatttt"}, "is not one token"),
    ],
)
def test_an_output_that_a_model_has_not_is_refused(name, asked, said):
    with pytest.raises(InputError, match=said):
        ledger(load(name).trace("The cat sleeps."), **asked)


def test_a_family_that_is_not_followed_has_no_ledger(small):
    with pytest.raises(InputError, match="not followed"):
        ledger(small("gpt_neox").trace(TEXT))


def test_a_model_that_is_gone_is_loaded_again_by_its_name(bert):
    trace = bert.trace(TEXT)
    assert trace.made_by() is bert
    object.__setattr__(trace, "made_by", None)
    assert ledger(trace, similar_to=trace).output == pytest.approx(1)
