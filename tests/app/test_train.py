"""The Train page without a browser: both languages, the form, a training from its start to its model, and hostile uploads."""

import io
import json
import time
import zipfile

import numpy as np
import pytest

from attnlab.models.inhouse.model import InHouse
from attnlab.training import jobs as trainings
from attnlab.training.jobs import Jobs
from attnlab.training.limits import Limits
from attnlab.training.loop import Progress
from attnlab.ui.own_models import SHELF
from attnlab.ui.train.course import rising
from attnlab.words import InputError
from tests.app.conftest import opened

PAGE = "build/train.py"
PATIENCE = 300  # seconds: a test machine may be busy; nothing here is a measurement
TINY = {"reverse_layers": "1", "reverse_heads": "2", "reverse_width": "16", "reverse_steps": "40", "reverse_batch": "200"}


@pytest.fixture(autouse=True, scope="module")
def queue():
    jobs = Jobs(Limits(steps=5000, minutes=5, parameters=100_000, megabytes=1, waiting=2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainings, "queue", lambda: jobs)
        yield jobs
    jobs.close()


def drawn(app):
    """What the curves and maps are drawn from."""
    [sent] = [json.loads(each.proto.mixed.json) for each in app.get("bidi_component") if each.proto.component_name == "attnlab_learning"]
    return sent["meta"]


def press(app, label):
    next(button for button in app.button if button.label == label).click()
    return app.run()


def until_ended(queue, app):
    name = app.session_state["training"]
    end = time.monotonic() + PATIENCE
    while queue.status(name).busy and time.monotonic() < end:
        time.sleep(0.1)
    assert not queue.status(name).busy
    return app.run()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("task", ["reverse", "translate", "classify", "write", "fill"])
def test_the_form_speaks_both_languages(task, language):
    app = opened(PAGE, lang=language, task=task)
    assert not app.exception
    assert [each.value for each in app.error] == []
    text = "\n".join(str(each.value) for each in [*app.markdown, *app.caption])
    assert any("一" <= letter <= "鿿" for letter in text) == (language == "zh")


@pytest.mark.parametrize("query", [{"task": "juggle"}, {"positions": "lost", "seed": "-4"}, {"reverse_steps": "1e9"}, {"job": "nobody"}])
def test_no_link_breaks_the_page(query):
    app = opened(PAGE, lang="en", **query)
    assert not app.exception


def test_a_training_becomes_a_model_of_this_visit(queue):
    app = press(opened(PAGE, lang="en", **TINY), "Train")
    assert not app.exception
    app = until_ended(queue, app)
    assert not app.exception
    name = f"my-reverse-rotary-{app.session_state['training']}"
    assert app.session_state["own_models"] == [name]
    assert "is now in the model menu" in app.success[0].value
    assert any(each.value.startswith("It answers") for each in app.markdown)
    heads = app.switch_page("look/heads.py").run()
    assert name in heads.selectbox(key="model").options


def test_the_model_of_a_training_has_an_address_of_its_own(queue):
    app = until_ended(queue, press(opened(PAGE, lang="en", **TINY), "Train"))
    name = f"my-reverse-rotary-{app.session_state['training']}"
    for each in (name, f"{name}@untrained"):
        elsewhere = opened("look/heads.py", model=each, text="a b c d")
        assert not elsewhere.exception
        assert [error.value for error in elsewhere.error] == []
        assert elsewhere.selectbox(key="model").value == each


def test_who_has_the_link_of_a_training_may_look_and_only_its_owner_may_steer(queue):
    app = press(opened(PAGE, lang="en", **TINY | {"reverse_steps": "4000"}), "Train")
    job = app.session_state["training"]
    guest = opened(PAGE, lang="en", job=job)
    assert any("somebody's training" in each.value.replace("\\", "") for each in guest.caption)
    assert not {"Stop", "Pause", "Keep it when I leave"} & {button.label for button in guest.button}
    with pytest.raises(InputError, match="Only the visitor who began"):
        queue.order(job, "stop", "a guest")
    app = press(app.run(), "Keep it when I leave")
    key = next(each.value for each in app.caption if "&key=" in each.value).partition("&key=")[2].partition("`")[0]
    elsewhere = opened(PAGE, lang="en", job=job, key=key)
    until_ended(queue, press(elsewhere, "Stop"))


def test_nobody_loses_a_training_when_somebody_clears_the_caches(queue):
    import streamlit as st

    app = press(opened(PAGE, lang="en", **TINY | {"reverse_steps": "4000"}), "Train")
    st.cache_resource.clear()
    st.cache_data.clear()
    app = app.run()
    assert any(button.label == "Stop" for button in app.button)
    until_ended(queue, press(app, "Stop"))


def test_a_stopped_training_goes_on(queue):
    app = press(opened(PAGE, lang="en", **TINY | {"reverse_steps": "3000"}), "Train")
    name = app.session_state["training"]
    end = time.monotonic() + PATIENCE
    while not queue.status(name).history and time.monotonic() < end:
        time.sleep(0.1)
    app = until_ended(queue, press(app.run(), "Stop"))
    step = queue.status(name).last.step
    assert 0 < step < 3000
    app = press(app, "Go on")
    while queue.status(name).last.step <= step and time.monotonic() < end:
        time.sleep(0.1)
    assert queue.status(name).last.step > step
    until_ended(queue, press(app.run(), "Stop"))


@pytest.mark.parametrize(
    ("choice", "said"),
    [({"reverse_width": "17"}, "Choose a multiple of 2"), ({"reverse_width": "512"}, "at most 100000 parameters")],
)
def test_a_choice_that_cannot_be_is_said_in_words(choice, said):
    app = press(opened(PAGE, lang="en", **TINY | choice), "Train")
    assert not app.exception
    assert said in app.error[0].value


STORY = "".join(
    f"{word} said the {other} again and again\n\n" for word in ("Oh", "No", "Yes") for other in ("fox", "hen", "cat", "owl") * 4
)
WRITER = {"task": "write", "vocab": "60"} | {
    f"write_{key}": value for key, value in {"layers": "2", "heads": "2", "width": "16", "steps": "40", "batch": "100"}.items()
}


def test_a_training_has_forks_beside_it_and_teaches_a_student(queue):
    app = opened(PAGE, lang="en", **WRITER)
    app.file_uploader(key="file write").upload("story.txt", STORY.encode(), "text/plain").run()
    app = until_ended(queue, press(app, "Train"))
    original, teacher = app.session_state["training"], app.session_state["own_models"][-1]
    app.multiselect(key="fork_heads").set_value(["L0H1"]).run()
    app = until_ended(queue, press(app, "Train the fork"))
    assert queue.status(app.session_state["training"]).plan.without == ("L0H1",)
    [before] = drawn(app)["forks"]
    assert (before["name"], len(before["loss"]["x"])) == ("The original", 40)
    app = press(app, "The original")
    assert app.session_state["training"] == original
    assert [each["name"] for each in drawn(app)["forks"]] == ["The fork: from step 20 on without L0H1"]

    app.selectbox(key="write_teacher").set_value(teacher).run()
    for name, value in {"layers": 1, "heads": 2, "width": 16, "steps": 40, "batch": 100}.items():
        app.number_input(key=f"taught_{name}").set_value(value)
    app = until_ended(queue, press(app.run(), "Train"))
    sent = drawn(app)
    assert sent["taught"] is not None
    assert 0 < sent["snapshots"][-1]["far"] < 1
    assert (sent["words"]["score"], len(sent["score"]["y"])) == ("distance to the teacher", 40)


def test_what_a_training_begins_as_takes_the_place_of_its_shape(queue):
    app = opened(PAGE, lang="en", task="classify", init="fill-zh", last="0", begun_steps="10")
    keys = {each.key for each in app.number_input}
    assert "classify_width" not in keys
    rows = "".join(f"{label}\t{said}{i}\n" for i in range(12) for label, said in (("good", "他们很好"), ("bad", "今天不好")))
    app.file_uploader(key="file classify").upload("rows.tsv", rows.encode(), "text/plain").run()
    app = until_ended(queue, press(app, "Train"))
    assert [each.value for each in app.error] == []
    plan = queue.status(app.session_state["training"]).plan
    assert (plan.init, plan.last) == ("fill-zh", 0)
    app = press(app, "Compare before and after")
    assert not app.exception
    assert app.selectbox(key="model").value == "fill-zh"
    assert [app.number_input(key=name).value for name in ("layer", "layer_b")] == [3, 3]  # where it may have learned something
    assert app.selectbox(key="model_b").value in app.session_state["own_models"]


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no zip at all", "not a model that attnlab packed"),
        (zipped({"../model.safetensors": b""}), "leaves its folder"),
        (zipped({"pytorch_model.bin": b"\x80\x04."}), "is a pickle"),
        (zipped({"readme.txt": b"hello"}), "holds exactly"),
        (zipped({"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": b"\0" * 9}), "holds a model in the format"),
    ],
)
def test_a_hostile_upload_is_refused_with_a_sentence(content, said):
    app = opened(PAGE, lang="en")
    app.file_uploader(key="model zip").upload("evil.zip", content, "application/zip").run()
    assert not app.exception
    assert said in app.error[0].value
    assert not app.session_state["own_models"] if "own_models" in app.session_state else True


