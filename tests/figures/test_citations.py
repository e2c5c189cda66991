"""What stands beside a figure in a paper, and the command that draws it again."""

import shlex

import numpy as np
import pytest

from attnlab import figures
from attnlab.__main__ import main
from attnlab.figures.citations import bibtex, command, latex, latex_figure
from attnlab.figures.style import Look

FACTS = {"model": "bert", "revision": "1110a243", "text": "It's 100 % sure.", "stack": "encoder", "layer": 3, "head": 1}


def test_latex_prints_what_was_written():
    assert latex(r"50 % of a_b & {c} \ ~ ^ # $") == (r"50 \% of a\_b \& \{c\} \textbackslash{} \textasciitilde{} \textasciicircum{} \# \$")


def test_a_figure_environment_names_the_file_and_says_the_caption():
    made = latex_figure("bert-L3H1", "bert · encoder L3H1", "bert (1110a243) · 100 %")
    assert r"\includegraphics{bert-L3H1.pdf}" in made
    assert r"\caption{bert · encoder L3H1. bert (1110a243) · 100 \%.}" in made
    assert r"\label{fig:bert-l3h1}" in made


def keys(entries):
    return [line.split("{")[1].strip(",") for line in entries.splitlines() if line.startswith("@")]


@pytest.mark.parametrize(
    ("facts", "cited"),
    [
        ({}, []),
        ({"model": "bert"}, ["devlin2019bert", "wang2020minilm"]),
        ({"model": "bert", "options": {"measure": "rollout"}}, ["abnar2020quantifying", "devlin2019bert", "wang2020minilm"]),
        ({"model": "reverse-rotary", "options": {"measure": "norm shares"}}, ["kobayashi2020attention"]),
        ({"model": "org/some_model", "revision": "abc"}, ["org-some-model"]),
        ({"model": "./folder/model"}, []),
    ],
)
def test_method_model_and_program_have_an_entry(facts, cited):
    made = bibtex(facts)
    assert keys(made) == ["vaswani2017attention", *cited, "attnlab"]
    assert made.count("{") == made.count("}")
    if "revision" in facts:  # of the model on the hub, and of what this program looked at
        assert made.count("revision abc") == 2


def test_the_command_of_one_head_draws_the_same_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    look = Look(width=3.5, unit="in", font=7, family="serif", colours="magma", title=False, numbers=False, dpi=100, text=True)
    line = command(FACTS, look, "mine", single=True)
    assert main(shlex.split(line)[1:]) == 0
    record = figures.read_record(tmp_path / "mine.pdf")
    assert FACTS.items() <= record.items()
    asked = {name: value for name, value in look.changed().items() if name != "unit"}  # the command line counts in millimetres
    assert record["options"] == asked | {"width": 88.9}


def test_the_command_of_any_other_picture_writes_the_numbers_it_is_made_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = command(FACTS | {"pair": "Yes."}, Look(), "mine", single=False)
    assert "--pair Yes." in line
    assert main(shlex.split(line)[1:]) == 0
    with np.load(tmp_path / "mine.npz") as held:
        assert held["encoder.3.weights"].shape[0] == 12


def test_what_needs_no_text_has_no_command():
    assert command({"options": {"encoding": "rotary"}}, Look(), "mine", single=False) is None
