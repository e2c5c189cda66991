"""Where a model computes and how exactly: bfloat16 beside float32 on the processor, and what is refused before anything is loaded."""

import numpy as np
import pytest
import torch

from attnlab import load
from attnlab.core.edits import Edit
from attnlab.models import device
from attnlab.models.device import USUAL, Device, check_room, device_of, devices
from attnlab.models.recorder import Call, Recorder, here
from attnlab.words import InputError

TEXT = "The cat sat on the mat."


@pytest.fixture(scope="module")
def half():
    return load("bert", dtype="bfloat16")


def test_a_model_in_bfloat16_is_another_than_the_one_in_float32_and_says_so(half, bert):
    trace = half.trace(TEXT)
    assert (half.spec.dtype, trace.dtype, bert.trace(TEXT).dtype) == ("bfloat16", "bfloat16", "float32")
    assert next(half.module.parameters()).dtype == torch.bfloat16
    assert half is load("bert", dtype="bfloat16") is not bert


def test_weights_are_worked_out_in_float32_from_what_a_bfloat16_pass_recorded(half):
    """q, k, v and the stream are float32 arrays whose numbers bfloat16 can say; rows sum to 1 as exactly as float32 does."""
    trace = half.trace(TEXT)
    attention = trace.at("encoder", 3)
    for x in (attention.need("q"), attention.need("k"), attention.need("v"), trace.residual["encoder"][2]):
        assert x.dtype == np.float32
        np.testing.assert_array_equal(torch.from_numpy(x.copy()).bfloat16().float().numpy(), x)
    scores = attention.need("q")[4].astype(np.float64) @ attention.need("k")[4].T * attention.scale
    wanted = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    np.testing.assert_allclose(attention.weights(4), wanted, atol=1e-6)


def test_bfloat16_is_near_float32(half, bert):
    near, exact = (model.trace(TEXT).at("encoder", 0).all_weights() for model in (half, bert))
    assert 0 < np.abs(near - exact).max() < 0.05


def test_a_batch_and_an_edit_run_in_bfloat16_too(half):
    alone, batch = half.trace(TEXT), half.traces([TEXT, "Dogs bark."])[0]
    np.testing.assert_allclose(batch.at("encoder", 0).all_weights(), alone.at("encoder", 0).all_weights(), atol=0.02)
    assert half.again(alone).last.dtype == torch.float32
    struck = half.trace(TEXT, edits=[Edit("z", "encoder", 0, 1)])
    assert np.abs(struck.at("encoder", 0).z(1)).max() == 0


def test_the_environment_names_device_and_precision_for_who_gives_none(monkeypatch):
    assert device_of() is USUAL
    monkeypatch.setenv("ATTNLAB_DTYPE", "bfloat16")
    monkeypatch.setenv("ATTNLAB_DEVICE", "auto")
    assert device_of() == Device(devices()[0], "bfloat16")
    assert device_of("cpu", "float32") == USUAL


def test_a_device_that_is_not_here_and_words_that_mean_none_are_refused(monkeypatch):
    monkeypatch.setattr(device, "devices", lambda: ["cpu"])
    with pytest.raises(InputError, match="There is no cuda here"):
        device_of("cuda")
    with pytest.raises(InputError, match="float16"):
        device_of(dtype="float16")


def test_weights_that_do_not_fit_are_refused_and_large_ones_are_spoken_of(monkeypatch, capsys):
    """7 billion numbers: 28 GB in float32, 14 in bfloat16."""
    headers = [{"a": {"shape": [7, 10**9]}}]
    monkeypatch.setattr(device, "free_memory", lambda kind: 20 * 10**9)
    with pytest.raises(InputError, match=r"28\.0 GB in float32, and 20\.0 GB"):
        check_room(headers, USUAL)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    check_room(headers, Device(dtype="bfloat16"))
    assert capsys.readouterr().err == "14.0 GB of weights in bfloat16; 20.0 GB of memory are free (cpu).\n"
    monkeypatch.setattr(device, "free_memory", lambda kind: None)
    check_room(headers, USUAL)


def test_the_memory_that_is_free_is_a_number_or_nobodys_knowledge(monkeypatch, tmp_path):
    found = device.free_memory("cpu")
    assert found is None or found > 0
    monkeypatch.setattr(device, "MEMORY", tmp_path / "nothing")
    assert device.free_memory("cpu") is None


def test_a_mask_of_all_layers_is_kept_once_and_the_least_number_stays_the_least():
    bias = torch.tensor([[[[0.0, torch.finfo(torch.bfloat16).min]]]], dtype=torch.bfloat16)
    x = torch.ones(1, 1, 1, 2, dtype=torch.bfloat16)
    recorder = Recorder()
    for _ in range(2):
        recorder.keep(Call(x, x, x, 1.0, bias=bias))
    first, second = recorder.calls
    assert first.bias is second.bias
    assert first.bias[0, 0, 0, 1] == torch.finfo(torch.float32).min
    kept = torch.ones(2)
    assert here(kept) is kept
