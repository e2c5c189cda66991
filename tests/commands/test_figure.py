"""Any view of the app as a file from a shell: the same bytes as the page's own, several on one scale, mistakes in a line."""

import io

import numpy as np
import pytest

from attnlab import figures, load
from attnlab.__main__ import main
from attnlab.ui import figure_files
from attnlab.words import InputError

TEXT = "The cat sat."
VIEW = "heads?text=The+cat+sat.&layer=3&head=1"


def test_a_view_from_the_shell_is_the_figure_that_its_page_saves(tmp_path):
    made, own = tmp_path / "made.svg", tmp_path / "own.svg"
    assert main(["figure", f"{VIEW}#map", "--preset", "ieee", "-o", str(made)]) == 0
    assert main(["heatmap", TEXT, "--layer", "3", "--head", "1", "--preset", "ieee", "-o", str(own)]) == 0
    without = [file.read_bytes().split(b"</metadata>")[1] for file in (made, own)]
    assert without[0] == without[1]
    facts = figures.read_record(made)
    assert (facts["layer"], facts["head"], facts["options"]["width"]) == (3, 1, 88.9)
    assert facts["view"].startswith("heads?")
    assert main(["figure", f"{VIEW}#map", "-o", str(made)]) == 2, "a file that is there is not replaced unasked"


def test_several_views_are_panels_on_one_scale_and_every_one_can_be_opened_again():
    data = figure_files.draw([VIEW, f"{VIEW}&auto=true"], {"width": 160.0}, "npz")
    held = np.load(io.BytesIO(data))
    weights = load("bert").trace(TEXT).at("encoder", 3).weights(1)
    maps = [held[name] for name in held.files if name.endswith(".weights")]
    assert len(maps) == 2
    assert all(np.array_equal(each, weights) for each in maps)
    assert ["auto=true" in panel["view"] for panel in figures.read_record(data)["panels"]] == [False, True]


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (f"{VIEW}#attic", "no picture called attic. There are: map, lines"),
        ("home?text=x", "home"),
        ("heads?text=+&layer=3", "says: "),
        ("build", "build"),
    ],
)
def test_what_cannot_be_drawn_is_a_sentence(view, said):
    with pytest.raises(InputError) as refused:
        figure_files.picture(view)
    assert said in str(refused.value)


def test_a_page_without_a_picture_says_so():
    with pytest.raises(InputError, match="no picture that can be saved"):
        figure_files.picture("write?view=beside")
