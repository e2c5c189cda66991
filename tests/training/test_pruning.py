"""Heads taken out for good: scores are those of the model without them, and by importance they last longer than at random."""

import numpy as np
import pytest

from attnlab import Edit, load
from attnlab.models.answers import answers
from attnlab.models.recorder import intervening
from attnlab.training.pruning import curve, held_out, least_important_first, prune, removed
from attnlab.words import InputError

ROWS = "positive\tWhat a lovely film!\nnegative\tWhat a boring film!\npositive\tI love it.\nnegative\tI hate it.\n"


def test_reversing_lasts_longer_by_importance_than_at_random():
    model = load("reverse-rotary")
    task = held_out(model, None, rows=18)
    order = least_important_first(model, task.texts[:3])
    assert len(order) == len(set(order)) == sum(shape.layers * shape.heads for shape in model.spec.stacks.values())
    found = curve(task.kind, prune(task, order, orders=2, points=5))
    assert found.removed[0] == 0
    assert found.removed[-1] == len(order)
    assert (found.at_random[:, 0] == found.by_importance[0]).all()  # nothing out is the same everywhere, and so is everything out
    assert (found.at_random[:, -1] == found.by_importance[-1]).all()
    assert found.by_importance[0] > 0.9
    assert found.by_importance[-1] < 0.3
    assert found.by_importance.sum() >= found.at_random.mean(0).sum()


def test_a_head_that_is_out_hands_on_nothing():
    model = load("sentiment")
    with intervening(removed([("encoder", 1, 3), ("encoder", 1, 5)])):
        said = model.classify(["What a lovely film!"])[0][1]
    edits = [Edit("z", layer=1, head=head, to="zero") for head in (3, 5)]
    assert said == pytest.approx(answers(model, model.trace("What a lovely film!", edits=edits), None)[1].value, abs=1e-5)
    assert said != pytest.approx(model.classify(["What a lovely film!"])[0][1], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "rows", "kind"),
    [
        ("sentiment", ROWS, "accuracy"),
        ("translate-fr", "The cat sleeps.\tLe chat dort.\nI am here.\tJe suis là.\n", "bleu"),
        ("write-en", "Once upon a time there was a king.\nHe had a daughter.\n", "loss"),
        ("fill-en", "The cat sat on the mat because it was tired.\nHe was here yesterday.\n", "top1"),
    ],
)
def test_every_task_has_its_score(name, rows, kind, tmp_path):
    file = tmp_path / "rows.tsv"
    file.write_text(rows)
    task = held_out(load(name), file, rows=4)
    assert task.kind == kind
    assert len(task.texts) == len(rows.splitlines())
    assert np.isfinite(task.score())


def test_what_has_no_task_or_no_data_is_refused(bert):
    with pytest.raises(InputError, match="not"):
        held_out(bert, None)
    with pytest.raises(InputError, match="data"):
        held_out(load("sentiment"), None)
    with pytest.raises(InputError, match="needs texts"):
        least_important_first(bert, [])
