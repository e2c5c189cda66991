"""The positional-encoding laboratory: five experiments, one at a time."""

from attnlab.ui.ask import ask_row
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import t
from attnlab.ui.positions.encodings import encodings
from attnlab.ui.positions.longer import longer
from attnlab.ui.positions.scores import scores
from attnlab.ui.positions.switch import switch
from attnlab.ui.positions.without import without

PARTS = {"encodings": encodings, "switch": switch, "longer": longer, "without": without, "scores": scores}

part = ask_row("part", {name: t(f"positions.part_{name}") for name in PARTS}, label=t("positions.parts"), hidden=True)
with mistake_box():
    PARTS[part]()
