"""Every head of every layer as one picture of tiles: one image, not one pair of axes a head."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from attnlab.core.trace import Array
from attnlab.figures.bar import bar_width, draw_bar
from attnlab.figures.heatmaps import fit, panelled
from attnlab.figures.picture import MARGIN, Frame, Numbers, Panel, Picture, text_size
from attnlab.figures.pool import pooled
from attnlab.figures.style import MUTED, Look, Words, drawing

TILE = 64  # longer maps are pooled by their maximum


def mosaic(
    layers: Sequence[Array],
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    title: str = "",
    caption: str = "",
    own: bool = False,
    look: Look | None = None,
    words: Words | None = None,
) -> Picture:
    """All weights of a stack: one array [h q k] per layer. Layers down, heads across, colour 0 to 1.

    own: colours go from 0 to each head's own largest weight instead.
    """
    look, words = look or Look(), words or Words()
    given = None if look.inches is None else 72 * look.inches
    look = look if given is None else replace(look, font=min(look.font, max(4.0, given / 24)))  # the tiles keep most of a narrow picture
    panels = tuple(
        panelled(weights, queries, keys, look, words.weight, name=f"L{layer}H{head}", limit=(0.0, _most(weights) if own else 1.0))
        for layer, every in enumerate(layers)
        for head, weights in enumerate(every)
    )
    n_layers, n_heads = len(layers), max(len(every) for every in layers)
    with drawing(look):
        from matplotlib import colormaps

        sheet, (tall, wide) = _sheet(layers, panels)
        font, legend = look.font, replace(panels[0], low=0.0, high=1.0, legend=words.own if own else words.weight)
        side = text_size(f"L{n_layers - 1}", font)[0] + 0.8 * font
        bar = bar_width(legend, look) if look.bar else 0.0
        plot = max(320.0, n_heads * 42.0) if given is None else given - side - bar - 2 * MARGIN
        width = plot + side + bar + 2 * MARGIN
        frame = Frame.around(width, title, caption, look)
        deep = plot * sheet.shape[0] / sheet.shape[1]
        tower = max(deep, text_size(legend.legend, font * 0.9)[0]) if look.bar else deep
        top = frame.above + 1.6 * font
        numbers = Numbers("mosaic", panels, grid=n_heads, title=title, caption=caption, words=words)
        picture = Picture(width, top + tower + frame.below, numbers=numbers, look=look)
        axes = picture.place(MARGIN + side, top, plot, deep)
        axes.imshow(
            colormaps[panels[0].colours].with_extremes(bad="white")(np.ma.masked_invalid(sheet)), aspect="auto", interpolation="nearest"
        )
        for axis, letter, size, n, room in ((axes.xaxis, "H", wide, n_heads, plot), (axes.yaxis, "L", tall, n_layers, deep)):
            small, step = fit(room / n / (1.6 if letter == "H" else 1.0), font)
            axis.set_ticks([i * (size + 1) + size / 2 - 0.5 for i in range(0, n, step)], [f"{letter}{i}" for i in range(0, n, step)])
            axis.set_tick_params(labelsize=small)
        axes.tick_params(length=0, labeltop=True, labelbottom=False, colors=MUTED, pad=2)
        for spine in axes.spines.values():
            spine.set_visible(False)
        if look.bar:
            draw_bar(picture.place(MARGIN + side + plot + font * 0.9, top, font * 0.9, tower), legend, look)
        frame.draw(picture)
    return picture


def _most(weights: Array) -> float:
    """A head's largest weight, 1 where it has none above 0."""
    return float(np.nanmax(weights, initial=0.0)) or 1.0


def _sheet(layers: Sequence[Array], panels: Sequence[Panel]) -> tuple[Array, tuple[int, int]]:
    """All tiles on one sheet with a thin line between them, each on its own panel's scale, and the size of one."""
    ends = iter(panel.high for panel in panels)
    tiles = [[pooled(weights, max(1, -(-max(weights.shape) // TILE))) / next(ends) for weights in every] for every in layers]
    tall, wide = tiles[0][0].shape
    sheet = np.full((len(layers) * (tall + 1) - 1, max(map(len, layers)) * (wide + 1) - 1), np.nan, np.float32)
    for layer, every in enumerate(tiles):
        for head, tile in enumerate(every):
            sheet[layer * (tall + 1) :, head * (wide + 1) :][:tall, :wide] = tile
    return sheet, (tall, wide)
