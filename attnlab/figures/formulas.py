"""A formula as a drawing of its own: it takes the colour of the text around it and needs no script, no font and no network."""

from functools import lru_cache
from html import escape

from attnlab.figures.style import drawing

SIZE = 16.0  # pixels of a letter, as the text around it
FINE = 20  # steps a pixel


@lru_cache(maxsize=512)
def formula(tex: str) -> str:
    """TeX between dollars, without them, as an SVG element that sits on the line. Raises ValueError for what is no formula."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import MathTextParser
    from matplotlib.textpath import TextToPath

    with drawing():
        font = FontProperties(family="DejaVu Serif", size=SIZE, math_fontfamily="stix")
        text = f"${tex}$"
        box = MathTextParser("path").parse(text, dpi=72, prop=font)
        points, codes = TextToPath().get_text_path(FontProperties(size=100, math_fontfamily="stix"), text, ismath=True)
    width, height, depth = float(box.width), float(box.height), float(box.depth)
    top = height  # matplotlib counts the depth in
    path = _path(points, codes, SIZE / 100, top - depth)
    size = f"width:{width / SIZE:.2f}em;height:{height / SIZE:.2f}em;vertical-align:{-depth / SIZE:.2f}em"
    frame = f'viewBox="0 0 {width * FINE:.0f} {height * FINE:.0f}" style="{size}"'
    name = f'role="img" aria-label="{escape(tex, quote=True)}"'
    return f'<svg class="formula" {name} {frame}><path fill="currentColor" d="{path}"/></svg>'


def _path(points: object, codes: object, scale: float, base: float) -> str:
    """Outlines as SVG writes them, in whole steps. base: where the line stands, in pixels from the top."""
    parts, left = [], 0
    letters = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
    needed = {3: 2, 4: 3}
    for (x, y), code in zip(points, codes, strict=True):  # type: ignore[call-overload]
        if code == 79:
            parts.append("Z")
            continue
        at = f"{x * scale * FINE:.0f} {(base - y * scale) * FINE:.0f}"
        parts.append(at if left else letters[int(code)] + at)
        left = (left or needed.get(int(code), 1)) - 1
    return " ".join(parts)
