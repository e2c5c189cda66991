"""Decoding writes what the model finds likely, keeps true numbers of every step, and does the same for one sentence as for many."""

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from attnlab.models.inhouse.decoding import Decoded, Rules, beam_search, length_penalty
from attnlab.models.inhouse.sampling import narrowed, sample
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.words import InputError

RULES = Rules(bos=1, eos=2, forbidden=(0, 1, 3), keep=True)
SMALL = Config("translate", vocab=12, encoder_layers=1, decoder_layers=2, n_heads=2, d_model=16, d_ff=32, max_tokens=32)
SOURCE = torch.tensor([[5, 6, 7, 8, 2], [9, 10, 2, 0, 0], [4, 2, 0, 0, 0], [11, 5, 9, 2, 0]])
LONGEST = [8, 6, 7, 9]


def made(seed: int, *, sharp: float = 2.0, **change: Any) -> Transformer:
    """A random model; the sharper, the surer it is of some things, and the more its float32 numbers round."""
    torch.manual_seed(seed)
    module = Transformer(replace(SMALL, **change)).eval().requires_grad_(False)
    for p in module.parameters():
        p.mul_(sharp)
    return module


def log_p(module: Transformer, source: Tensor | None, ids: tuple[int, ...]) -> Tensor:
    """What follows ids, computed in full and without caches. [v]"""
    target = torch.tensor([[1, *ids]])
    logits = module(target) if source is None else module(source, target)
    return logits[0, -1].log_softmax(-1)


def total_of(module: Transformer, source: Tensor, ids: tuple[int, ...]) -> float:
    """The log-probability of a whole sentence, its end included."""
    whole = module(source, torch.tensor([[1, *ids]]))[0].log_softmax(-1)
    return float(whole.gather(1, torch.tensor([*ids, 2])[:, None]).sum())


def search(module: Transformer, source: Tensor | None = SOURCE, **how: Any) -> list[Decoded]:
    return beam_search(module, source, RULES, **({"longest": LONGEST} | how))


def greedily(module: Transformer, source: Tensor, longest: int) -> tuple[int, ...]:
    ids: tuple[int, ...] = ()
    while len(ids) < longest:
        scores = log_p(module, source, ids)
        scores[[0, 1, 3]] = -math.inf
        if (token := int(scores.argmax())) == 2:
            break
        ids = (*ids, token)
    return ids


# Beam search


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_one_takes_the_likeliest_token_every_time(seed: int) -> None:
    module = made(seed)
    for row, decoded in enumerate(search(module, width=1)):
        source = SOURCE[row : row + 1, : int((SOURCE[row] != 0).sum())]
        assert decoded.best.ids == greedily(module, source, LONGEST[row])


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_beam_that_holds_everything_finds_the_best_sentence_there_is(seed: int, alpha: float) -> None:
    module, source = made(seed, vocab=7), torch.tensor([[4, 5, 6, 2]])
    every = [ids for n in range(4) for ids in itertools.product((4, 5, 6), repeat=n)]
    scores = {ids: total_of(module, source, ids) / length_penalty(len(ids) + 1, alpha) for ids in every}
    best = max(scores, key=scores.__getitem__)
    [decoded] = search(module, source, longest=[4], width=64, alpha=alpha)
    assert decoded.best.ids == best
    assert decoded.best.score == pytest.approx(scores[best], abs=1e-5, rel=1e-5)


def test_a_beam_finds_likelier_sentences_than_greedy() -> None:
    gains = []
    for seed in range(20):
        module = made(seed)
        narrow, wide = (search(module, width=width, alpha=0) for width in (1, 5))
        gains += [b.best.total - a.best.total for a, b in zip(narrow, wide, strict=True) if a.best.ended and b.best.ended]
    assert len(gains) > 10
    assert min(gains) > -1e-5
    assert max(gains) > 0.5


