"""Rankings tried: nothing taken away is the model's own output, the ends of both curves meet, and a ranking by effect beats chance."""

import numpy as np
import pytest

from attnlab import load
from attnlab.models.faithfulness import LONGEST, RANKINGS, chance, randomised, rankings, trials
from attnlab.models.ledgers import reading
from attnlab.words import InputError

FILM = "What a lovely film!"


def test_every_ranking_is_tried_on_the_same_output():
    model = load("sentiment")
    trace = model.trace(FILM)
    found = reading(model, trace, label="positive", against="negative")
    tried = trials(model, trace, found)
    assert tuple(tried) == RANKINGS
    for trial in tried.values():
        assert trial.without[0] == pytest.approx(found.output, abs=1e-4)
        assert trial.only[-1] == pytest.approx(found.output, abs=1e-4)
        assert trial.without[-1] == pytest.approx(trial.only[0], abs=1e-4)
    assert trace.source.pieces[int(tried["knock_out"].scores.argmax())] == "lovely"
    random = chance(model, trace, found)
    assert tried["knock_out"].comprehensiveness > random.comprehensiveness
    assert tried["knock_out"].sufficiency < random.sufficiency
    other = load("sentiment@untrained")
    bare = other.trace(FILM)
    alike = randomised(tried, rankings(other, bare, reading(other, bare, label="positive", against="negative")))
    assert set(alike) == set(RANKINGS)
    assert all(-1 - 1e-9 <= value <= 1 + 1e-9 for value in alike.values())
    assert np.isfinite(list(alike.values())).all()


def test_the_ledger_by_tokens_is_the_ledger():
    model = load("bert")
    trace, other = model.trace("the cat sat"), model.trace("a dog ran")
    found = reading(model, trace, similar_to=other)
    scores = rankings(model, trace, found)
    assert scores["rollout"].sum() == pytest.approx(1, abs=1e-5)
    from attnlab.models.ledgers import book

    parts = book(model, trace, found).parts
    assert scores["ledger"].sum() == pytest.approx(sum(p.value for p in parts if p.source is not None), abs=1e-5)


def test_what_cannot_be_tried_is_said(bert):
    french = load("translate-fr")
    trace = french.trace("The cat sleeps.", target="Le chat dort.")
    with pytest.raises(InputError, match="two stacks"):
        trials(french, trace, reading(french, trace, token=1))
    long = bert.trace("the cat sat " * LONGEST)
    with pytest.raises(InputError, match="at most"):
        trials(bert, long, reading(bert, long, similar_to=bert.trace("a dog")))
