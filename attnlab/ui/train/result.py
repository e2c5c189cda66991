"""The model that comes out of a training or a zip: in this visit's menu, to be tried, opened and taken away."""

from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from attnlab.files import safe_name
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.zipped import pack, unpack
from attnlab.models.load import names as shipped
from attnlab.training.jobs import Status
from attnlab.ui import choices, link
from attnlab.ui.ask import ask_text, open_head
from attnlab.ui.language import language, md_escape, t
from attnlab.ui.own_models import keep_model, list_model, own_names, trained_model_name
from attnlab.ui.traces import get_model
from attnlab.words import InputError

PAGES = {  # where the model of a task is used, the choice that names it there, and what the button says
    "translate": ("build/translate.py", "translator", "open_translate"),
    "classify": ("build/sentiment.py", "classifier", "open_translate"),
    "generate": ("build/write.py", "writer", "open_write"),
    "fill": ("build/fill.py", "filler", "open_fill"),
}
LETTERS = "q w e r t y a b a c"  # what the small tasks' models read


def show_result(status: Status) -> None:
    """The model: put into the menu of this visit, to be tried, opened and taken away."""
    if not (status.model / "config.json").is_file():
        return
    model = adopt_model(status)
    spec = model.spec
    st.success(t("train.result", name=md_escape(spec.name), parameters=f"{spec.parameters:,}"))
    if spec.task == "tag":
        text = ask_text("h e l l o w o r l d", key="try", label=t("train.try"))
        try:
            st.markdown(t("train.answer", said=md_escape(" ".join(model.tag([text])[0]))))
        except InputError as mistake:
            st.error(md_escape(mistake.say(language())))
    with st.container(horizontal=True, gap="small"):
        card = status.model / "card.md"
        make = partial(pack, model, card.read_text("utf-8") if card.is_file() else "")
        st.download_button(t("train.download"), make, f"{spec.name}.zip", "application/zip", on_click="ignore", key="download model")
        open_model(model)
        if status.plan.init is not None and st.button(t("train.open_compare"), key="open compare"):
            last = model.module.config.encoder_layers - 1  # the first ones may have learned nothing
            places = {"layer": last, "head": 0, "layer_b": last, "head_b": 0}
            link.go("look/compare.py", model=status.plan.init, model_b=spec.name, **{"with": "models"}, **places)


def open_model(model: InHouse) -> None:
    """Buttons to the pages where the model can be looked at."""
    if st.button(t("translate.open_heads"), key="open heads"):
        open_last(model)
    page = PAGES.get(model.spec.task)
    if page and st.button(t(f"train.{page[2]}"), key="open translate"):
        link.go(page[0], **{page[1]: model.spec.name})


def open_last(model: InHouse) -> None:
    """The Heads page with the last layer of the model's first stack, and a sentence that it can read."""
    stack, shape = next(iter(model.spec.stacks.items()))
    link.choose(model=model.spec.name, over="head")
    open_head(stack, shape.layers - 1, 0, text=LETTERS if model.spec.task == "tag" else None)


def adopt_model(status: Status) -> InHouse:
    """The model of a training, put into the menu of this visit under its own name, which is the same for everybody."""
    name = trained_model_name(status)
    list_model(name)
    return inhouse(name)


def inhouse(name: str) -> InHouse:
    """A model of this visit by its name; what is trained or uploaded is one of ours."""
    model = get_model(name)
    assert isinstance(model, InHouse)
    return model


def free_name(wanted: str) -> str:
    """A name that neither a shipped model nor one of this visit has."""
    plain = safe_name(wanted, otherwise="model")
    taken = {*shipped(), *own_names()}
    return next(name for i in range(1, 10_000) if (name := plain if i == 1 else f"{plain}-{i}") not in taken)


def ask_upload() -> None:
    """A zip that was downloaded here or elsewhere, as a model of this visit. A zip that is none is refused with a sentence."""
    file = st.file_uploader(t("train.upload"), ["zip"], key="model zip", help=t("train.upload_help"))
    if file is None:
        return
    done = choices.visit("uploaded", dict[str, Any])
    if file.file_id not in done:
        try:
            unpacked, card = unpack(file.getvalue(), free_name(Path(file.name).stem))
        except InputError as mistake:
            done[file.file_id] = mistake
        else:
            keep_model(unpacked)
            done[file.file_id] = (unpacked.spec.name, card)
    outcome = done[file.file_id]
    if isinstance(outcome, InputError):
        st.error(md_escape(outcome.say(language())))
        return
    name, card = outcome
    model = inhouse(name)
    facts = {"name": md_escape(name), "task": t(f"train.does_{model.spec.task}"), "parameters": f"{model.spec.parameters:,}"}
    st.success(t("train.uploaded", **facts))
    if st.button(t("translate.open_heads"), key="open uploaded"):
        open_last(model)
    with st.expander(t("train.card")):
        st.code(card, language=None, wrap_lines=True)