@pytest.mark.parametrize("task", ["translate", "generate"])
@pytest.mark.parametrize("positions", ["none", "sinusoidal", "learned", "rotary", "alibi", "relative"])
def test_every_number_of_every_step_is_the_models_own(positions: Any, task: Any) -> None:
    module = made(3, sharp=1.2, positions=positions, task=task)
    source = SOURCE if task == "translate" else None
    for row, decoded in enumerate(search(module, source, width=3)):
        alone = None if source is None else SOURCE[row : row + 1, : int((SOURCE[row] != 0).sum())]
        for step in decoded.steps:
            assert step.log_probabilities.shape == (len(step.alive), 12)
            for ids, kept in zip(step.alive, step.log_probabilities, strict=True):
                torch.testing.assert_close(torch.tensor(kept), log_p(module, alone, ids), atol=1e-5, rtol=0)
        for said in decoded.hypotheses:
            logs = [
                float(log_p(module, alone, said.ids[:i])[token]) for i, token in enumerate((*said.ids, 2)[: len(said.log_probabilities)])
            ]
            assert said.log_probabilities == pytest.approx(logs, abs=1e-5, rel=1e-5)
            assert said.ended == (len(said.log_probabilities) == len(said.ids) + 1)


def test_steps_lead_from_one_to_the_next_and_to_the_result() -> None:
    for decoded in search(made(1), width=4):
        for step, following in itertools.pairwise(decoded.steps):
            chosen = [step.candidates[i] for i in step.next]
            assert tuple((*step.alive[c.parent], c.token) for c in chosen) == following.alive
            assert all(c.kept for c in chosen)
        ended = {(*step.alive[c.parent], c.token): c for step in decoded.steps for c in step.candidates if c.why == "finished"}
        assert {(*h.ids, 2): h.score for h in decoded.hypotheses if h.ended} == {ids: c.score for ids, c in ended.items()}


def test_candidates_are_listed_best_first_with_their_fate() -> None:
    for decoded in search(made(1), width=2):
        for step in decoded.steps:
            totals = [c.total for c in step.candidates]
            assert totals == sorted(totals, reverse=True)
            assert {c.why for c in step.candidates if c.token in (0, 1, 3)} <= {"forbidden"}
            worst = min(c.total for c in step.candidates if c.kept or c.why == "stopped")
            assert all(c.total <= worst for c in step.candidates if c.why == "outscored" and c.token != 2)
            for c in step.candidates:
                assert c.log_probability == pytest.approx(float(step.log_probabilities[c.parent, c.token]))


@pytest.mark.parametrize("width", [1, 4])
def test_many_sentences_at_once_are_written_as_each_alone(width: int) -> None:
    module = made(2)
    together = search(module, width=width)
    for row, decoded in enumerate(together):
        alone = SOURCE[row : row + 1, : int((SOURCE[row] != 0).sum())]
        [single] = search(module, alone, longest=LONGEST[row : row + 1], width=width)
        assert [h.ids for h in single.hypotheses] == [h.ids for h in decoded.hypotheses]
        assert single.best.score == pytest.approx(decoded.best.score, abs=1e-5, rel=1e-5)
        assert single.stopped == decoded.stopped


def test_larger_length_penalties_do_not_shorten() -> None:
    assert length_penalty(1, 2.0) == 1
    assert length_penalty(7, 2.0) == 4
    assert length_penalty(7, 0.0) == 1
    lengths = {
        alpha: sum(len(d.best.ids) for seed in range(5) for d in search(made(seed), width=6, alpha=alpha)) for alpha in (0.0, 1.0, 3.0)
    }
    assert lengths[0.0] <= lengths[1.0] <= lengths[3.0]
    assert lengths[0.0] < lengths[3.0]


def test_a_search_says_why_it_stopped() -> None:
    stopped = {d.stopped for seed in range(8) for width in (1, 3) for d in search(made(seed), width=width)}
    assert {"enough", "unbeatable", "longest"} <= stopped
    [decoded] = search(made(0), SOURCE[:1], longest=[5], forced=[(4, 2)])
    assert (decoded.best.ids, decoded.best.ended, decoded.stopped) == ((4,), True, "ended")


