"""An index made here from one's own sentences, in the background; the page only looks at it."""

import streamlit as st

from attnlab.corpus.jobs import MOST, Jobs
from attnlab.ui import choices
from attnlab.ui.access import allowed
from attnlab.ui.atlas.indexes import take
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import md_escape, t
from attnlab.words import InputError

JOB = "atlas job"


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    return Jobs()


def ask_making(model: str) -> None:
    """Sentences, a button, and how far it is."""
    with mistake_box():
        text = st.text_area(
            t("atlas.make", limit=MOST, model=md_escape(model)), height=120, key="atlas own sentences", persist_state="session"
        )
        if st.button(t("atlas.start"), disabled=not text.strip()):
            choices.keep(JOB, jobs().submit(allowed(model), text.splitlines()))
        if choices.last(JOB):
            watch()


@st.fragment(run_every=2)
def watch() -> None:
    """The bar; when it is done, the index is opened."""
    name = choices.last(JOB)
    job = jobs().get(name) if name else None
    if job is None:
        return
    if job.state in ("waiting", "running"):
        st.progress(job.share, t(f"atlas.job_{job.state}", percent=f"{100 * job.share:.0f}"))
        return
    choices.keep(JOB, None)
    if job.state == "failed":
        st.error(md_escape(job.why))
        return
    try:
        take(jobs().index(name), t("atlas.made_name", model=job.model))
    except InputError as mistake:
        st.error(md_escape(str(mistake)))
        return
    st.rerun(scope="app")