def test_a_model_that_was_downloaded_can_be_loaded_again(queue):
    from attnlab.models.inhouse.zipped import pack

    app = until_ended(queue, press(opened(PAGE, lang="en", **TINY), "Train"))
    model = InHouse.load(queue.status(app.session_state["training"]).model, "mine")
    other = opened(PAGE, lang="en")
    other.file_uploader(key="model zip").upload("from a friend.zip", pack(model, "its card"), "application/zip").run()
    assert not other.exception
    again = SHELF.get((other.session_state["visitor"], "from-a-friend"))
    assert again.tag(["a b c d e"]) == model.tag(["a b c d e"])


def test_a_rising_loss_is_seen_and_a_falling_one_is_not():
    def history(losses):
        return [Progress(i, 1000, float(loss), 0.1, 1.0, 1.0) for i, loss in enumerate(losses)]

    assert not rising(history(np.linspace(4, 1, 400)))
    assert rising(history([*np.linspace(4, 1, 200), *np.linspace(1, 5, 200)]))
    assert not rising(history([9.0] * 60))


HEADS = ((0, 2), (1, 1), (1, 2), (1, 3))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_recorded_writer_names_its_births_and_shows_its_forks(lang):
    app = opened(PAGE, recorded="write-birth", lang=lang)
    meta = drawn(app)
    assert {(birth["step"], birth["layer"], birth["head"]) for birth in meta["births"]} == {
        (600, 0, 2),
        (600, 1, 1),
        (600, 1, 2),
        (600, 1, 3),
    }
    whole, one, four = (line["score"]["y"][-1] for line in (meta, *meta["forks"]))
    assert whole > 0.9
    assert one > 0.9
    assert four < 0.2
