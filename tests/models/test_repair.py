"""Self-repair: a head's part, less what later heads, nets and norms do otherwise without it, is what is really lost."""

import pytest

from attnlab import Edit, load
from attnlab.core.ledger import Part
from attnlab.models.ledgers import book, reading
from attnlab.models.repair import repair, replaced


@pytest.mark.parametrize("name", ["bert", "sentiment", "translate-fr"])
def test_what_is_lost_is_the_part_less_what_others_made_up_for(name):
    model = load(name)
    target = "Les chats dorment." if name == "translate-fr" else None
    trace = model.trace("The cats sleep.", target=target)
    asked = {"similar_to": model.trace("A dog ran.")} if name == "bert" else {}
    found = reading(model, trace, **asked)
    stack = "cross" if target else "encoder"
    clean = book(model, trace, found)
    head = next(part for part in clean.whole() if (part.kind, part.stack, part.layer, part.head) == ("head", stack, 1, 2))
    seen = repair(model, trace, found, head)
    cut = model.trace(trace.text, target=target, edits=[Edit("z", stack=stack, layer=1, head=2)])
    assert seen.lost == pytest.approx(clean.output - reading(model, cut, **asked or _same(found, model)).output, abs=1e-5)
    assert seen.head.value - seen.repaired - seen.feed_forward - seen.rest == pytest.approx(seen.lost, abs=1e-9)
    layers = {(part.stack, part.layer) for part in seen.later}
    assert (stack, 1) not in layers
    assert all(layer is not None and layer > 1 for _, layer in layers)


def _same(found, model):
    """The label or word of a reading, to be asked for once more."""
    first = found.columns[0][0]
    return {"label": model.labels[first]} if found.token is None else {"token": found.token, "word": model.show(first)}


def test_two_different_parts_have_no_difference():
    with pytest.raises(ValueError, match="L0H1 of encoder is not L0H2 of encoder"):
        replaced(Part("head", "encoder", 0, 1, None, 1.0), Part("head", "encoder", 0, 2, None, 1.0))
