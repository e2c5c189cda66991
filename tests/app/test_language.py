"""The language of a visit is found once a run, and a choice is heard at once."""

from streamlit.testing.v1 import AppTest


def page():
    import streamlit as st

    from attnlab.ui import language

    language.settle_language()
    found = language._find_language
    language._find_language = lambda: 1 / 0  # nobody asks the session again
    try:
        st.write(language.t("ui.model"), language.language())
    finally:
        language._find_language = found
    language.choose_language("zh")
    st.write(language.language())


def test_the_language_is_found_once_a_run_and_a_choice_is_heard_at_once():
    app = AppTest.from_function(page, default_timeout=300).run()
    assert not app.exception
    assert [each.value for each in app.markdown] == ["Model en", "zh"]
