"""The still picture that stands for a widget where nothing is live."""

from base64 import b64encode
from typing import Any

from attnlab.figures import save
from attnlab.figures.export import few_colours
from attnlab.figures.picture import Picture

DOTS = 72  # an inch: as sharp as a screen, and small in a notebook


def still(picture: Picture, text: str) -> dict[str, Any]:
    """A picture for any notebook that shows images, and the text for the others."""
    return {"image/png": b64encode(few_colours(save(picture, "png", dpi=DOTS))).decode(), "text/plain": text}
