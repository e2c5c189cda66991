"""Write: a decoder goes on with a text, token by token; every probability and every head on screen."""

from attnlab.ui.ask import ask_row
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import t
from attnlab.ui.write.cache import show_cache
from attnlab.ui.write.page import show_looks, show_next, show_text
from attnlab.ui.write.poems import show_couplets
from attnlab.ui.write.tree import show_beside, show_tree
from attnlab.ui.write.writing import ask_writing

VIEWS = {"next": show_next, "looks": show_looks, "tree": show_tree, "beside": show_beside, "couplets": show_couplets, "cache": show_cache}

with mistake_box("begin"):
    writing = ask_writing()
    show_text(writing)
    view = ask_row("view", {name: t(f"write.view_{name}") for name in VIEWS}, label=t("write.view"), hidden=True)
    VIEWS[view](writing)
