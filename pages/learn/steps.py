"""Step by step: one head's arithmetic from the words to the layer's output, played, paused, taken apart and checked."""

import streamlit as st

from attnlab.core.walk.spot import base
from attnlab.ui import choices, link
from attnlab.ui.ask import control_bar
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import md_escape, t
from attnlab.ui.steps.formulas import explanation, formula
from attnlab.ui.steps.page import player, table
from attnlab.ui.steps.player import LONGEST, SEQ, look, save_step, show_code, show_proof, show_script
from attnlab.ui.steps.scratch import ask_change

with mistake_box():
    bar = control_bar()
    model, trace, attention, head = bar.model, bar.trace, bar.attention, bar.head

if not attention.recorded:
    st.info(t("steps.hidden", model=md_escape(model)))
    link.stop()
n = max(len(attention.queries), len(attention.keys))
if n > LONGEST:
    st.info(t("steps.long", n=n, limit=LONGEST))
    link.stop()
if trace.made == "decoded":
    st.caption(t("heads.decoded", text=md_escape(trace.target_text or "")))

seen, move, jump = look(trace, model, attention, head)
name = next(name for stage, name in seen.steps if (stage, base(name)) == (seen.place.stage, seen.place.part))
if seen.steps[0][0] > 1:
    st.caption(t("steps.short", model=md_escape(model)))

left, right = st.container(key="walking").columns([2.05, 1], gap="medium")
with left:
    player(seen, key="walk", scratch=not seen.walk.change.nothing, seq=choices.last(SEQ, 0), changed=move)
    save_step(trace, seen, name)
with right:
    st.markdown(f"## {seen.place.stage} · {t(f'steps.stage_{seen.place.stage}')}")
    st.markdown(explanation(seen, name))
    st.latex(formula(seen, name))
    if seen.place.stage > 1:
        table(seen, name, key="apart", changed=jump)

show_proof(trace, model, attention)
ask_change(seen)
show_code(seen, name)
show_script(trace, model, attention, head)
