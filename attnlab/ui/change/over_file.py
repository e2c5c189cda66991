"""Every head knocked out over a file of sentences: the mean change of the output, with an interval, as `attnlab importance` measures it."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Stack
from attnlab.files import safe_name
from attnlab.models.interventions import By, Importance, importance
from attnlab.models.spec import Model
from attnlab.ui import canvas
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import number, t
from attnlab.ui.pictures import save_matrix
from attnlab.ui.turns import Kept, made_in_turn
from attnlab.untrusted import decode, sentence_lines

MOST = 200  # sentences: about a minute for a model of six layers
LARGEST = 1  # MiB of the file
FIRST = 10  # heads of the ranking
OVER = Kept[Importance](16)


def show_over_file(model: Model, stack: Stack, by: By) -> None:
    """The file, and once it is there the map of means, the heads that matter most, and all numbers as a file."""
    with st.expander(t("change.over")):
        file = st.file_uploader(t("change.over_file", most=MOST), type=["txt"], key="importance file", max_upload_size=LARGEST)
        if file is None:
            st.caption(t("change.over_what"))
            return
        with mistake_box():
            texts = tuple(line for _, line in sentence_lines(decode(file.getvalue(), file.name), most=MOST))
            key = (model.spec.name, model.spec.revision, stack, by, texts)
            make = partial(importance, model, texts, stack, by=by)
            found = made_in_turn(OVER, key, lambda breathe: make(between=breathe))
        _draw(model, found, by)


def _draw(model: Model, found: Importance, by: By) -> None:
    rows, columns = [f"L{i}" for i in range(len(found.mean))], [f"H{j}" for j in range(found.mean.shape[1])]
    axes, name = (t("ui.layer"), t("ui.head")), t("change.change")
    canvas.matrix(found.mean, rows, columns, key="over", kind="signed", title=name, name=name, axes=axes, height=330)
    title = t("change.over_title", n=found.sentences, by=t(f"change.every_{by}"))
    told: dict[str, Any] = {"title": f"{model.spec.name}: {name}", "caption": title, "legend": name, "axes": axes, "signed": True}
    facts = {"model": model.spec.name, "revision": model.spec.revision, "stack": found.stack, "options": {"by": by}}
    save_matrix(found.mean, rows, columns, key="over", name=f"{model.spec.name} importance", facts=facts, **told)
    st.markdown(title)
    heads = [divmod(int(i), found.mean.shape[1]) for i in np.argsort(-np.abs(found.mean), axis=None)]  # the largest change first
    st.table(_ranked(found, heads[:FIRST]))
    rows_of = [f"{found.stack},{i},{j}," + ",".join(f"{x[i, j]:.8g}" for x in (found.mean, found.low, found.high)) for i, j in heads]
    data = "\n".join(["stack,layer,head,change,low,high,sentences", *(f"{row},{found.sentences}" for row in rows_of)]) + "\n"
    file = safe_name(f"{model.spec.name} importance", otherwise="importance")
    st.download_button(t("change.over_csv"), data, file_name=f"{file}.csv", mime="text/csv", key="over csv", on_click="ignore")


def _ranked(found: Importance, heads: Sequence[tuple[int, int]]) -> dict[str, list[str]]:
    mark = "×" if found.stack == "cross" else ""
    return {
        t("ui.head"): [f"{mark}L{i}H{j}" for i, j in heads],
        t("change.change"): [number(float(found.mean[i, j])) for i, j in heads],
        t("change.interval"): [f"{number(float(found.low[i, j]))} … {number(float(found.high[i, j]))}" for i, j in heads],
    }
