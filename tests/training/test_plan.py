"""What a training begins with when nothing else is said: a promise to everybody who types no option."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.training.data import Example, collate
from attnlab.training.limits import Limits
from attnlab.training.loop import Recipe, Trainer
from attnlab.training.material import hold_out
from attnlab.training.plan import KINDS, Kind, Plan, config_of, layers_of, parameters, plan, read_plan
from attnlab.training.tasks import TASKS

PLAIN: dict[str, Any] = {
    "steps": 2000, "rate": 1e-3, "warmup": 400, "schedule": "linear", "batch": 2000, "accumulate": 1, "smoothing": 0.1, "clip": 1.0,
    "precision": "bfloat16", "seed": 0, "validate_every": 500, "patience": 0, "average": 1, "decay": 0.0, "pool_rate": 1.0,
    "optimizer": "adam", "matrix_rate": 0.02,
}  # fmt: skip
LETTERS = {"steps": 3000, "warmup": 300, "rate": 3e-3, "batch": 800, "smoothing": 0.0, "validate_every": 250}
MUON = {"warmup": 150, "rate": 3e-3, "batch": 2048, "smoothing": 0.0, "validate_every": 250, "optimizer": "muon"}
RECIPES: dict[str, dict[str, Any]] = {
    "copy": LETTERS,
    "reverse": LETTERS,
    "sort": LETTERS,
    "translate": {"steps": 10000, "warmup": 1000},
    "classify": {"steps": 600, "warmup": 60, "rate": 5e-4, "batch": 1000, "smoothing": 0.0, "validate_every": 50, "pool_rate": 20.0},
    "generate": {"steps": 5000, "warmup": 500},
    "write": MUON,
    "fill": MUON,
}
# task of the model, layers of encoder and decoder, heads, d_model, d_ff, dropout, longest text
SHAPES: dict[str, tuple[str, int, int, int, int, int, float, int]] = {
    "copy": ("tag", 3, 0, 8, 64, 256, 0.0, 64),
    "reverse": ("tag", 3, 0, 8, 64, 256, 0.0, 64),
    "sort": ("tag", 3, 0, 8, 64, 256, 0.0, 64),
    "translate": ("translate", 3, 3, 4, 256, 1024, 0.1, 128),
    "classify": ("classify", 2, 0, 4, 64, 256, 0.3, 256),
    "generate": ("generate", 0, 3, 4, 128, 512, 0.1, 256),
    "write": ("generate", 0, 4, 4, 192, 768, 0.0, 256),
    "fill": ("fill", 4, 0, 4, 192, 768, 0.1, 128),
}
DATA = Path("data.tsv")


def made(kind: Kind, **rest: Any) -> Plan:
    return plan(kind, data=None if kind in TASKS else DATA, **rest)


def test_a_recipe_of_which_nothing_is_said() -> None:
    assert asdict(Recipe()) == PLAIN


@pytest.mark.parametrize("kind", RECIPES)
def test_every_task_has_the_recipe_that_suits_it(kind: Kind) -> None:
    assert asdict(made(kind).recipe) == PLAIN | RECIPES[kind]
    assert asdict(made(kind, recipe={"steps": 7}).recipe) == PLAIN | RECIPES[kind] | {"steps": 7}


@pytest.mark.parametrize("kind", SHAPES)
def test_every_task_has_the_shape_that_suits_it(kind: Kind) -> None:
    c = config_of(made(kind), vocab=30, classes=2)
    said = (c.task, c.encoder_layers, c.decoder_layers, c.n_heads, c.d_model, c.d_ff, c.dropout, c.max_tokens)
    assert said == SHAPES[kind]
    positions = "rotary" if kind in ("write", "fill") else "sinusoidal"
    assert (c.positions, c.norm, c.activation, c.tied) == (positions, "pre", "relu", True)


@pytest.mark.parametrize("kind", SHAPES)
def test_layers_are_given_to_every_stack_that_a_task_has_and_to_no_other(kind: Kind) -> None:
    c = config_of(made(kind, shape=layers_of(kind, 5)), vocab=30, classes=2)
    assert [c.encoder_layers, c.decoder_layers] == [5 if layers else 0 for layers in SHAPES[kind][1:3]]


def test_the_tables_name_every_task() -> None:
    assert set(RECIPES) <= set(KINDS)
    assert set(SHAPES) == set(RECIPES)


def test_a_plan_asks_for_five_thousand_pieces_and_rows_of_4_to_16_letters() -> None:
    reverse = plan("reverse")
    assert (reverse.vocab, reverse.lengths, reverse.probes, reverse.init, reverse.valid) == (5000, (4, 16), (), None, None)


def test_a_server_gives_a_training_20000_steps_20_minutes_5_million_parameters_and_20_megabytes() -> None:
    more = {"begun": 25_000_000, "states": 100}  # where a shipped model learns on, and of the states that forks begin with
    assert asdict(Limits()) == more | {"steps": 20_000, "minutes": 20, "parameters": 5_000_000, "megabytes": 20, "waiting": 60, "each": 2}


def test_the_smoothing_that_nobody_asked_for_is_a_tenth() -> None:
    torch.manual_seed(0)
    module = Transformer(Config("tag", vocab=30, decoder_layers=0, dropout=0.0, n_heads=2, d_model=16, d_ff=16, encoder_layers=1))
    batch = collate([Example((4, 5, 6), (), (6, 5, 4))])
    trainer = Trainer(module, Recipe(precision="float32"))
    with torch.no_grad():
        logits = module.out(module.hidden(batch.source, None))
    expected = F.cross_entropy(logits[0], batch.wanted[0], label_smoothing=0.1)
    assert trainer.update([batch]) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(("n", "held"), [(1, 1), (2, 1), (39, 1), (40, 2), (1000, 50)])
def test_a_twentieth_of_the_rows_is_held_out_and_never_trained_on(n: int, held: int) -> None:
    rows = [(str(i),) for i in range(n)]
    good, apart = hold_out(rows)
    assert len(apart) == held
    assert sorted([*good, *apart]) == sorted(rows)
    assert hold_out(rows) == (good, apart)


def test_a_plan_is_read_as_it_was_written() -> None:
    import json

    wanted = made("translate", recipe={"steps": 3}, shape={"d_model": 8}, probes=("a\tb",), valid=Path("valid.tsv"), licence="CC0")
    assert read_plan(json.loads(json.dumps(asdict(wanted), default=str))) == wanted


def test_the_size_of_a_plan_is_the_size_of_its_model() -> None:
    small = {"d_model": 16, "d_ff": 16, "n_heads": 2, "encoder_layers": 1}
    wanted = plan("copy", shape=small)
    assert parameters(wanted) == sum(p.numel() for p in Transformer(config_of(wanted, vocab=30)).parameters())
    assert parameters(wanted) < parameters(plan("copy", shape=small | {"encoder_layers": 2}))