def test_an_ended_sentence_comes_before_one_that_was_cut_off() -> None:
    for decoded in search(made(4), width=4, longest=[3] * 4):
        ended = [h.ended for h in decoded.hypotheses]
        assert ended == sorted(ended, reverse=True)
        assert all(len(h.log_probabilities) <= 3 for h in decoded.hypotheses)


# Forced beginnings


@pytest.mark.parametrize("width", [1, 4])
def test_a_forced_beginning_is_kept_and_gone_on_from(width: int) -> None:
    module = made(2)
    forced = [(4, 9), (), (3,), (10, 10, 10)]  # 3 may not be written unless it is forced
    for row, decoded in enumerate(search(module, width=width, forced=forced)):
        begin = forced[row]
        assert decoded.best.ids[: len(begin)] == begin
        for i, step in enumerate(decoded.steps[: len(begin)]):
            assert [step.candidates[j].token for j in step.next] == [begin[i]]
            assert {c.why for c in step.candidates} == {"forced", "not forced"}
        source = SOURCE[row : row + 1, : int((SOURCE[row] != 0).sum())]
        if decoded.best.ended:
            assert decoded.best.total == pytest.approx(total_of(module, source, decoded.best.ids), abs=1e-5, rel=1e-5)


def test_forcing_what_would_have_been_written_changes_nothing() -> None:
    module = made(2)
    free = search(module, width=1)
    again = search(module, width=1, forced=[d.best.ids[:2] for d in free])
    assert [d.best.ids for d in again] == [d.best.ids for d in free]


# Sampling


def test_narrowing_by_hand() -> None:
    p = torch.tensor([0.1, 0.4, 0.2, 0.3]).log()
    for how, expected in (
        ({}, [0.1, 0.4, 0.2, 0.3]),
        ({"temperature": 0.5}, [1 / 30, 16 / 30, 4 / 30, 9 / 30]),
        ({"top_k": 2}, [0, 4 / 7, 0, 3 / 7]),
        ({"top_k": 1}, [0, 1, 0, 0]),
        ({"top_p": 0.7}, [0, 4 / 7, 0, 3 / 7]),
        ({"top_p": 0.71}, [0, 4 / 9, 2 / 9, 3 / 9]),
        ({"top_p": 0.01}, [0, 1, 0, 0]),
        ({"top_k": 2, "top_p": 0.5}, [0, 1, 0, 0]),  # 4/7 of the two that are left is already more than a half
    ):
        torch.testing.assert_close(narrowed(p, **how), torch.tensor(expected, dtype=torch.float32), atol=1e-6, rtol=0)  # type: ignore[arg-type]
    equal = narrowed(torch.zeros(4).log_softmax(-1), top_k=2)  # ties: two are left, not four
    assert (equal > 0).sum() == 2


@given(st.integers(0, 10**6), st.floats(0.1, 3), st.integers(0, 9), st.floats(0.01, 1))
def test_what_is_drawn_from_is_a_distribution_over_the_fewest_likeliest(seed: int, temperature: float, top_k: int, top_p: float) -> None:
    log_p = torch.randn(3, 9, generator=torch.Generator().manual_seed(seed)).log_softmax(-1)
    p = narrowed(log_p, temperature=temperature, top_k=top_k, top_p=top_p)
    torch.testing.assert_close(p.sum(-1), torch.ones(3), atol=1e-5, rtol=0)
    whole = (log_p / temperature).softmax(-1)
    for row, full in zip(p, whole, strict=True):
        kept = row > 0
        assert full[kept].min() >= full[~kept].max() if not bool(kept.all()) else True
        assert int(kept.sum()) <= (top_k or 9)
        ordered = full.sort(descending=True).values[: top_k or 9]
        before_last = ordered[: int(kept.sum()) - 1].sum() / ordered.sum()
        assert before_last < top_p + 1e-5


