"""The walk on the page: the components that draw a step, its table of terms, and the button that copies."""

from typing import Any

from attnlab.figures import walks
from attnlab.figures.walks import Seen
from attnlab.ui.canvas import component, show_component
from attnlab.ui.language import t

_copy = component("steps/copy", "steps/steps")
_player = component("steps/player", "steps/steps")
_table = component("steps/table", "steps/steps")


def player(seen: Seen, *, key: str, scratch: bool, seq: int, changed: Any) -> None:
    """The sentence, the rail of stages, the picture and the controls. `changed` is called when the visitor moves."""
    show_component(_player, walks.player(seen, scratch=scratch, seq=seq), key=key, on_go_change=changed, height="content")


def table(seen: Seen, name: str, *, key: str, changed: Any) -> None:
    """The terms of the pinned number, to be sorted and followed."""
    show_component(_table, walks.table(seen, name), key=key, on_follow_change=changed, height="content")


def copy_button(text: str) -> None:
    """Puts a text on the visitor's clipboard."""
    meta = {"text": text, "words": {"copy": t("steps.script"), "copied": t("steps.copied")}}
    show_component(_copy, {"meta": meta}, key="copy", height="content")
