"""Writing with a decoder by drawing: temperature, top-k, top-p. Each step is kept as in `decoding`."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from attnlab.core.trace import frozen
from attnlab.models.inhouse.decoding import (
    SHOWN,
    Candidate,
    Decoded,
    Hypothesis,
    Ids,
    Reader,
    Rules,
    Search,
    Step,
    Why,
    check_range,
    searches,
)
from attnlab.models.inhouse.transformer import Transformer


def keep_best(p: Tensor, k: int) -> Tensor:
    """Only the k likeliest, grown to a sum of 1. [.. v] -> [.. v]. Source: Fan et al. (2018), top-k."""
    best = p.topk(min(k, p.shape[-1])).indices
    p = torch.zeros_like(p).scatter(-1, best, p.gather(-1, best))
    return p / p.sum(-1, keepdim=True)


def keep_mass(p: Tensor, mass: float) -> Tensor:
    """Only the fewest that together reach the mass, grown to a sum of 1. [.. v] -> [.. v]. Source: Holtzman et al. (2020), top-p."""
    ordered, order = p.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(-1) - ordered  # what is already in when a token's turn comes
    p = torch.zeros_like(p).scatter(-1, order, ordered.where(before < mass, 0))
    return p / p.sum(-1, keepdim=True)


def keep_share(p: Tensor, share: float) -> Tensor:
    """Only those at least `share` times as likely as the likeliest, grown to a sum of 1. [.. v] -> [.. v].

    Source: Nguyen et al. (2024), min-p.
    """
    p = p.where(p >= share * p.max(-1, keepdim=True).values, 0)
    return p / p.sum(-1, keepdim=True)


def narrowed(log_probabilities: Tensor, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """The distribution that is drawn from. [.. v] -> [.. v], rows sum to 1.

    Sharpened by temperature; then only the top_k likeliest (0: all); then of these the fewest whose sum reaches top_p.
    Raises InputError for a temperature that is not positive, a negative top_k, a top_p outside (0, 1].
    """
    check_range("temperature", temperature, 0.01, 100)
    check_range("top_k", top_k, 0, log_probabilities.shape[-1])
    check_range("top_p", top_p, 0.001, 1)
    p = (log_probabilities / temperature).softmax(-1)  # [.. v]
    p = keep_best(p, top_k) if top_k else p
    return keep_mass(p, top_p) if top_p < 1 else p


@torch.inference_mode()
def sample(
    module: Transformer,
    source: Tensor | None,
    rules: Rules,
    *,
    longest: Sequence[int],
    forced: Sequence[Ids] | None = None,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int = 0,
) -> list[Decoded]:
    """One random way on for every sentence, drawn as `narrowed` says. A sentence's draws depend on the seed, not on its batch.

    Log-probabilities and totals are the model's own, before temperature, top-k and top-p.
    """
    active, tokens = searches(longest, forced), [rules.bos] * len(longest)
    everyone, reader = list(active), Reader(module, source)
    draws = {id(search): torch.Generator().manual_seed(seed) for search in everyone}
    while active:
        log_p = reader.read(tokens)  # [a v]
        open_to = log_p.clone()
        open_to[:, list(rules.forbidden)] = -math.inf
        cut = narrowed(open_to, temperature=temperature, top_k=min(top_k, log_p.shape[1]))  # [a v]
        drawn_from = narrowed(open_to, temperature=temperature, top_k=min(top_k, log_p.shape[1]), top_p=top_p)  # [a v]
        for slot, search in enumerate(active):
            token = search.must
            if token is None:
                token = int(torch.multinomial(drawn_from[slot], 1, generator=draws[id(search)]))
            write(search, token, log_p[slot], cut[slot], drawn_from[slot], rules)
        rows = [slot for slot, search in enumerate(active) if search.stopped is None]
        active = [active[slot] for slot in rows]
        tokens = [search.alive[0][0][-1] for search in active]
        if active:
            reader.choose(rows)
    return [search.done() for search in everyone]


def write(search: Search, token: int, log_p: Tensor, cut: Tensor, drawn_from: Tensor, rules: Rules) -> None:
    """Add a drawn or forced token to a sentence. log_p, cut (after top-k), drawn_from (after top-p too): [v]"""
    [(ids, said)], [total] = search.alive, search.totals
    if rules.keep:
        places = dict.fromkeys([*log_p.topk(min(SHOWN, len(log_p))).indices.tolist(), token])

        def why(other: int) -> Why:
            if other == token:
                return "drawn" if search.must is None else "forced"
            if search.must is not None:
                return "not forced"
            if other in rules.forbidden:
                return "forbidden"
            return "top-k" if cut[other] == 0 else "top-p" if drawn_from[other] == 0 else "not drawn"

        totals = {place: total + float(log_p[place]) for place in places}
        listed = tuple(Candidate(place, 0, float(log_p[place]), totals[place], totals[place], why(place)) for place in places)
        chosen = next(i for i, candidate in enumerate(listed) if candidate.token == token)
        search.steps.append(Step((ids,), frozen(log_p[None].numpy()), listed, () if token == rules.eos else (chosen,)))
    said = (*said, float(log_p[token]))
    search.totals = [total + said[-1]]
    if token == rules.eos:
        search.finished, search.stopped = [Hypothesis(ids, said, search.totals[0], True)], "ended"
        return
    search.alive = [((*ids, token), said)]
    if len(ids) + 1 >= search.longest:
        search.finished, search.stopped = [Hypothesis((*ids, token), said, search.totals[0], False)], "longest"
