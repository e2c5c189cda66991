"""A block measured: the batched route agrees with the measures one by one, the strongest sentences are those, files go round."""

import base64
import io
import json
import zlib

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from attnlab import load
from attnlab.core.batched import ON, Chosen, measured_batch
from attnlab.core.guide import NAMES
from attnlab.core.measures import measured
from attnlab.corpus.blocks import Plan
from attnlab.corpus.index import SENT, index_of, read_index
from attnlab.corpus.measuring import MOST, NONE, from_bytes, measure_block, strongest_of, to_bytes
from attnlab.corpus.reading import Choice, Line
from attnlab.corpus.totals import packed
from attnlab.words import InputError

TEXTS = (
    "The cat sat on the mat.",
    "A cat is a cat is a cat!",
    "One.",
    "It was the best, it was the worst of times.",
    "Dogs bark at cats.",
)
LINES = [Line(i, text) for i, text in enumerate(TEXTS, 1)]


def one_by_one(model, texts):
    """[s m H]"""
    return np.stack([np.stack([np.concatenate([measured(a)[name] for a in model.trace(t).attentions]) for name in NAMES]) for t in texts])


@pytest.mark.parametrize("name", ["bert", "reverse-alibi", "reverse-relative", "sentiment"])
def test_a_batch_of_one_length_measures_what_each_sentence_does(name):
    model = load(name)
    letters, words = ["a b c a b d", "f e d c b a", "a a a a a a"], ["The cat sat on the mat.", "The dog ate all the fish."]
    texts = letters if name.startswith("reverse") else words
    block = measure_block(model, [Line(i, text) for i, text in enumerate(texts, 1)])
    each = one_by_one(model, texts)
    known = np.isfinite(each)
    wanted = np.divide(np.where(known, each, 0).sum(0), known.sum(0), out=np.full(each.shape[1:], np.nan), where=known.any(0))
    np.testing.assert_allclose(block.totals.mean(), wanted, rtol=2e-4, atol=2e-5)


def test_translators_are_measured_stack_by_stack():
    model = load("translate-fr")
    block = measure_block(model, LINES[:2])
    shapes = model.spec.stacks.items()
    every = [(stack, layer, head) for stack, shape in shapes for layer in range(shape.layers) for head in range(shape.heads)]
    assert list(block.totals.places) == every  # the order in which the importance of heads stands in an index
    traces = [model.trace(text) for text in TEXTS[:2]]
    wanted = np.mean([[measured(trace.at(s, layer), [head])["entropy"][0] for s, layer, head in every] for trace in traces], 0)
    np.testing.assert_allclose(block.totals.mean()[NAMES.index("entropy")], wanted, rtol=1e-4)


def test_weights_of_other_sentences_are_refused(bert):
    tokens = [bert.tokenize("One two.")]
    with pytest.raises(ValueError, match="there are 1 sentences of 5 tokens"):
        measured_batch(torch.ones(1, 2, 4, 4), Chosen.of(tokens))
    with pytest.raises(ValueError, match="one length"):
        Chosen.of([*tokens, bert.tokenize("One")])


def test_the_strongest_are_sorted_and_of_equals_the_earlier_line():
    top = strongest_of(np.array([[3, 5, 5, NONE]]), np.array([[1, 9, 2, 4]]))
    assert top.values[0, :4].tolist() == [5, 5, 3, NONE]
    assert top.lines[0, :3].tolist() == [2, 9, 1]
    assert top.values.shape[-1] == MOST


def test_a_block_goes_round_through_its_file(bert):
    block = measure_block(bert, LINES)
    again = from_bytes(to_bytes(block))
    np.testing.assert_array_equal(again.totals.mean(), block.totals.mean())
    np.testing.assert_array_equal(again.top.lines, block.top.lines)
    assert again.digest == block.digest


def test_a_line_without_text_for_the_model_is_named(bert):
    with pytest.raises(InputError, match="Line 7"):
        measure_block(bert, [Line(7, "word " * 600)])
    with pytest.raises(InputError, match="Lines 7 to 7"):
        measure_block(bert, [Line(7, "word " * 600)], "skip")


