"""Widgets without a browser: what is sent, what a choice does, and what they refuse."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
import torch
from PIL import Image
from traitlets import TraitError

import attnlab
from attnlab import figures, widgets
from attnlab.core.trace import Attention, Trace
from attnlab.figures.export import few_colours
from attnlab.figures.picture import Picture


@pytest.fixture(scope="module")
def trace() -> Trace:
    return attnlab.load("reverse-sinusoidal").trace("a b c d")


def click(widget, name, value):
    """A choice as the browser sends it."""
    widget._hear(widget, {"name": name, "value": value, "number": widget._answered + 1}, [])


def drawn(widget, which=0):
    """The numbers that one of the components draws."""
    packed = widget._views[which]["values"]
    return np.frombuffer(packed["bytes"], packed["kind"])


def test_a_heat_map_sends_the_head_that_is_looked_at_and_no_other(trace):
    attention = trace.attentions[0]
    widget = widgets.heatmap(attention, head=2)
    assert np.array_equal(drawn(widget), attention.weights(2).ravel())
    widget.head = 3
    assert np.array_equal(drawn(widget), attention.weights(3).ravel())
    assert widget._views[0]["meta"]["title"] == "encoder L0H3"


def test_a_click_is_a_traitlet_that_python_can_watch_and_set(trace):
    widget, heard = widgets.heatmap(trace.attentions[0]), []
    widget.observe(lambda change: heard.append(change["new"]), "cell")
    click(widget, "cell", [1, 2, 1700000000000])
    assert (widget.cell, heard) == ((1, 2), [(1, 2)])
    sent = widget._views
    widget.cell = (0, 3)
    assert widget._now == [{"pinned": [0, 3]}]
    assert widget._views is sent
    click(widget, "cell", [-1, -1, 1700000000001])
    assert widget.cell is None
    assert widget._answered == 2


def test_a_head_that_does_not_exist_is_refused_at_once_and_later(trace):
    with pytest.raises(IndexError, match="head 8 does not exist; there are heads 0 to 7"):
        widgets.heatmap(trace.attentions[0], head=8)
    widget = widgets.heatmap(trace.attentions[0])
    with pytest.raises(IndexError):
        widget.head = 9
    with pytest.raises(TraitError):
        widget.cell = "a"


def test_lines_send_the_heads_that_are_switched_on(trace):
    widget = widgets.lines(trace.attentions[0], heads=[0, 2])
    assert len(drawn(widget)) == 2 * 16
    click(widget, "heads", [5])
    assert (widget.heads, widget.head) == ([5], 5)
    assert np.array_equal(drawn(widget), trace.attentions[0].weights(5).ravel())
    assert isinstance(widget.figure(), Picture)
    with pytest.raises(ValueError, match="at least one head"):
        widgets.lines(trace.attentions[0], heads=[])


def test_a_click_on_a_mosaic_opens_the_head_below(trace):
    widget = widgets.mosaic(trace)
    assert widget._views[1] is None
    click(widget, "head", {"layer": 1, "head": 3})
    assert (widget.layer, widget.head) == (1, 3)
    assert np.array_equal(drawn(widget, 1), trace.at("encoder", 1).weights(3).ravel())
    with pytest.raises(IndexError, match="layer 7 does not exist"):
        widget.open_head(7, 0)
    with pytest.raises(IndexError, match="has no 'cross' stack"):
        widgets.mosaic(trace, stack="cross")


def test_the_lens_shows_exact_weights_and_stays_inside():
    weights = np.random.default_rng(0).dirichlet(np.ones(200), 200).astype(np.float32)
    widget = widgets.overview(weights)
    click(widget, "at", [150, 20])
    assert widget.at == (136, 20)
    assert np.array_equal(drawn(widget, 1), weights[136:, 20:84].ravel())
    assert len(drawn(widget)) == 200 * 200
    assert isinstance(widget.figure(), Picture)


def test_an_array_of_ones_own_is_shown_as_it_is_and_what_is_odd_is_said():
    whole = widgets.heatmap(np.array([[0.25, 0.75]]), queries=["a"], keys=["b", "c"])
    odd = widgets.heatmap([[0.5, 0.7], [np.nan, 1.0]], queries=["a", "b"], keys=["c", "d"])
    assert whole._views[0]["meta"]["note"] == ""
    assert "do not sum to 1" in odd._views[0]["meta"]["note"]
    assert drawn(odd).tolist()[:2] == pytest.approx([0.5, 0.7])
    assert np.isnan(drawn(odd)[2])
    signed = widgets.heatmap(np.array([[-2.0, 1.0]]))._views[0]["meta"]
    assert (signed["low"], signed["high"], signed["keys"]) == (-2.0, 2.0, ["0", "1"])


def test_tensors_are_taken_as_a_model_gives_them():
    given = torch.softmax(torch.randn(1, 2, 3, 3, generator=torch.Generator().manual_seed(0), requires_grad=True), -1).bfloat16()
    widget = widgets.heatmap(given, head=1)
    assert np.array_equal(drawn(widget), given.detach().float().numpy()[0, 1].ravel())
    assert widget._views[0]["meta"]["note"] == ""  # rows of bfloat16 sum to 1 as far as it goes


@pytest.mark.parametrize("odd", [np.nan, np.inf, -1.0])
def test_a_long_map_with_what_is_no_weight_is_drawn_and_said(odd):
    weights = np.full((100, 100), 0.01, np.float32)
    weights[3, 5] = odd
    widget = widgets.overview(weights)
    whole, exact = widget._views
    assert whole["meta"]["high"] == pytest.approx(0.01)
    assert drawn(widget)[:3].tolist() == [255, 255, 255]
    assert "do not sum to 1" in exact["meta"]["note"]
    assert json.dumps([whole["meta"], exact["meta"]], allow_nan=False)


def test_a_trace_with_what_is_no_number_is_a_mosaic(trace):
    stored = np.full((2, 4, 4), 0.25, np.float32)
    stored[1, 2, 3] = np.nan
    given = trace.attentions[0]
    attention = Attention("encoder", 0, given.queries, given.keys, None, None, None, stored=stored)
    sent = widgets.mosaic(replace(trace, attentions=(attention,)))._views[0]
    assert sent["meta"]["most"] == [[0.25, 0.25]]
    assert np.frombuffer(sent["values"]["bytes"], np.uint8)[16 + 11] == 0


@pytest.mark.parametrize("given", [np.zeros((2, 2, 2, 2)), np.zeros(3), np.zeros((0, 2))])
def test_an_array_that_is_no_map_is_refused(given):
    with pytest.raises(ValueError, match=r"weights are \[q k\]"):
        widgets.heatmap(given)


def test_what_is_more_than_one_map_is_refused_with_the_way_out(trace):
    with pytest.raises(TypeError, match=r"take one sublayer, trace\.at"):
        widgets.heatmap(trace)
    with pytest.raises(TypeError, match=r"the weights of 2 layers: take one, attentions\[layer\]"):
        widgets.heatmap((torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 3)))
    with pytest.raises(TypeError, match="of a whole trace, not of Attention"):
        widgets.mosaic(trace.attentions[0])


def test_labels_that_are_not_the_arrays_own_are_refused():
    with pytest.raises(ValueError, match="weights are 1 x 2 but labels are 1 x 3"):
        widgets.heatmap(np.zeros((1, 2)), queries=["a"], keys=["b", "c", "d"])


def test_the_link_leads_to_the_same_view_in_the_app(trace):
    widget = widgets.heatmap(trace.attentions[1], head=2, cell=(1, 0))
    address = urlparse(widget.link("http://127.0.0.1:9"))
    asked = {name: value for name, (value,) in parse_qs(address.query).items()}
    facts = {"model": "reverse-sinusoidal", "text": "a b c d", "stack": "encoder", "layer": "1", "head": "2", "cell": "1,0"}
    assert (address.netloc, address.path, asked) == ("127.0.0.1:9", "/heads", facts)
    assert "/layers?" in widgets.mosaic(trace).link()


def test_there_is_no_link_to_what_the_app_cannot_know():
    with pytest.raises(ValueError, match="the app does not know this text"):
        widgets.heatmap(np.ones((1, 1))).link()


def test_a_trace_as_the_last_line_is_its_mosaic_with_a_still_picture(trace):
    bundle, _ = trace._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"} <= set(bundle)
    assert bundle["text/plain"].startswith("Trace('reverse-sinusoidal'")
    bundle, _ = trace.attentions[0]._repr_mimebundle_()
    assert bundle["text/plain"] == "Attention(encoder L0, 8 heads, 4 x 4 tokens)"
    assert len(bundle["image/png"]) < 300_000


def test_a_still_picture_has_few_colours_and_the_same_ones_to_the_eye(trace):
    whole = figures.save(widgets.mosaic(trace).figure(), "png", dpi=72)
    small = few_colours(whole)
    true, kept = (np.asarray(Image.open(io.BytesIO(each)).convert("RGB"), int) for each in (whole, small))
    assert len(small) < 0.6 * len(whole)
    assert np.abs(true - kept).max() < 20
    assert np.abs(true - kept).mean() < 1


def test_without_anywidget_pictures_stay_and_a_widget_says_what_to_install():
    code = """
import sys
sys.modules["anywidget"] = None
import importlib.util as u; real = u.find_spec
u.find_spec = lambda name, *more: None if name == "anywidget" else real(name, *more)
import attnlab
trace = attnlab.load("reverse-sinusoidal").trace("a b")
for shown in (trace, trace.attentions[0]):
    assert set(shown._repr_mimebundle_()[0]) == {"image/png", "text/plain"}
try:
    attnlab.widgets.heatmap
except ImportError as error:
    assert "attnlab[notebook]" in str(error)
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_chinese_widgets_speak_chinese(trace):
    assert widgets.heatmap(trace.attentions[0], language="zh")._views[0]["meta"]["words"]["query"] == "查询"


def test_weights_alone_say_so(trace):
    attention = trace.attentions[0]
    alone = Attention("encoder", 0, attention.queries, attention.keys, None, None, None, stored=attention.all_weights())
    assert "weights alone" in widgets.heatmap(alone)._views[0]["meta"]["note"]


def test_an_unknown_widget_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'pie'"):
        widgets.pie  # noqa: B018
