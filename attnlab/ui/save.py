"""From a drawn picture to files, the same way on every page: title and caption, the visitor's words and options, and the way back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnlab.core.trace import Attention, Trace
from attnlab.figures.citations import bibtex, command, latex_figure
from attnlab.figures.export import FORMATS, MIME, save, still
from attnlab.figures.provenance import record
from attnlab.figures.style import Look, Words, words_in
from attnlab.files import safe_name
from attnlab.ui import choices, link
from attnlab.ui.figure_options import ask_look, chosen_look
from attnlab.ui.language import language, md_escape, t
from attnlab.ui.link import LONGEST_LINK
from attnlab.ui.own_models import own_model
from attnlab.ui.turns import Breathe, file_turn
from attnlab.words import InputError

if TYPE_CHECKING:
    from attnlab.figures.picture import Numbers

Draw = Callable[[Look, Words], Any]  # the picture with these options, in these words
Pack = Callable[[Look, Words, Breathe], bytes]  # the same for many pictures in one zip
HEAR = "figure hear"  # whom every picture of a page is told to, where somebody asked: the command line, which runs pages without a browser


@dataclass(frozen=True, eq=False)
class Drawn:
    """A picture as its page draws it. key: on its page; facts: fields of its record."""

    key: str
    draw: Draw
    facts: Mapping[str, Any]
    look: Look


def save_bar(
    draw: Draw,
    *,
    key: str,
    name: str,
    facts: Mapping[str, Any],
    made_from: Mapping[str, object] | None = None,
    formats: Sequence[str] = FORMATS,
    pack: Pack | None = None,
    packed: str = "",
    single: bool = False,
    linked: bool = True,
) -> None:
    """What stands under every picture: its files and how they are to look, and its numbers as a table. Each is made when it is opened.

    key: of the picture on its page. name: of the file, without extension. facts: fields of figures.record, that lead back to the view.
    made_from: what the picture is, in words. pack: what makes a zip, packed: what the zip holds, in words.
    single: the weights of one head as the model has them, which the command line draws too. linked: the address restores the view.
    """
    look, view = chosen_look(), address(facts) if linked else None
    facts = {**facts, "view": view}
    if (hear := choices.last(HEAR)) is not None:
        hear(Drawn(key, draw, facts, look))
    if made_from:
        st.caption(md_escape(" · ".join(f"{word}: {fact}" for word, fact in made_from.items())))
    box = st.expander(t("ui.save"), icon=":material/download:", key=f"save {key}", on_change="rerun", type="compact")
    if box.open:
        with box:
            make = maker(draw, facts, look, pack)
            offer(make, key, name, formats if pack is None else (*formats, "zip"), packed)
            ask_look(key)
            cite(draw, facts, look, safe_name(name, otherwise=key), key, single)
            ask_panels(Drawn(key, draw, facts, look), formats)
    show_table(draw, key)


def address(facts: Mapping[str, Any]) -> str | None:
    """Where the view can be opened again; None for what no address can hold: a visitor's own model, a long text."""
    long = any(isinstance(fact, str) and len(fact) > LONGEST_LINK for fact in facts.values())
    return None if long or own_model(str(facts.get("model") or "")) is not None else link.here()


def cite(draw: Draw, facts: Mapping[str, Any], look: Look, file: str, key: str, single: bool) -> None:
    """What goes into a paper or a shell beside the picture."""
    view = None if facts["view"] is None else f"{with_language(facts['view'])}#{key}"
    if (line := command(facts, look, file, single=single, view=view)) is not None:
        st.markdown(t("ui.as_command" if single or view else "ui.as_numbers"))
        st.code(line, language="bash", wrap_lines=True)
    if st.toggle(t("ui.as_latex"), key=f"latex {key}", help=t("ui.as_latex_help")):
        numbers = numbers_of(draw)
        st.code(latex_figure(file, numbers.title, numbers.caption), language="latex", wrap_lines=True)
        st.code(bibtex(facts), language="bibtex", wrap_lines=True)


def with_language(view: str) -> str:
    """The address with the language in which the picture is written."""
    return f"{view}{'&' if '?' in view else '?'}lang={language()}"


def numbers_of(draw: Draw) -> "Numbers":
    """The numbers of the picture, as every file holds them."""
    return still(draw(Look(), words_in(language()))).numbers


