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
    states = json.loads(text)["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    for data in shown:
        live = data.get("application/vnd.jupyter.widget-view+json", {}).get("model_id")
        assert len(json.dumps(data)) + len(json.dumps(states.get(live, ""))) < 150_000
    assert len(text) < 400_000
    assert str(ROOT) not in text
