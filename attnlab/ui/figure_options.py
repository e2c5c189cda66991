"""How a saved figure is to look: width, letters, colours, what is written on it. Kept for the visit and in the link."""

from collections.abc import Mapping
from math import isfinite

import streamlit as st

from attnlab.figures.style import COLOUR_MAPS, WEIGHTS, Look
from attnlab.ui import link
from attnlab.ui.ask import ask_choice, ask_number, ask_switch
from attnlab.ui.language import t
from attnlab.words import InputError

WIDTHS = {"mm": (30.0, 1000.0), "in": (1.2, 40.0)}
FONT, FONTS = 9.0, (4.0, 40.0)
DPI = (30, 1200)
TURNS = ("auto", "0", "30", "45", "60", "90")
MM = 25.4  # in an inch


def ask_look() -> Look:
    """Everything that a paper or a slide asks of a picture. Whatever the link or a visitor says, the answer can be drawn."""
    auto, writes = t("ui.figure_auto"), {name: t(f"ui.figure_{name}") for name in ("auto", "on", "off")}
    left, middle, right = st.columns([4, 3, 4], gap="small", vertical_alignment="bottom")
    with middle:
        unit = ask_choice("figure_unit", ("mm", "in"), label=t("ui.figure_unit"))
    with left:
        _convert(unit)
        step = 5.0 if unit == "mm" else 0.25
        width = _ask_size("figure_width", *WIDTHS[unit], None, label=t("ui.figure_width"), step=step, help=t("ui.figure_width_help"))
    with right:
        font = _ask_size("figure_font", *FONTS, FONT, label=t("ui.figure_font"), step=0.5, help=t("ui.figure_font_help"))
    left, right = st.columns(2, gap="small", vertical_alignment="bottom")
    with left:
        colours = ask_choice("figure_colours", COLOUR_MAPS, label=t("ui.figure_colours"), default=WEIGHTS, help=t("ui.figure_colours_help"))
        dpi = ask_number("figure_dpi", *DPI, 300, label=t("ui.figure_dpi"), help=t("ui.figure_dpi_help"))
    with right:
        numbers = ask_choice("figure_numbers", writes, label=t("ui.figure_numbers"), help=t("ui.figure_numbers_help"))
        turns = {name: auto if name == "auto" else f"{name}°" for name in TURNS}
        turn = ask_choice("figure_turn", turns, label=t("ui.figure_turn"))
    with st.container(horizontal=True, gap="medium"):
        title = ask_switch("figure_title", t("ui.figure_title"), True)
        caption = ask_switch("figure_caption", t("ui.figure_caption"), True)
    return Look(
        width=width,
        unit=unit,  # type: ignore[arg-type]
        font=FONT if font is None else font,
        colours=None if colours == WEIGHTS else colours,
        title=title,
        caption=caption,
        numbers={"auto": None, "on": True, "off": False}[numbers],
        rotate_keys=None if turn == "auto" else float(turn),
        dpi=dpi,
    )


def restore_look(options: Mapping[str, object]) -> None:
    """Choose what a figure's record says of its look; the default where it says nothing or what cannot be."""
    names = ("width", "unit", "font", "colours", "title", "caption", "numbers", "rotate_keys", "dpi")
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
        **{"figure unit was": look.unit},
    )


def _convert(unit: str) -> None:
    """The same width in another unit, where the unit was changed since."""
    before, width = st.session_state.get("figure unit was", unit), st.session_state.get("figure_width")
    if before != unit and isinstance(width, int | float) and not link.leads():
        st.session_state["figure_width"] = round(width * MM, 1) if unit == "mm" else round(width / MM, 2)
    st.session_state["figure unit was"] = unit


def _ask_size(key: str, low: float, high: float, default: float | None, *, label: str, step: float, help: str) -> float | None:
    """A number that may have decimals, and may be left to the figure where the default is None."""
    asked = link.given(key) if link.leads() or key not in st.session_state else st.session_state[key]
    st.session_state[key] = _within(asked, low, high, default)
    how = {"step": step, "format": "%g", "key": key, "help": help, "persist_state": "session"}
    how |= {"value": None, "placeholder": t("ui.figure_auto")} if default is None else {}
    number = _within(st.number_input(label, low, high, **how), low, high, default)  # type: ignore[call-overload]
    link.put(key, None if number == default or number is None else f"{number:g}")
    return number


def _within(asked: object, low: float, high: float, default: float | None) -> float | None:
    """The number, or the nearest one that is possible; the default for what is none."""
    try:
        number = float(asked)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return default
    return min(max(number, low), high) if isfinite(number) else default
