"""A text of more than 512 tokens: the overview, the lens that shows exact weights, and the files."""

import io
import re
from urllib.parse import quote

import numpy as np
import pytest

from attnlab.models.load import load
from tests.conftest import small_tokenizer

TEXT = "the cat sat on a mat and looked at the old dog. " * 25


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small decoder that reads 2,048 tokens, saved as its owner would."""
    import torch
    from transformers import GPT2Config, GPT2Model

    torch.manual_seed(0)
    made = tmp_path_factory.mktemp("long")
    config = GPT2Config(vocab_size=320, n_positions=2048, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3)
    GPT2Model(config).save_pretrained(made)
    small_tokenizer("bytes").save_pretrained(made)
    return str(made)


def test_the_lens_shows_the_exact_weights_of_where_it_stands_and_the_map_is_saved(visit, folder):
    exact = load(folder).trace(TEXT).at("decoder", 1).weights(2)
    assert len(exact) > 512
    window = visit().open(f"heads?model={quote(folder, safe='')}&text={quote(TEXT)}&layer=1&head=2")
    overview = window.canvas("overview")
    lens = window.page.get_by_text("Exact weights from query")
    assert lens.inner_text() == "Exact weights from query 0 and key 0 on"
    overview.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
        overview.press(key)
    window.page.wait_for_function("text => !document.body.innerText.includes(text)", arg="Exact weights from query 0 and key 0 on")
    window.wait()
    query, key = map(int, re.findall(r"\d+", lens.inner_text()))
    assert query > key >= 0
    shown = window.canvas("lens")
    shown.focus()
    shown.press("Home")
    shown.press("Enter")
    assert f"{exact[query, key]:.4f}" in window.said("lens").first.inner_text()
    with np.load(io.BytesIO(window.saved("map", "NPZ")[0])) as saved:
        np.testing.assert_allclose(saved["weights"], exact, atol=1e-7)
