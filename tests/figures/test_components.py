"""The components as text: what one needs stands in front of it, once, and nothing of it asks the network or writes markup."""

import base64
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from attnlab import figures
from attnlab.core.views import Thumbnails
from attnlab.figures import canvases
from attnlab.figures.components import ROOM, script, styles
from attnlab.words import LANGUAGES, say

NAMES = [
    *("matrix", "lines", "mosaic", "overview", "chips", "tiles", "sentences", "decoder", "learning", "series", "bars"),
    *("steps/player", "steps/table", "steps/copy"),
]
FILES = sorted(ROOM.rglob("*.js"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("host", ["streamlit", "notebook", "page"])
def test_a_component_is_one_module_that_imports_nothing(name, host):
    text = script(host, name)
    assert not re.search(r"^import ", text, re.MULTILINE)
    given = f"[{name.split('/')[-1]}], " if host == "notebook" else f"{name.split('/')[-1]});"
    (exported,) = re.findall(r"^export .*", text, re.MULTILINE)
    assert exported.startswith(f"export default mount({given}")
    declared = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", text, re.MULTILINE)
    assert len(declared) == len(set(declared))
    assert declared.index("make") < declared.index(name.split("/")[-1])


@pytest.mark.skipif(shutil.which("node") is None, reason="no node")
@pytest.mark.parametrize("name", NAMES)
def test_a_component_can_be_read_by_an_engine(name, tmp_path):
    file = tmp_path / "one.mjs"
    file.write_text(script("notebook", name), "utf-8")  # the one text that is shortened
    subprocess.run(["node", "--check", file], check=True, capture_output=True)


def test_a_notebook_keeps_every_line_but_comments():
    def lines(text):
        return [line.strip() for line in text.splitlines() if not line.strip().startswith("//")]

    source, kept = (ROOM / "matrix.js").read_text("utf-8"), script("notebook", "matrix")
    code = lines(source[source.index("const TALLEST") :].replace("export ", ""))
    assert "\n".join(code) in "\n".join(map(str.strip, kept.splitlines()))
    assert not re.search(r"^ *//|^  ", kept, re.MULTILINE)


def test_an_unknown_component_has_no_text():
    with pytest.raises(FileNotFoundError):
        script("page", "nothing")


def test_styles_begin_with_the_colours_of_the_host():
    text = styles("streamlit", "decoder")
    assert text.index("--st-text-color") < text.index(".foot") < text.index(".decoder")
    assert "--st-" not in styles("page", "decoder")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOM)))
def test_what_strangers_write_is_never_markup_and_no_line_is_longer_than_140_characters(file):
    text = file.read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|https?://(?!www\.w3\.org)", text)
    assert max(map(len, text.splitlines())) <= 140


def english():
    return {name: say(f"ui.{name}") for name in canvases.WORDS}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_of_the_components_are_there_in_every_language(language):
    assert all(say(f"ui.{name}", language) for name in canvases.WORDS)


def test_a_matrix_is_its_numbers_row_after_row_with_its_labels_and_both_ramps():
    data = canvases.matrix(np.array([[0.25, 0.75]]), ["it"], ["the", "cat"], words=english(), pinned=(0, 1))
    assert data["values"].dtype == np.float32
    assert data["values"].tolist() == [0.25, 0.75]
    meta = data["meta"]
    assert (meta["queries"], meta["keys"], meta["pinned"], meta["low"], meta["high"]) == (["it"], ["the", "cat"], [0, 1], 0.0, 1.0)
    assert len(meta["light"]) == len(meta["dark"]) == 256 * 6
    assert meta["words"]["value"] == "weight"


def test_a_matrix_refuses_labels_that_are_not_its_own():
    with pytest.raises(ValueError, match="values are 1 x 2 but labels are 1 x 1"):
        canvases.matrix(np.zeros((1, 2)), ["a"], ["b"], words=english())


def test_signed_numbers_diverge_around_zero_as_far_as_they_go():
    data = canvases.matrix(np.array([[-3.0, np.nan, 1.0]]), ["a"], ["b", "c", "d"], words=english(), kind="signed")
    assert (data["meta"]["low"], data["meta"]["high"]) == (-3.0, 3.0)
    assert canvases.limits(np.zeros((1, 1)), "signed", None, None) == (-1.0, 1.0)


def test_many_cells_are_sent_in_half_the_bytes():
    assert canvases.narrow(np.zeros((256, 256))).dtype == np.float32
    assert canvases.narrow(np.zeros((257, 256))).dtype == np.float16
    assert canvases.narrow(np.zeros((2, 2), np.uint8)).dtype == np.uint8


def test_lines_name_the_head_of_each_map():
    data = canvases.lines(np.zeros((2, 1, 1)), ["a"], ["b"], words=english(), active=[3], names=["H0", "H1", "H2", "H3"], slots=[1, 3])
    assert (data["meta"]["slots"], data["meta"]["active"]) == ([1, 3], [3])


def test_a_mosaic_goes_layer_by_layer_unless_an_order_is_given():
    small = Thumbnails(np.zeros((2, 1, 3, 3), np.uint8), np.ones((2, 1)), 1, 1)
    assert canvases.mosaic(small, words=english())["meta"]["order"] == [[0, 0], [1, 0]]
    sorted_ = canvases.mosaic(small, words=english(), order=[(1, 0), (0, 0)])["meta"]
    assert (sorted_["order"], sorted_["sorted"]) == ([[1, 0], [0, 0]], True)


def test_an_overview_is_drawn_up_to_its_largest_number():
    data = canvases.overview(np.array([[0.1, 0.2]]), 2, 4, words=english(), window=2, at=(0, 1))
    assert data["values"].tolist() == [128, 255]
    assert (data["meta"]["high"], data["meta"]["at"], data["meta"]["across"]) == (0.2, [0, 1], 2)


def test_an_exported_page_is_the_component_with_what_all_maps_share_once():
    page = figures.save(figures.mosaic([np.full((4, 2, 2), 0.5, np.float32)], "ab", "ab"), "html").decode()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert "export function" not in page
    assert "function matrix(root" in page
    assert len(data["pictures"]) == page.count('<figure><div class="frame">') == 4
    assert all("light" not in each["meta"] for each in data["pictures"])
    assert len(data["common"]["light"]) == 256 * 6
    assert np.frombuffer(base64.b64decode(data["pictures"][0]["values"]["base64"]), "<f4").tolist() == [0.5] * 4
    assert data["common"]["exact"] is True
