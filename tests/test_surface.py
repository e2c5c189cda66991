"""What others build on: these names, and no others without a thought."""

import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

import attnlab
from attnlab import figures

FIGURES = {
    "FORMATS", "Look", "Words", "archive", "curves", "format_of", "heatmap", "lines", "mosaic", "read_record", "record", "save",
    "triptych", "waterfall", "words_in", "write",
}  # fmt: skip


def test_the_package_offers_these_names():
    assert set(attnlab.__all__) == {"Edit", "__version__", "figures", "from_outputs", "ledger", "load", "record", "widgets"}
    assert all(hasattr(attnlab, name) for name in attnlab.__all__)


def test_the_figures_offer_these_names():
    assert set(figures.__all__) == FIGURES
    assert all(hasattr(figures, name) for name in figures.__all__)


def test_every_offered_function_says_what_it_does():
    assert all(getattr(figures, name).__doc__ for name in figures.__all__)
    assert attnlab.load.__doc__


def test_a_name_that_does_not_exist_is_no_attribute():
    for module in (attnlab, figures):
        assert not hasattr(module, "nothing_of_this_name")


def test_a_star_brings_just_these_names():
    code = "from attnlab.figures import *; print(sorted(name for name in dir() if not name.startswith('__')))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(eval(said)) == FIGURES


ROOT = Path(__file__).resolve().parents[1]


def test_the_application_has_versions_that_the_package_allows():
    pinned = [Requirement(line) for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines()]
    versions = {each.name: next(iter(each.specifier)).version for each in pinned}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [Requirement(line) for line in [*project["dependencies"], *extras["app"], *extras["redis"]]]
    assert {each.name for each in wanted} == set(versions)
    assert all(each.specifier.contains(versions[each.name]) for each in wanted)


def test_every_file_of_the_app_travels_with_the_package():
    taken = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert {"assets", "pages", "app.py", ".streamlit/config.toml"} <= set(taken)
    assert all((ROOT / name).exists() for name in taken)