def test_sampling_from_one_candidate_is_greedy() -> None:
    module = made(2)
    drawn = sample(module, SOURCE, RULES, longest=LONGEST, temperature=0.01)
    for row, decoded in enumerate(drawn):
        source = SOURCE[row : row + 1, : int((SOURCE[row] != 0).sum())]
        assert decoded.best.ids == greedily(module, source, LONGEST[row])


def test_draws_follow_the_models_probabilities() -> None:
    module = made(5)
    source = SOURCE[:1].expand(1, 5)
    p = log_p(module, source, ()).exp()
    p[[0, 1, 3]] = 0
    p /= p.sum()
    counts = torch.zeros(12)
    for seed in range(600):
        [decoded] = sample(module, source, RULES, longest=[1], seed=seed)
        token = decoded.best.ids[0] if decoded.best.ids else 2
        counts[token] += 1
    assert (counts / 600 - p).abs().max() < 0.06


def test_a_seed_draws_the_same_in_any_batch() -> None:
    module = made(2)
    how: dict[str, Any] = {"temperature": 1.3, "top_k": 6, "top_p": 0.95, "seed": 7}
    together = sample(module, SOURCE, RULES, longest=LONGEST, **how)
    for row, decoded in enumerate(together):
        alone = SOURCE[row : row + 1, : int((SOURCE[row] != 0).sum())]
        [single] = sample(module, alone, RULES, longest=LONGEST[row : row + 1], **how)
        assert single.best.ids == decoded.best.ids
    others = sample(module, SOURCE, RULES, longest=LONGEST, **(how | {"seed": 8}))
    assert [d.best.ids for d in others] != [d.best.ids for d in together]


def test_sampling_says_what_was_cut_and_what_was_not_drawn() -> None:
    forced = [(4,), (), (), ()]
    fates: set[str] = set()
    for decoded in sample(made(2), SOURCE, RULES, longest=LONGEST, top_k=5, top_p=0.8, forced=forced):
        for step in decoded.steps:
            assert sum(c.why in ("drawn", "forced") for c in step.candidates) == 1
            fates |= {c.why for c in step.candidates}
        assert sum(c.log_probability for s in decoded.steps for c in s.candidates if c.kept) == pytest.approx(
            decoded.best.total, abs=1e-5, rel=1e-5
        )
    assert fates == {"drawn", "forced", "not forced", "not drawn", "forbidden", "top-k", "top-p"}


# What must not happen


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"width": 0}, "beam cannot be 0; it goes from 1 to 64"),
        ({"width": 65}, "beam cannot be 65"),
        ({"alpha": -0.1}, "length_penalty cannot be -0.1"),
        ({"longest": [0, 1, 1, 1]}, "longest cannot be 0"),
    ],
)
def test_a_search_that_cannot_be_is_refused(how: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        search(made(0), **how)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"temperature": 0.0}, "temperature cannot be 0"),
        ({"top_k": -1}, "top_k cannot be -1"),
        ({"top_p": 0.0}, "top_p cannot be 0"),
        ({"top_p": 1.1}, "top_p cannot be 1.1"),
    ],
)
def test_a_distribution_that_cannot_be_is_refused(how: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        sample(made(0), SOURCE, RULES, longest=LONGEST, **how)


def test_steps_are_kept_only_when_asked_for_and_cannot_be_written() -> None:
    decoded = search(made(0))[0]
    assert beam_search(made(0), SOURCE, replace(RULES, keep=False), longest=LONGEST)[0].steps == ()
    with pytest.raises(ValueError, match="read-only"):
        decoded.steps[0].log_probabilities[0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        decoded.steps[0].next = ()  # type: ignore[misc]


def test_threads_write_what_they_would_write_alone() -> None:
    module = made(2)
    alone = [d.best.ids for d in search(module)]
    with ThreadPoolExecutor(8) as pool:
        for together in pool.map(lambda _: [d.best.ids for d in search(module)], range(24)):
            assert together == alone
