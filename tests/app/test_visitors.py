"""What an anonymous visitor may open: shipped models, their own, and what the host listed; everything else is one sentence."""

import pytest
import torch
from streamlit.testing.v1 import AppTest

from attnlab.ui import access, own_models, traces
from attnlab.ui.access import allowed, host_of, is_loopback, listed
from attnlab.words import InputError
from tests.app.conftest import opened

HEADS = "look/heads.py"


@pytest.fixture
def shared(monkeypatch):
    monkeypatch.setenv(access.SHARED, "1")


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("name", ["/etc", "/root/secret", "~", "~nosuchuser", "./assets", "evil/big", "m" * 300, "a/b@untrained", ""])
def test_a_guest_learns_nothing_from_names_that_are_not_to_be_opened(name):
    with pytest.raises(InputError) as mistake:
        allowed(name)
    assert mistake.value.key == "server.not_here"
    assert name not in str(mistake.value) or not name


@pytest.mark.usefixtures("shared")
def test_a_guest_opens_what_is_shipped_and_what_the_host_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(access, "host_list", lambda: ("org/name", str(tmp_path)))
    for name in ("bert", "bert@untrained", "translate-fr", "org/name", "org/name@untrained", f"{tmp_path}/mine"):
        assert allowed(name) == name
    assert not listed(f"{tmp_path}/../other")
    assert not listed("a\0b")


@pytest.mark.parametrize(("said", "threads"), [("1", 1), ("", 2)])
def test_each_pass_takes_one_core_where_many_are_made_at_once(said, threads, monkeypatch):
    monkeypatch.setenv(access.SHARED, said)
    monkeypatch.setattr(traces, "DRAWS", ())
    monkeypatch.setattr(traces.gc, "freeze", lambda: None)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        traces._warm()
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_the_owner_opens_anything(monkeypatch):
    monkeypatch.delenv(access.SHARED, raising=False)
    assert allowed("/anywhere") == "/anywhere"


@pytest.mark.usefixtures("shared")
def test_a_link_to_a_folder_is_one_sentence_on_the_page():
    app = opened(HEADS, model="/etc")
    assert not app.exception
    assert "cannot be opened here" in app.error[0].value
    assert "etc" not in app.error[0].value


@pytest.mark.parametrize(
    ("host", "ours"), [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("", False), ("lab.school", False)]
)
def test_only_this_machine_is_loopback(host, ours):
    assert is_loopback(host) == ours


def test_a_host_header_without_its_port():
    assert [host_of(header) for header in ("localhost:8501", "[::1]:8501", "lab.school", "127.0.0.1:1")] == [
        "localhost",
        "::1",
        "lab.school",
        "127.0.0.1",
    ]


@pytest.mark.parametrize("said", ["models = 3", "models = [1]"])
def test_a_list_that_is_none_is_an_error_of_the_host(said, tmp_path, monkeypatch):
    (tmp_path / "attnlab.toml").write_text(f"[shared]\n{said}\n")
    monkeypatch.setattr(access, "SETTINGS", tmp_path / "attnlab.toml")
    with pytest.raises(ValueError, match="must be a list"):
        access.host_list.__wrapped__()


def test_a_visitor_keeps_three_uploads_and_the_oldest_of_all_goes_first(bert):
    shelf = own_models.Shelf(most=2 * bert.spec.parameters)
    small = bert
    for number in range(4):
        shelf.put(("ann", str(number)), small, each=3)
    assert shelf.get(("ann", "0")) is None
    assert [name for name in "123" if shelf.get(("ann", name)) is not None] == ["2", "3"]
    shelf.put(("bob", "0"), small)
    assert shelf.get(("ann", "2")) is None


def page():
    import streamlit as st

    from attnlab.ui.own_models import own_model, own_names, own_specs
    from attnlab.words import InputError

    if not own_names():
        own_names().append("gone")
    try:
        own_model("gone")
    except InputError as mistake:
        st.write(f"{mistake.key} {len(own_names())} {len(own_specs())}")


def test_a_model_that_was_let_go_is_said_once():
    app = AppTest.from_function(page, default_timeout=300).run()
    assert [each.value for each in app.markdown] == ["server.let_go 0 0"]


def test_a_text_is_judged_before_it_is_split_into_tokens():
    app = opened(HEADS)
    app.text_input(key="text").set_value("cat " * 30_000).run()
    assert not app.exception
    assert "at most 100000 characters" in app.error[0].value.replace("\\", "")


def test_every_head_of_a_long_text_is_measured_for_those_who_ask(model_of_long_texts):
    app = opened("look/layers.py", model=model_of_long_texts, text="a b c d " * 160)
    assert not app.exception
    assert "640 tokens" in " ".join(each.value for each in app.info)
    app.button(key="measure now").click().run()
    assert not app.exception
    assert not any("640 tokens" in each.value for each in app.info)


@pytest.fixture
def model_of_long_texts(tmp_path):
    from attnlab.models.inhouse.model import InHouse
    from attnlab.models.inhouse.transformer import Config, Transformer
    from attnlab.training.tokenizer import letter_tokenizer

    config = Config("tag", vocab=10, encoder_layers=1, n_heads=2, d_model=8, d_ff=8, max_tokens=1000)
    InHouse(Transformer(config), letter_tokenizer("abcdef")).save(tmp_path)
    return str(tmp_path)
