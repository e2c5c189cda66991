"""What a visitor holds in a picture: a pinned cell, one that several maps share, the heads whose lines are drawn."""

from collections.abc import Sequence

from attnlab.ui import choices, link
from attnlab.untrusted import whole_number

Cell = tuple[int, int]
NOWHERE = "none"  # in the address: the pin that a page begins with was taken off


def pin(key: str, size: Sequence[int], *, start: Cell | None = None, in_link: str | None = None) -> Cell | None:
    """Where the pin of a map is: where the visitor put it, unless the page has asked for another place since. Outside the map: nowhere.

    start: where the page puts it; a changed value moves it. in_link: the pin's name in the address.
    """
    asked, now, seen = choices.last(f"{key} pin", (start, start, None))
    clicked = choices.report(key, "cell")  # row, column (-1: released) and a counter that tells two clicks apart
    if in_link is not None:
        said = choices.read(in_link)
        now = cell_of(said) or (start if said != NOWHERE and (asked != start or seen is None) else None)
    elif asked != start:
        now = start
    if clicked is not None and clicked != seen:
        now = int(clicked[0]), int(clicked[1])
    now = inside(now, size)
    choices.keep(f"{key} pin", (start, now, clicked))
    if in_link is not None:
        hold(in_link, now, NOWHERE if start else None)
    return now


def shared_pin(name: str, maps: Sequence[str], size: Sequence[int]) -> Cell | None:
    """The cell that several maps hold together, under this name in the address: the map that was clicked since the run before decides."""
    now = cell_of(choices.read(name))
    for key in maps:
        cell = new_click(key)
        if cell is not None:
            now = cell
    now = inside(now, size)
    hold(name, now)
    return now


def new_click(key: str) -> Cell | None:
    """The cell of a map that was clicked since this was asked before, (-1, -1) where a pin was taken off; told once."""
    clicked = choices.report(key, "cell")
    new = clicked is not None and clicked != choices.last(f"{key} told")
    choices.keep(f"{key} told", clicked)
    return (int(clicked[0]), int(clicked[1])) if new else None


def release(key: str) -> None:
    """Forget a map's pin: where a click opened another page, the way back must not open it again."""
    choices.forget([f"{key} pin"])


def hold(name: str, cell: Cell | None, nowhere: str | None = None) -> None:
    """Keep a cell under this name, for the visit and in the link. nowhere: what the link says of no cell."""
    said = nowhere if cell is None else f"{cell[0]},{cell[1]}"
    choices.keep(name, said)
    link.put(name, said)


def inside(cell: Cell | None, size: Sequence[int]) -> Cell | None:
    """The cell, if a map of this size has it."""
    return cell if cell is not None and 0 <= cell[0] < size[0] and 0 <= cell[1] < size[1] else None


def cell_of(text: str) -> Cell | None:
    """A cell as the link writes it: "3,5"."""
    row, column = map(whole_number, text.partition(",")[::2])
    return None if row is None or column is None else (row, column)


def heads_on(key: str, head: int, n_heads: int, in_link: str = "heads") -> list[int]:
    """Which heads the line view shows: those switched on while this head was the chosen one, else this head alone. Kept in the link."""
    clicked, chosen = choices.report(key, "heads"), choices.read(in_link)
    other_head = choices.differs(f"{key} of", head)
    if clicked is not None and choices.last(f"{key} seen") != clicked:
        chosen = ",".join(map(str, clicked))
    elif other_head:
        chosen = ""
    choices.keep(f"{key} seen", clicked)
    heads = sorted({each for each in map(whole_number, chosen.split(",")) if each is not None and each < n_heads}) or [head]
    said = ",".join(map(str, heads)) if heads != [head] else None
    choices.keep(in_link, said)
    link.put(in_link, said)
    return heads


def choose_heads(key: str, heads: str, head: int, in_link: str = "heads") -> None:
    """Have the line view of the next run show these heads beside the chosen one."""
    link.choose(**{in_link: heads, f"{key} of": head})
