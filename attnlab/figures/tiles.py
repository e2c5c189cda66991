"""Every head of every layer as one picture of tiles: one image, not one pair of axes a head."""

from collections.abc import Sequence

import numpy as np

from attnlab.core.trace import Array
from attnlab.figures.maps import panelled, pooled
from attnlab.figures.picture import MARGIN, Frame, Numbers, Picture
from attnlab.figures.style import MUTED, Look, Words, drawing

TILE = 64  # longer maps are pooled by their maximum


def mosaic(
    layers: Sequence[Array],
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    title: str = "",
    caption: str = "",
    look: Look | None = None,
    words: Words | None = None,
) -> Picture:
    """All weights of a stack: one array [h q k] per layer. Layers down, heads across, colour 0 to 1."""
    look, words = look or Look(), words or Words()
    panels = tuple(
        panelled(weights, queries, keys, look, words.weight, name=f"L{layer}H{head}", limit=(0.0, 1.0))
        for layer, every in enumerate(layers)
        for head, weights in enumerate(every)
    )
    n_layers, n_heads = len(layers), max(len(every) for every in layers)
    with drawing():
        from matplotlib import colormaps

        tiles = [[pooled(weights, max(1, -(-max(weights.shape) // TILE))) for weights in every] for every in layers]
        tall, wide = tiles[0][0].shape
        sheet = np.full((n_layers * (tall + 1) - 1, n_heads * (wide + 1) - 1), np.nan, np.float32)
        for layer, every in enumerate(tiles):
            for head, tile in enumerate(every):
                sheet[layer * (tall + 1) :, head * (wide + 1) :][:tall, :wide] = tile
        side, font = 3.0 * look.font, look.font
        width = 72 * look.inches if look.inches else max(320.0, n_heads * 42.0) + side + 2 * MARGIN
        frame = Frame.around(width, title, caption, look)
        plot = width - side - 2 * MARGIN
        deep = plot * sheet.shape[0] / sheet.shape[1]
        height = frame.above + 1.6 * font + deep + frame.below
        numbers = Numbers("mosaic", panels, grid=n_heads, title=title, caption=caption, words=words)
        picture = Picture(width, height, numbers=numbers, look=look)
        axes = picture.place(MARGIN + side, frame.above + 1.6 * font, plot, deep)
        axes.imshow(
            colormaps[panels[0].colours].with_extremes(bad="white")(np.ma.masked_invalid(sheet)), aspect="auto", interpolation="nearest"
        )
        centres = [(i * (size + 1) + size / 2 - 0.5) for size, n in ((wide, n_heads), (tall, n_layers)) for i in range(n)]
        axes.set_xticks(centres[:n_heads], [f"H{head}" for head in range(n_heads)], fontsize=font)
        axes.set_yticks(centres[n_heads:], [f"L{layer}" for layer in range(n_layers)], fontsize=font)
        axes.tick_params(length=0, labeltop=True, labelbottom=False, colors=MUTED)
        for spine in axes.spines.values():
            spine.set_visible(False)
        frame.draw(picture)
    return picture
