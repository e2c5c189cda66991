"""Which index is open: a shipped one, one's own from a file or a path, or one that was made here."""

from pathlib import Path

import streamlit as st

from attnlab.core.trace import Stack
from attnlab.corpus.index import SENT, Index, read_index
from attnlab.corpus.shelf import shipped, shipped_index
from attnlab.ui import choices, link
from attnlab.ui.access import shared
from attnlab.ui.ask import STACKS, ask_choice
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import md_escape, t
from attnlab.words import InputError

OWN = "own atlas"
EACH = 3  # indexes of one visitor; the oldest go first


def own() -> dict[str, Index]:
    """This visit's own indexes, by name."""
    return choices.visit(OWN, dict[str, Index])


def named() -> dict[str, str]:
    """Every index that can be opened, and what it is called on the page."""
    return {name: name for name in shipped()} | {name: t("atlas.own_name", name=name) for name in own()}


def get_index(name: str) -> Index:
    return own()[name] if name in own() else shipped_index(name)


def ask_index() -> Index:
    """Which index. Raises InputError where there is none."""
    names = named()
    if not names:
        raise InputError("error.no_atlas")
    default = "bert" if "bert" in names else next(iter(names))
    return get_index(ask_choice("atlas", names, label=t("atlas.which"), default=default, width=230))


def ask_other(index: Index, *, key: str, label: str) -> Index | None:
    """Another index beside this one, or none."""
    names = {"": t("atlas.nothing")} | {name: said for name, said in named().items() if get_index(name) is not index}
    chosen = ask_choice(key, names, label=label, width=260)
    return get_index(chosen) if chosen else None


def ask_part(index: Index) -> Stack:
    """Which stack, where there are several."""
    stacks = list(dict.fromkeys(stack for stack, _, _ in index.totals.places))
    return (
        ask_choice("stack", {stack: t(STACKS[stack]) for stack in stacks}, label=t("ui.stack"), width=150) if len(stacks) > 1 else stacks[0]
    )


def ask_own() -> None:
    """An index of one's own: a file dropped here, or the path of one where this machine's files may be read."""
    with mistake_box():
        file = st.file_uploader(t("atlas.drop"), type=["parquet"], key="atlas file", max_upload_size=SENT.file >> 20)
        if file is not None and file.file_id not in choices.visit("atlas files read", set[str]):
            take(read_index(file.getvalue()), Path(file.name).stem)
            choices.visit("atlas files read", set[str]).add(file.file_id)
            st.rerun()
        if not shared():
            path = st.text_input(t("atlas.path"), key="atlas path", placeholder="/…/heads.parquet")
            if st.button(t("atlas.open"), disabled=not path.strip()):
                take(read_index(Path(path.strip()).expanduser()), Path(path.strip()).stem)
                st.rerun()


def take(index: Index, name: str) -> None:
    """Keep an index for the visit and open it."""
    own().pop(name[:40] or "index", None)
    own()[name[:40] or "index"] = index
    for other in list(own())[:-EACH]:
        del own()[other]
    link.choose(atlas=name[:40] or "index")


def tell_corpus(index: Index) -> None:
    """What the numbers are of."""
    facts = {"model": md_escape(index.model), "revision": md_escape(index.revision), "corpus": md_escape(index.corpus)}
    said = t("atlas.what", n=f"{index.totals.sentences:,}", tokens=f"{index.totals.tokens:,}", **facts)
    st.caption(said + (" " + t("atlas.left_out", cut=index.cut, skipped=index.skipped) if index.cut or index.skipped else ""))
