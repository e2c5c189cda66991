"""How likely the words of whole sentences are, each hidden in turn: a pass a word, so that a long sentence is worked out when asked for."""

from collections.abc import Sequence
from functools import partial

from attnlab.core.trace import Tokens
from attnlab.models.filling import PseudoLikelihood, likelihood_of
from attnlab.ui.fill.holes import Fills
from attnlab.ui.language import t
from attnlab.ui.turns import Breathe, Kept, asked_for, made_on_request

LONG = 48  # tokens: the passes of more than these take seconds
LIKELIHOODS = Kept[tuple[PseudoLikelihood, ...]](64)


def likelihoods(model: Fills, sentences: Sequence[Tokens]) -> tuple[PseudoLikelihood, ...] | None:
    """The likelihood of every word of each; None until this visit has asked for long ones."""
    what = (model.spec.name, model.spec.revision, *(tokens.ids for tokens in sentences))
    long, made = max(len(tokens) for tokens in sentences) > LONG, LIKELIHOODS.get(what) is not None
    if long and not made:
        warning = t("fill.likely_long", n=sum(len(tokens) for tokens in sentences))
        if not asked_for("likely", what[:3], warning, t("fill.likely_now")):  # once for a sentence, whatever it is compared with
            return None
    return made_on_request("likely", LIKELIHOODS, what, partial(work_out, model, sentences))


def work_out(model: Fills, sentences: Sequence[Tokens], breathe: Breathe) -> tuple[PseudoLikelihood, ...]:
    """One sentence after the other."""
    found: list[PseudoLikelihood] = []
    for tokens in sentences:
        found.append(likelihood_of(model, tokens, rest_of_word=True, between=lambda share: breathe((len(found) + share) / len(sentences))))
    return tuple(found)
