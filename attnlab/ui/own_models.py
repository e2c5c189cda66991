"""Models that visitors trained or uploaded. They are kept here, within limits, and the oldest is let go first."""

import threading
from collections import OrderedDict
from contextlib import suppress

from attnlab.models.inhouse.model import InHouse
from attnlab.models.spec import Model, Spec, trained_name
from attnlab.models.untrained import untrained
from attnlab.training import jobs as trainings
from attnlab.training.jobs import Status
from attnlab.ui import choices
from attnlab.ui.visits import visitor
from attnlab.words import InputError

EACH = 3  # uploaded models of one visitor
PARAMETERS = 100_000_000  # of all that are kept: 400 MB
OWN = "own_models"  # names of the models in this visit's menu

Place = tuple[str, str]  # a visitor, or the training that made it, and a name


class Shelf:
    """Models by place. Safe to call from any thread."""

    def __init__(self, most: int = PARAMETERS) -> None:
        self._lock, self._models, self._most = threading.Lock(), OrderedDict[Place, Model](), most

    def put(self, place: Place, model: Model, *, each: int | None = None) -> None:
        """Keep a model; the oldest go when there are too many: of this owner, or in all. each: how many one owner may have."""
        with self._lock:
            self._models.pop(place, None)
            self._models[place] = model
            mine = [other for other in self._models if other[0] == place[0]]
            for other in mine[: max(0, len(mine) - each)] if each is not None else ():
                del self._models[other]
            while len(self._models) > 1 and sum(each.spec.parameters for each in self._models.values()) > self._most:
                self._models.popitem(last=False)

    def get(self, place: Place) -> Model | None:
        with self._lock:
            if place in self._models:
                self._models.move_to_end(place)
            return self._models.get(place)


SHELF = Shelf()


def keep_model(model: Model) -> None:
    """Put an uploaded model into the menu of this visit, under its own name."""
    SHELF.put((visitor(), model.spec.name), model, each=EACH)
    list_model(model.spec.name)


def list_model(name: str) -> None:
    if name not in own_names():
        own_names().append(name)


def own_names() -> list[str]:
    """The names in this visit's menu, those that were let go among them."""
    return choices.visit(OWN, list[str])


def own_specs() -> list[Spec]:
    """The models that this visit made or uploaded, as far as they are still here."""
    found = []
    for name in list(own_names()):
        with suppress(InputError):
            found += [own[1].spec] if (own := own_model(name)) is not None else []
    return found


def own_model(name: str) -> tuple[Place, Model] | None:
    """A model of this visit, or one that a training made, with its place; None for a name that is neither.

    Raises InputError for one of this visit's that was let go.
    """
    base = trained_name(name)
    found = _trained(base) or _uploaded(base)
    if found is None or base == name:
        return found
    place = (found[0][0], name)
    before = SHELF.get(place)
    if before is None:
        before = untrained(found[1])
        SHELF.put(place, before)
    return place, before


def _uploaded(name: str) -> tuple[Place, Model] | None:
    if name not in own_names():
        return None
    model = SHELF.get((visitor(), name))
    if model is None:
        own_names().remove(name)
        raise InputError("server.let_go", name=name)
    return (visitor(), name), model


def _trained(name: str) -> tuple[Place, Model] | None:
    """The model of a training by its own name, which anybody may have from a link: as it is after the last step that was told."""
    job, queue = name.rpartition("-")[2], trainings.queue()
    if not queue.knows(job):
        return None
    status = queue.status(job)
    if trained_model_name(status) != name or not (status.model / "config.json").is_file():
        return None
    place = (f"{job} {0 if status.last is None else status.last.step} {status.state}", name)
    model = SHELF.get(place)
    if model is None:
        model = InHouse.load(status.model, name)
        SHELF.put(place, model)
    return place, model


def trained_model_name(status: Status) -> str:
    """What the model of a training is called, everywhere and for everybody."""
    return f"my-{status.plan.kind}-{status.plan.init or status.plan.shape.get('positions', 'model')}-{status.id}"