def show_table(draw: Draw, key: str) -> None:
    """The numbers as a table under the picture, drawn only when somebody opens it; for curves a sentence each, too."""
    box = st.expander(t("heads.table"), key=f"table {key}", on_change="rerun", type="compact")
    if not box.open:
        return
    from attnlab.figures.tables import MOST, cut, html_tables, summaries

    with box:
        numbers = numbers_of(draw)
        for sentence in summaries(numbers):
            st.markdown(md_escape(sentence))
        st.html(html_tables(numbers))
        if cut(numbers):
            st.caption(t("heads.table_cut", n=MOST))


def maker(draw: Draw, facts: Mapping[str, Any], look: Look, pack: Pack | None = None) -> Callable[[str], bytes]:
    """What writes the picture as a format. It runs after a click, outside the page, where nobody knows the visitor's language any more."""
    spoken, options, turn = language(), dict(facts.get("options") or {}) | look.changed(), file_turn()
    about = record(**{**facts, "options": options or None})

    def make(format: str) -> bytes:
        words = words_in(spoken)
        with turn() as breathe:
            if format == "zip" and pack is not None:
                return pack(look, words, breathe)
            return save(draw(look, words), format, record=about)

    return make


def offer(make: Callable[[str], bytes], key: str, name: str, formats: Sequence[str], packed: str) -> None:
    """One button a format."""
    st.markdown(t("ui.export"))
    with st.container(horizontal=True, gap="small", key=f"files {key}"):
        for kind in formats:
            st.download_button(
                kind.upper(),
                data=partial(make, kind),
                file_name=f"{safe_name(name, otherwise=key)}.{kind}",
                mime=MIME[kind],
                key=f"export {key} {kind}",
                on_click="ignore",
                help=packed if kind == "zip" else t("ui.export_help", kind=kind.upper()),
            )


def facts_of(trace: Trace, attention: Attention | None = None, head: int | None = None, /, **options: Any) -> dict[str, Any]:
    """The record of a picture made from a trace: which words, which place, which options of the view."""
    texts = {"text": trace.text, "pair": trace.pair, "target": trace.target_text}
    place = {} if attention is None else {"stack": attention.stack, "layer": attention.layer, "head": head}
    return {"model": trace.model, "revision": trace.revision, **texts, **place, "options": options or None}


# Several pictures in one figure

COLLECTED = "collected pictures"  # (view, facts) each, in order, for this visit
MOST = 12


def ask_panels(drawn: Drawn, formats: Sequence[str]) -> None:
    """Put this picture beside others, and take the figure away: panels (a), (b), (c) on one colour scale."""
    kept = choices.visit(COLLECTED, list[tuple[Any, Mapping[str, Any]]])
    st.markdown(t("ui.several"))
    st.button(t("ui.collect"), key=f"collect {drawn.key}", on_click=collect, args=(drawn,), disabled=len(kept) >= MOST)
    for i, (view, _) in enumerate(kept):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"collected {drawn.key} {i}"):
            st.caption(md_escape(f"{i + 1}. {view.title}"))
            st.button("↑", key=f"up {drawn.key} {i}", disabled=i == 0, on_click=move, args=(i,), help=t("teach.up"), type="tertiary")
            st.button("✕", key=f"away {drawn.key} {i}", on_click=remove, args=(i,), help=t("teach.remove"), type="tertiary")
    if kept:
        offer(panels_maker(kept, drawn.look), f"panels {drawn.key}", "attnlab-panels", FORMATS, "")


def collect(drawn: Drawn) -> None:
    """Keep the picture as it is now. What is no map is said to be none."""
    from attnlab.figures.panels import view_of

    try:
        view = view_of(still(drawn.draw(Look(), words_in(language()))))
    except InputError as mistake:
        st.toast(md_escape(mistake.say(language())))
        return
    choices.visit(COLLECTED, list[Any]).append((view, drawn.facts))


def remove(i: int) -> None:
    del choices.visit(COLLECTED, list[Any])[i]


def move(i: int) -> None:
    kept = choices.visit(COLLECTED, list[Any])
    kept[i - 1], kept[i] = kept[i], kept[i - 1]


def panels_maker(kept: Sequence[tuple[Any, Mapping[str, Any]]], look: Look) -> Callable[[str], bytes]:
    """What writes the figure as a format."""
    views, words, turn = [view for view, _ in kept], words_in(language()), file_turn()
    about = record(options=look.changed() or None, panels=[record(**facts) for _, facts in kept])

    def make(format: str) -> bytes:
        from attnlab.figures.panels import figure

        with turn():
            return save(figure(views, look=look, words=words), format, record=about)

    return make
