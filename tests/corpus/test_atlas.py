"""Heads searched for in words, compared with Holm's correction, and found for links that somebody marked."""

import numpy as np
import pytest

from attnlab.core.batched import FAR
from attnlab.core.guide import NAMES, Head
from attnlab.corpus.blocks import Plan
from attnlab.corpus.comparison import compare, holm, p_values, table
from attnlab.corpus.index import index_of, read_index
from attnlab.corpus.links import heads_for
from attnlab.corpus.measuring import measure_block
from attnlab.corpus.reading import Choice, Line
from attnlab.corpus.search import conditions, matching
from attnlab.words import InputError

WORDS = {"previous token": "previous", "前一词元": "previous", "entropy": "entropy", "layer": "layer", "importance": "importance"}
TEXTS = ["The cat sat on the mat.", "A dog barked.", "It was the best of times, it was the worst of times.", "Birds sing."]


def head(layer, number, **measures):
    return Head("encoder", layer, number, dict.fromkeys(NAMES, float("nan")) | measures)


HEADS = [head(0, 0, previous=0.9, entropy=0.1), head(1, 0, previous=0.5, entropy=2.0), head(3, 1, previous=0.45, entropy=1.0), head(3, 2)]


@pytest.mark.parametrize(
    ("asked", "places"),
    [
        ("previous token > 0.4", [0, 1, 2]),
        ("Previous token ≥ 45% in layer 1 or later", [1, 2]),
        ("前一词元 > 0.4，第 2 层及以后", [2]),
        ("前一词元 > 0.4 第0层", [0]),
        ("previous token > 0.4 and entropy < 1.5, layers 1-3", [2]),
        ("entropy <= 1 in layer 0 or earlier", [0]),
        ("layer = 3", [2, 3]),
        ("", [0, 1, 2, 3]),
    ],
)
def test_heads_are_found_by_what_they_do(asked, places):
    assert matching(HEADS, conditions(asked, WORDS)) == places


def test_importance_is_asked_for_where_it_is_known():
    asked = conditions("importance > 0.5", WORDS)
    assert matching(HEADS, asked, (0.1, 0.9, 0.6, 0.2)) == [1, 2]
    assert matching(HEADS, asked) == []


@pytest.mark.parametrize("asked", ["nonsense", "smell > 3", "entropy >", "entropy > x"])
def test_words_that_say_nothing_of_a_head_are_named_with_what_can_be_said(asked):
    with pytest.raises(InputError, match=f'"{asked}" says nothing of a head.*previous token'):
        conditions(asked, WORDS)


def test_holm_multiplies_the_smallest_by_how_many_there_are_and_never_goes_down():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, np.nan, 0.5])), [0.04, 0.09, 0.09, np.nan, 0.5])


def test_p_is_two_sided():
    found = p_values(np.array([1.96, -1.96, 0.0, 1.0, np.nan]), np.array([1.0, 1.0, 0.0, 0.0, 1.0]))
    np.testing.assert_allclose(found, [0.05, 0.05, 1.0, 0.0, np.nan], atol=1e-4)


@pytest.fixture(scope="module")
def block(bert):
    return measure_block(bert, [Line(i, text) for i, text in enumerate(TEXTS, 1)])


def test_a_corpus_compared_with_itself_differs_nowhere(block):
    found = compare(block.totals, block.totals)
    assert not found.sure.any()
    assert np.nanmax(np.abs(found.difference)) == 0
    assert len(table(found).splitlines()) == 72 * len(NAMES) + 1


def test_a_difference_has_the_standard_error_of_both(bert, block):
    other = measure_block(bert, [Line(i, text) for i, text in enumerate(["Stop!", "No, no, no.", "a b c d e f g h"], 1)])
    found = compare(block.totals, other.totals)
    m, a, b = NAMES.index("previous"), block.totals, other.totals
    wanted = 1.96 * np.sqrt(a.deviation()[m, 2] ** 2 / 4 + b.deviation()[m, 2] ** 2 / 3)
    np.testing.assert_allclose(found.margin[m, 2], wanted, rtol=1e-4)
    with pytest.raises(InputError, match="no head in common"):
        compare(block.totals, measure_block_of_a_decoder().totals)


def measure_block_of_a_decoder():
    from attnlab import load

    return measure_block(load("write-en"), [Line(1, "Once upon a time.")])


def test_marked_links_rank_the_heads_that_make_them(bert, block, tmp_path):
    (tmp_path / "c.txt").write_text("\n".join(TEXTS))
    index = read_index(index_of(Plan("bert", "x", str(tmp_path / "c.txt"), Choice()), block, bert))
    trace = bert.trace("A small bird sings in the garden.")
    best = heads_for(trace, "encoder", [(3, 2), (4, 3)], index)[0]
    assert (best.layer, best.head) == (0, 2)
    np.testing.assert_allclose(best.weight, np.mean([trace.at("encoder", 0).weights(2)[q, k] for q, k in [(3, 2), (4, 3)]]), rtol=1e-6)
    np.testing.assert_allclose(best.usual, index.by_distance[FAR, 2])
    special = heads_for(trace, "encoder", [(3, 0)], index)[0]
    np.testing.assert_allclose(special.usual, index.totals.mean()[NAMES.index("first"), special.layer * 12 + special.head])
    assert np.isnan(heads_for(trace, "encoder", [(0, 3)], index)[0].above)
    assert np.isnan(heads_for(trace, "encoder", [(3, 2)])[0].usual)
    with pytest.raises(ValueError, match="no links"):
        heads_for(trace, "encoder", [])
    with pytest.raises(ValueError, match="inside"):
        heads_for(trace, "encoder", [(99, 0)])
