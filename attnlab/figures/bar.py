"""The legend of the colours, beside a heat map or a mosaic."""

from typing import Any

import numpy as np

from attnlab.figures.picture import Panel, text_size
from attnlab.figures.style import Look


def bar_width(panel: Panel, look: Look) -> float:
    """Points that the bar, its numbers and its name take. Only inside drawing()."""
    return look.font * 1.2 + max(text_size(tick, look.font * 0.85)[0] for tick in ticks(panel)[1]) + look.font * 2.9


def draw_bar(axes: Any, panel: Panel, look: Look) -> None:
    """The legend of the colours, as an image of 256 steps: sharp in every format."""
    ramp = np.linspace(panel.low, panel.high, 256)[:, None]
    axes.imshow(
        ramp, cmap=panel.colours, vmin=panel.low, vmax=panel.high, aspect="auto", origin="lower", extent=(0, 1, panel.low, panel.high)
    )
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.set_yticks(*ticks(panel))
    axes.tick_params(axis="y", labelsize=look.font * 0.85)
    axes.yaxis.set_label_position("right")
    axes.set_ylabel(panel.legend, fontsize=look.font * 0.9)
    for side in axes.spines.values():
        side.set_linewidth(0.4)


def ticks(panel: Panel) -> tuple[list[float], list[str]]:
    """Round numbers along the colour bar, both ends of a fixed scale among them."""
    from matplotlib.ticker import MaxNLocator

    places = [float(t) for t in MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(panel.low, panel.high)]
    span = panel.high - panel.low
    places = [0.0 if abs(p) < 1e-9 * span else p for p in places if panel.low - 1e-6 * span <= p <= panel.high + 1e-6 * span]
    return places, [f"{p:+g}".replace("-", "−") if panel.signed and p else f"{p:g}" for p in places]