def test_the_index_holds_the_sentence_and_the_cell_that_does_it_most(bert, tmp_path):
    file = tmp_path / "c.txt"
    file.write_text("\n".join(TEXTS), "utf-8")
    plan = Plan("bert", bert.spec.revision, str(file), Choice())
    found = measure_block(bert, LINES)
    (tmp_path / "i.parquet").write_bytes(index_of(plan, found, bert))
    index = read_index(tmp_path / "i.parquet")
    each = one_by_one(bert, TEXTS)
    for name in ("previous", "duplicate", "entropy"):
        hits = index.hits("encoder", 0, 2, name)
        values = each[:, NAMES.index(name), 2]
        assert hits[0].text == TEXTS[int(np.nanargmax(values))]
        np.testing.assert_allclose(hits[0].value, np.nanmax(values), rtol=1e-4)
        weights = bert.trace(hits[0].text).at("encoder", 0).weights(2)
        np.testing.assert_allclose(weights[hits[0].query, hits[0].key], hits[0].weight, rtol=1e-4)
        if name == "previous":
            assert hits[0].key == hits[0].query - 1
            assert hits[0].word == bert.tokenize(hits[0].text).pieces[hits[0].query]
        assert hits[0].keys == bert.tokenize(hits[0].text).pieces
        np.testing.assert_allclose(np.array(hits[0].row) / 255, weights[hits[0].query], atol=0.5 / 255)
    assert index.totals.sentences == 5
    np.testing.assert_array_equal(index.totals.mean(), found.totals.mean())
    np.testing.assert_array_equal(index.by_distance, found.totals.by_distance())
    assert (index.model, index.corpus, index.importance) == ("bert", "c.txt", ())
    assert set(ON) < set(NAMES)


def changed(data, **columns):
    """An index whose columns or facts are others."""
    table = parquet.read_table(io.BytesIO(data))
    facts = json.loads(table.schema.metadata[b"attnlab"]) | columns.pop("facts", {})
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values(table[name])))
    out = io.BytesIO()
    parquet.write_table(table.replace_schema_metadata({"attnlab": json.dumps(facts)}), out)
    return out.getvalue()


def test_an_index_whose_numbers_cannot_be_is_refused(bert, tmp_path):
    file = tmp_path / "c.txt"
    file.write_text("One two.", "utf-8")
    block = measure_block(bert, [Line(1, "One two.")])
    data = index_of(Plan("bert", "x", str(file), Choice()), block, bert)
    assert read_index(changed(data)).totals.sentences == 1
    far = {"key": lambda c: pa.array([999] * len(c), pa.int16())}
    holes = {"value": lambda c: pa.array([None] * len(c), pa.float32())}
    kind = {"value": lambda c: ["a"] * len(c)}
    bomb = base64.b64encode(zlib.compress(b"[" * 5_000_000)).decode()
    said = json.loads(zlib.decompress(base64.b64decode(packed(block.totals))))

    def sums(**other):
        return {"facts": {"totals": base64.b64encode(zlib.compress(json.dumps(said | other).encode())).decode()}}

    wrong = [far, holes, kind, {"facts": {"totals": bomb}}, {"facts": {"totals": 3}}, {"facts": {"importance": [1.0]}}]
    wrong += [sums(tokens=-1), sums(cells=[[1]]), sums(places=[]), sums(places=[["encoder", 0, True]] * 72)]
    for columns in wrong:
        with pytest.raises(InputError, match="not an index"):
            read_index(changed(data, **columns))
    many = pa.concat_tables([parquet.read_table(io.BytesIO(data))] * 60)
    parquet.write_table(many, tmp_path / "many.parquet")
    with pytest.raises(InputError, match="not an index"):
        read_index(tmp_path / "many.parquet")
    with pytest.raises(InputError, match="at most 20 MiB"):
        read_index(bytes((20 << 20) + 1))


def test_the_facts_of_a_strangers_index_are_measured_before_they_are_parsed(monkeypatch):
    """Parsing JSON stops every thread: 60 MB of it, packed into a small file, stopped the server for seconds."""
    read, long = json.loads, "[" + "1," * (SENT.facts >> 1) + "1]"
    packed_totals = json.dumps({"totals": base64.b64encode(zlib.compress(long.encode())).decode()})
    parsed = []
    monkeypatch.setattr("attnlab.untrusted.json.loads", lambda content: parsed.append(len(content)) or read(content))
    for facts in (long, packed_totals):
        out = io.BytesIO()
        parquet.write_table(pa.table({"a": [1]}).replace_schema_metadata({"attnlab": facts}), out)
        with pytest.raises(InputError, match="not an index"):
            read_index(out.getvalue())
    assert max(parsed) <= SENT.facts


@pytest.mark.parametrize("data", [b"", b"PAR1 nothing", b"PAR1" * 9000])
def test_a_file_that_is_no_index_is_refused(data, tmp_path):
    (tmp_path / "no.parquet").write_bytes(data)
    with pytest.raises(InputError, match="not an index"):
        read_index(tmp_path / "no.parquet")


@pytest.mark.parametrize("name", ["bert", "translate-fr", "reverse-rotary"])
def test_chance_is_a_head_that_spreads_evenly(name):
    text = "a b c a" if name.startswith("reverse") else "The cat sat."
    chance = measure_block(load(name), [Line(1, text)]).totals.chance()
    n = len(load(name).tokenize(text))
    np.testing.assert_allclose(chance[NAMES.index("self"), 0], 1 / n, rtol=1e-5)
    np.testing.assert_allclose(chance[NAMES.index("evenness"), 0], 1, rtol=1e-5)
