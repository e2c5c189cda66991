"""How a saved figure is to look: width, letters, colours, what is written on it. Kept for the visit and in the link."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import streamlit as st

from attnlab.figures.style import COLOUR_MAPS, FAMILY, PRESETS, WEIGHTS, Look
from attnlab.ui import choices, link
from attnlab.ui.language import t
from attnlab.words import InputError

WIDTHS = {"mm": (30.0, 1000.0), "in": (1.2, 40.0)}
FONT, FONTS = 9.0, (4.0, 40.0)
DPI = (30, 1200)
TURNS = ("auto", "0", "30", "45", "60", "90")
MM = 25.4  # in an inch
FIELD = 150  # pixels of one option
# what the visit remembers of the options
UNIT_WAS, READ, ASKED, PRESET = "figure unit was", "figure options read", "figure options asked", "figure preset"


def chosen_look() -> Look:
    """The options as they stand in the link and in the visit. Whatever those say, the answer can be drawn."""
    if choices.last(READ) != choices.last(link.RUN):  # once a run: what is on the page already takes no new value
        settle()
    chosen = {name: choices.last(f"figure_{name}") for name in OPTIONS}
    return Look(
        width=chosen["width"],
        unit=chosen["unit"],
        font=chosen["font"],
        colours=None if chosen["colours"] == WEIGHTS else chosen["colours"],
        title=chosen["title"],
        caption=chosen["caption"],
        numbers={"auto": None, "on": True, "off": False}[chosen["numbers"]],
        rotate_keys=None if chosen["turn"] == "auto" else float(chosen["turn"]),
        dpi=chosen["dpi"],
        family=chosen["family"],
        text=chosen["text"],
    )


def settle() -> None:
    """Every option from the address where that leads, else as it was, else its default; and the address says what is not the default."""
    for name, (default, mended) in OPTIONS.items():
        asked = choices.follow(f"figure_{name}", default, mended)
        choices.keep(f"figure_{name}", default if asked is None else mended(asked))
    convert()
    for name, (default, _) in OPTIONS.items():
        value = choices.last(f"figure_{name}")
        link.put(f"figure_{name}", None if value == default else written(value))
    choices.keep(READ, choices.last(link.RUN))


def convert() -> None:
    """The same width in another unit, where the unit was changed since; and never one that the unit does not offer."""
    unit, width = choices.last("figure_unit"), choices.last("figure_width")
    other = choices.differs(UNIT_WAS, unit)
    if width is not None and other and not link.leads():
        width = round(width * MM, 1) if unit == "mm" else round(width / MM, 2)
    choices.keep("figure_width", within(width, *WIDTHS[unit], None))


def ask_look(bar: str) -> None:
    """Everything that a paper or a slide asks of a picture. bar: whose options these are; two bars of a run never ask at once."""
    now = choices.last(link.RUN), bar
    run, other = choices.last(ASKED, now)
    if run == now[0] and other != bar:
        return
    choices.keep(ASKED, now)
    auto, writes = t("ui.figure_auto"), {name: t(f"ui.figure_{name}") for name in ("auto", "on", "off")}
    turns = {name: auto if name == "auto" else f"{name}°" for name in TURNS}
    unit, families = choices.last("figure_unit"), {name: t(f"ui.figure_{name}") for name in FAMILY}
    st.markdown(t("ui.figure_options"))
    presets = {"": t("ui.figure_preset_none")} | {name: t(f"ui.figure_preset_{name}") for name in PRESETS}
    st.selectbox(t("ui.figure_preset"), list(presets), format_func=presets.__getitem__, key=PRESET, on_change=take_preset, width=2 * FIELD)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        number("width", *WIDTHS[unit], 5.0 if unit == "mm" else 0.25, value=None, placeholder=auto)
        choice("unit", {"mm": "mm", "in": "in"})
        number("font", *FONTS, 0.5)
        choice("family", families)
        choice("colours", {name: name for name in COLOUR_MAPS})
        choice("numbers", writes)
        choice("turn", turns)
        number("dpi", *DPI, 1)
    with st.container(horizontal=True, gap="medium"):
        for name in ("title", "caption", "text"):
            how: dict[str, Any] = {"help": t("ui.figure_text_help")} if name == "text" else {}
            st.toggle(t(f"ui.figure_{name}"), key=f"figure_{name}", persist_state="session", **how)


def take_preset() -> None:
    """The width and the letters that a journal asks for, where one was chosen."""
    preset = PRESETS.get(choices.last(PRESET, ""))
    for name, value in () if preset is None else ({"unit": "mm", "family": "sans"} | preset).items():
        choices.keep(f"figure_{name}", value)
    choices.keep(UNIT_WAS, choices.last("figure_unit"))


def choice(name: str, options: Mapping[str, str]) -> None:
    """A list of what one option can be: values with their words."""
    how: dict[str, Any] = {"help": t(f"ui.figure_{name}_help")} if name in HELPED else {}
    how |= {"format_func": options.__getitem__, "key": f"figure_{name}", "persist_state": "session", "width": FIELD}
    st.selectbox(t(f"ui.figure_{name}"), list(options), **how)


def number(name: str, low: float, high: float, step: float, **how: Any) -> None:
    """A field for a number."""
    how |= {"help": t(f"ui.figure_{name}_help"), "format": "%g" if isinstance(step, float) else "%d"}
    st.number_input(t(f"ui.figure_{name}"), low, high, step=step, key=f"figure_{name}", persist_state="session", width=FIELD, **how)


def restore_look(options: Mapping[str, object]) -> None:
    """Choose what a figure's record says of its look; the default where it says nothing or what cannot be."""
    names = ("width", "unit", "font", "colours", "title", "caption", "numbers", "rotate_keys", "dpi", "family", "text")
    try:
        look = Look(**{name: options[name] for name in names if name in options})  # type: ignore[arg-type]
    except (InputError, TypeError, ValueError):
        look = Look()
    link.choose(
        figure_width=look.width,
        figure_unit=look.unit,
        figure_font=float(look.font),
        figure_colours=look.colours or WEIGHTS,
        figure_title=bool(look.title),
        figure_caption=bool(look.caption),
        figure_numbers="auto" if look.numbers is None else "on" if look.numbers else "off",
        figure_turn="auto" if look.rotate_keys is None else f"{look.rotate_keys:g}",
        figure_dpi=int(look.dpi),
        figure_family=look.family,
        figure_text=bool(look.text),
        **{UNIT_WAS: look.unit},
    )


