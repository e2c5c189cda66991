"""How pictures stand on this visitor's screen: with more contrast, with larger letters, with a row as sound; and which keys there are."""

from typing import Any

import streamlit as st

from attnlab.figures import ramp
from attnlab.ui import choices
from attnlab.ui.ask import ask_switch
from attnlab.ui.language import t

LARGER = 1.33  # times as large as usual
THEMES: tuple[ramp.Theme, ...] = ("light", "dark")


def ask_screen() -> None:
    """The choices, and the list of keys, in one place that every page has."""
    with st.container(width="content", key="screen").popover(t("screen.short"), help=t("screen.name")):
        for name in ("contrast", "large", "listen"):
            ask_switch(name, t(f"screen.{name}"), help=t(f"screen.{name}_help"))
        st.markdown(f"**{t('screen.keys_title')}**\n{t('screen.keys')}")


def dress(meta: dict[str, Any]) -> dict[str, Any]:
    """What a component draws, as this visitor wants to see it. meta: from figures/canvases.py or figures/walks.py."""
    own: dict[str, Any] = {"scale": LARGER if choices.last("large") else 1, "listen": bool(choices.last("listen"))}
    if choices.last("contrast"):
        if "kind" in meta:
            own |= {theme: ramp.ramp(meta["kind"], theme, strong=True) for theme in THEMES}
        if "ramps" in meta:
            own["ramps"] = {kind: [ramp.ramp(kind, theme, strong=True) for theme in THEMES] for kind in meta["ramps"]}
    return meta | own
