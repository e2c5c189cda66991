"""A teacher's Markdown as HTML that can do nothing: no tag of its own, no script, no picture from elsewhere, formulas drawn here."""

from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt

from attnlab.figures.formulas import formula
from attnlab.lessons.lesson import Block, Mistake

LONGEST_FORMULA = 400  # characters


def html_of(text: str) -> str:
    """Markdown as HTML. HTML in it is shown as the letters it is; an image becomes its description."""
    return str(reader().render(text))


def plain(text: str) -> str:
    """One line of Markdown without its signs: a title for a window, a label for a button."""
    tokens = reader().parseInline(text)[0].children or []
    return "".join(f"{token.content}" for token in tokens if token.type in ("text", "code_inline", "formula", "image"))


def broken_formulas(block: Block) -> list[Mistake]:
    """The formulas of a text that cannot be drawn, each with its line, and the pictures that would have to be fetched."""
    found = []
    for token in reader().parse(block.text):
        line = block.line + (token.map[0] if token.map else 0)
        for child in token.children or []:
            if child.type == "formula" and drawn(child.content) is None:
                found.append(Mistake(line, "lesson.formula", {"given": child.content[:60]}))
            if child.type == "image":
                found.append(Mistake(line, "lesson.image", {"given": str(child.attrs.get("src", ""))[:80]}))
    return found


def drawn(tex: str) -> str | None:
    """A formula as SVG, None when it is none."""
    try:
        return formula(tex) if len(tex) <= LONGEST_FORMULA else None
    except Exception:  # the parser's own errors are many; whatever it cannot read is shown as it was written
        return None


@cache
def reader() -> MarkdownIt:
    """The parser: CommonMark with tables, HTML off, dollars for formulas."""
    made = MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False}).enable("table")
    made.inline.ruler.before("escape", "formula", find_formula)
    made.add_render_rule("formula", draw_formula)
    made.add_render_rule("image", name_image)
    made.add_render_rule("link_open", open_link)
    return made


def find_formula(state: Any, silent: bool) -> bool:
    """$...$ or $$...$$. A lone dollar, or one before a space, is a dollar."""
    text, start = state.src, state.pos
    if text[start] != "$":
        return False
    fence = "$$" if text.startswith("$$", start) else "$"
    end = text.find(fence, start + len(fence))
    inside = text[start + len(fence) : end] if end > 0 else ""
    if not inside.strip() or (fence == "$" and (inside[0].isspace() or inside[-1].isspace())):
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content, token.markup = " ".join(inside.split()), fence
    state.pos = end + len(fence)
    return True


def draw_formula(self: Any, tokens: Sequence[Any], at: int, options: Any, env: Any) -> str:
    found = drawn(tokens[at].content)
    shown = f"<code>{escape(tokens[at].content)}</code>" if found is None else found
    return f'<span class="display">{shown}</span>' if tokens[at].markup == "$$" else shown


def name_image(self: Any, tokens: Sequence[Any], at: int, options: Any, env: Any) -> str:

    return f"<em>{escape(tokens[at].content)}</em>"


def open_link(self: Any, tokens: Sequence[Any], at: int, options: Any, env: Any) -> str:
    tokens[at].attrs |= {"target": "_blank", "rel": "noopener noreferrer nofollow"}
    return str(self.renderToken(tokens, at, options, env))
