"""The notebooks that teach are small (tests/installed.py runs them)."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BOOKS = sorted((ROOT / "assets" / "notebooks").glob("*.ipynb"))


def test_there_are_five_and_the_first_also_in_chinese():
    assert [book.name.split(".")[0][:2] for book in BOOKS] == ["01", "01", "02", "03", "04", "05"]


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_a_notebook_is_kept_with_small_pictures_that_need_nothing_live(book):
    text = book.read_text("utf-8")
    cells = json.loads(text)["cells"]
    shown = [output["data"] for cell in cells for output in cell.get("outputs", ()) if "data" in output]
    assert any("image/png" in data for data in shown)
    assert all(len(json.dumps(data)) < 300_000 for data in shown)
    states = (
        json.loads(text)["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values() if "widgets" in text else ()
    )
    assert all(len(json.dumps(state)) < 300_000 for state in states)
    assert str(ROOT) not in text
