"""Self-repair: when a head is knocked out, which later ones write something else, so that less (or more) is lost than the head put in.

Sources: McGrath et al. (2023), the Hydra effect; Rushing & Nanda (2024), explorations of self-repair.
"""

import math
from dataclasses import dataclass

from attnlab.core.edits import Edit
from attnlab.core.ledger import Part
from attnlab.core.trace import Trace
from attnlab.models.ledgers import Reading, book, reread
from attnlab.models.spec import Model


@dataclass(frozen=True)
class Repair:
    """One head knocked out. lost: how much less the output is then. later: each head that comes after it, its value the direct effect in
    the run without the head minus that in the run as it is. lost = head.value − every later head − feed_forward − rest.

    rest: what earlier parts and biases count otherwise, because the spread of norms is another one.
    """

    head: Part
    lost: float
    later: tuple[Part, ...]
    feed_forward: float
    rest: float

    @property
    def repaired(self) -> float:
        """What all later heads made up for."""
        return math.fsum(part.value for part in self.later)


def repair(model: Model, trace: Trace, found: Reading, head: Part) -> Repair:
    """What stands in for a head, a whole part of the ledger of `found`, once its z is zero."""
    edit = Edit("z", stack=head.stack, layer=head.layer, head=head.head, to="zero")
    told = {"target": trace.target_text, "positions": trace.positions}
    without = model.trace(trace.text, trace.pair, edits=[*trace.edits, edit], **told)  # type: ignore[arg-type]
    clean, cut = book(model, trace, found), book(model, without, reread(model, without, found))
    moved = [replaced(now, was) for was, now in zip(clean.whole(), cut.whole(), strict=True)]
    places = [(part.kind, part.stack, part.layer) for part in moved]
    last = len(places) - places[::-1].index((head.kind, head.stack, head.layer))  # where the heads beside it end
    later = tuple(part for part in moved[last:] if part.kind == "head")
    nets = math.fsum(part.value for part in moved[last:] if part.kind == "feed_forward")
    lost = clean.output - cut.output
    return Repair(head, lost, later, nets, head.value - lost - math.fsum(part.value for part in later) - nets)


def replaced(now: Part, was: Part) -> Part:
    """How a part changed from one run to another. Raises ValueError for two different parts."""
    if (now.name, now.stack) != (was.name, was.stack):
        raise ValueError(f"{now.name} of {now.stack} is not {was.name} of {was.stack}")
    return Part(now.kind, now.stack, now.layer, now.head, None, now.value - was.value)
