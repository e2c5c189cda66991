"""The Positions page without a browser: every part in both languages, links that restore a view, mistakes told."""

from functools import partial

import numpy as np
import pytest
import torch

from attnlab.core.positions import ENCODINGS
from attnlab.models import load as loading
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.training.tasks import LETTERS
from attnlab.training.tokenizer import letter_tokenizer
from attnlab.ui.positions.views import without_outliers
from attnlab.words import room
from tests.app.conftest import opened

PAGE = "learn/positions.py"
PARTS = ("encodings", "switch", "longer", "without", "scores")


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A folder with the six reversing models, small and not trained."""
    folder = tmp_path_factory.mktemp("models")
    tokenizer = letter_tokenizer(LETTERS)
    size = tokenizer.get_vocab_size()
    for kind in ENCODINGS:
        torch.manual_seed(0)
        config = Config(
            "tag", size, size, encoder_layers=2, decoder_layers=0, n_heads=2, d_model=16, d_ff=16, positions=kind, max_tokens=40
        )
        InHouse(Transformer(config), tokenizer).save(folder / f"reverse-{kind}")
    return folder


@pytest.fixture
def page(monkeypatch, untrained):
    """page(**link): the Positions page as opened by a link."""
    monkeypatch.setattr(loading, "MODELS", untrained)

    return partial(opened, PAGE)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("part", PARTS)
def test_every_part_opens_in_both_languages(page, part, lang):
    app = page(part=part, lang=lang)
    assert not app.exception
    assert [error.value for error in app.error] == []
    assert app.title[0].value == room(lang, "positions")["title"]


@pytest.mark.parametrize("kind", ENCODINGS)
def test_every_encoding_shows_its_numbers_and_its_formula(page, kind):
    app = page(encoding=kind)
    assert not app.exception
    assert [error.value for error in app.error] == []
    assert app.latex
    assert app.get("plotly_chart")


def test_the_chart_of_all_encodings_stands_still_while_another_one_is_chosen(page):
    assert len({page(encoding=kind).get("plotly_chart")[-1].proto.spec for kind in ENCODINGS}) == 1


def test_a_few_far_larger_numbers_do_not_make_all_others_pale():
    table = np.full((20, 50), 0.1)
    assert without_outliers(table) == (None, "")
    table[0, :2] = -7
    limit, note = without_outliers(table)
    assert limit == pytest.approx(0.1)
    assert note == room("en", "positions")["beyond"].format(n=2, all="1,000", limit="0.1", most="7")


@pytest.mark.parametrize("edit", ["removed", "shuffled", "shifted", "frozen", "trained"])
def test_every_edit_of_positions_runs_through_bert(page, edit):
    app = page(part="without", edit=edit)
    assert not app.exception
    assert [error.value for error in app.error] == []
    apart, together = (metric.value for metric in app.metric)
    assert float(apart) < 1e-5
    assert float(together) > 0.05


@pytest.mark.parametrize("model", ["bert", *(f"reverse-{kind}" for kind in ENCODINGS)])
def test_scores_come_apart_for_every_encoding(page, model):
    app = page(part="scores", model=model, text="positions", layer="1")
    assert not app.exception
    assert [error.value for error in app.error] == []
    assert app.latex


def test_a_model_without_position_vectors_cannot_lose_them_and_the_page_says_so(page):
    app = page(part="without", model="reverse-alibi")
    assert not app.exception
    assert "reverse-alibi" in app.error[0].value.replace("\\", "")


def test_one_word_cannot_be_shuffled_and_the_page_says_so(page):
    app = page(part="without", text="word")
    assert not app.exception
    assert room("en", "positions")["shuffle_short"] in [info.value for info in app.info]


@pytest.mark.parametrize(
    "link",
    [
        {"part": "nonsense"},
        {"encoding": "x", "places": "abc", "from": "9999"},
        {"encoding": "sinusoidal", "d": "7", "base": "3"},
        {"part": "switch", "shown": "none,what", "mirror": "false", "rl": "99", "rh": "-3"},
        {"part": "longer", "shown": "", "n": "0", "longest": "1000"},
        {"part": "without", "edit": "shifted", "by": "9999"},
        {"part": "scores", "layer": "99", "head": "x"},
    ],
)
def test_a_broken_link_shows_a_page_all_the_same(page, link):
    app = page(**link)
    assert not app.exception
    assert [error.value for error in app.error] == []


def test_no_models_is_a_sentence(page, monkeypatch, tmp_path):
    monkeypatch.setattr(loading, "MODELS", tmp_path)
    app = page(part="switch")
    assert not app.exception
    assert app.error
