"""One widget: the data of its components goes to the browser, choices come back as traitlets that Python may read, watch and set."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

import numpy as np

from attnlab.core.trace import Attention, Trace
from attnlab.figures import canvases
from attnlab.figures.components import script
from attnlab.figures.picture import Picture
from attnlab.models.load import load
from attnlab.models.spec import Model
from attnlab.widgets.picture import still
from attnlab.words import say

try:
    import anywidget
    import traitlets
except ImportError as error:  # pragma: no cover - tested in a process of its own
    raise ImportError(say("widgets.missing")) from error

APP = "http://localhost:8501"
IN_MEMORY = "memory"  # the revision of a trace whose model no name leads to


def bytes_of(data: canvases.Data) -> dict[str, Any]:
    """Data of a component with each array as its bytes and what they are."""
    return {
        name: {"kind": str(each.dtype), "bytes": np.ascontiguousarray(each).tobytes()} if isinstance(each, np.ndarray) else each
        for name, each in data.items()
    }


def words_in(language: str) -> dict[str, str]:
    """What the components of a widget write."""
    return {name: say(f"ui.{name}", language) for name in canvases.WORDS} | {"nobody": say("widgets.nobody", language)}


def model_of(trace: Trace, model: Model | None) -> Model:
    """The model whose trace it is. Raises ValueError where no name leads to it and none is given."""
    if model is not None:
        return model
    if trace.revision == IN_MEMORY:
        raise ValueError("the model of this trace is in memory, no name leads to it: give it as model=")
    return load(trace.model)


class Widget(anywidget.AnyWidget):
    """Some components under each other. `views` says what they draw, `now` what of it a choice has changed, `choose` hears a choice."""

    components: ClassVar[tuple[str, ...]]
    css: ClassVar[tuple[str, ...]] = ()
    _views: Any = traitlets.List().tag(sync=True)
    _now: Any = traitlets.List().tag(sync=True)
    _question = traitlets.Int(0).tag(sync=True)  # the browser's last question: marimo runs again what depends on a widget when it changes
    _answered = traitlets.Int(0).tag(sync=True)

    def __init_subclass__(cls, **options: Any) -> None:
        if "components" in vars(cls):
            cls._esm = script("notebook", *cls.components, css=cls.css)
        super().__init_subclass__(**options)

    def __init__(self, language: str = "en", **given: Any) -> None:
        super().__init__(**given)
        self.language = language
        self.words = words_in(language)
        self.on_msg(self._hear)

    def views(self) -> Sequence[canvases.Data | None]:
        """What each component draws; None hides it."""
        raise NotImplementedError

    def now(self) -> Sequence[Mapping[str, Any]]:
        """What of each component's meta follows a choice, so that its numbers need not be sent again."""
        return [{} for _ in self.components]

    def choose(self, name: str, value: Any) -> None:
        """A choice of the person in front of the picture."""

    def figure(self) -> Picture:
        """The picture of what is on screen, for a file."""
        raise NotImplementedError

    def where(self) -> tuple[Attention, dict[str, Any]]:
        """What is on screen: whose it is, and what the app's address says of it."""
        raise NotImplementedError

    def link(self, base: str = APP) -> str:
        """The app's address of what is on screen. Raises ValueError for a text or a model that the app cannot know."""
        attention, choices = self.where()
        if attention.origin is None or attention.origin.revision == IN_MEMORY:
            raise ValueError(say("widgets.unknown_app", self.language))
        page = choices.pop("page", "heads")
        facts = {"model": attention.origin.model, "text": attention.origin.text, "pair": attention.origin.pair}
        facts |= {"target": attention.origin.target, "stack": attention.stack, "layer": attention.layer} | choices
        return f"{base}/{page}?{urlencode({name: value for name, value in facts.items() if value is not None})}"

    def draw(self, *_: Any) -> None:
        """Send the numbers of what is looked at now."""
        with self.hold_sync():
            self._views = [None if each is None else bytes_of(each) for each in self.views()]
            self.mark()

    def mark(self, *_: Any) -> None:
        """Send what a choice has changed, without the numbers."""
        self._now = [dict(each) for each in self.now()]

    def _hear(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        if isinstance(content, Mapping) and "number" in content:
            self.choose(str(content.get("name")), content.get("value"))
            self._answered = int(content["number"])

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and the still picture of it for where nothing is live: GitHub, nbviewer, nbconvert."""
        given = super()._repr_mimebundle_(**options)
        bundle, more = given if isinstance(given, tuple) else (given or {}, {})
        return bundle | still(self.figure(), repr(self)), more