# What an option is when nobody says anything, and what becomes of anything that a link may say.


def within(asked: object, low: float, high: float, default: float | None) -> float | None:
    """The number, or the nearest one that is possible; the default for what is none."""
    try:
        number = float(asked)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return default
    return min(max(number, low), high) if isfinite(number) else default


def one_of(known: tuple[str, ...]) -> Callable[[object], str]:
    """The option itself, or the first where there is no such one."""
    return lambda asked: str(asked) if asked in known else known[0]


def truth(asked: object) -> bool:
    """Everything but "false" is true: what is written on a figure is written unless somebody switches it off."""
    return str(asked).lower() != "false"


def written(value: object) -> str:
    """An option as the address says it."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


OPTIONS: Mapping[str, tuple[Any, Callable[[object], Any]]] = {
    "unit": ("mm", one_of(tuple(WIDTHS))),
    "width": (None, lambda asked: within(asked, -1e9, 1e9, None)),
    "font": (FONT, lambda asked: within(asked, *FONTS, FONT)),
    "colours": (WEIGHTS, one_of(COLOUR_MAPS)),
    "numbers": ("auto", one_of(("auto", "on", "off"))),
    "turn": ("auto", one_of(TURNS)),
    "title": (True, truth),
    "caption": (True, truth),
    "family": ("sans", one_of(FAMILY)),
    "text": (False, lambda asked: str(asked).lower() == "true"),
    "dpi": (300, lambda asked: int(within(asked, *DPI, 300) or 300)),
}
HELPED = ("colours", "numbers")
