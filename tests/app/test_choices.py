"""What a visitor chose, without a browser: one name may mean two kinds of choice on two pages, and a pin is held by several maps."""

from streamlit.testing.v1 import AppTest

from attnlab.words import room
from tests.app.conftest import opened


def test_a_name_that_means_a_word_on_one_page_and_a_number_on_another_harms_neither():
    app = opened("learn/variants.py", **{"from": "table"})
    app.switch_page("learn/positions.py").run()
    assert not app.exception
    assert [slider.value for slider in app.slider if slider.label == room("en", "positions")["from"]] == [16]


def page_of_pins():
    import streamlit as st

    from attnlab.ui import link, pins

    link.begin()
    cell = pins.shared_pin("pin", ("left", "right"), (4, 4))
    st.write(str(cell), str(link.MINE in st.session_state and st.session_state[link.MINE]["pin"]))


def pinned(app):
    assert not app.exception
    return [each.value for each in app.markdown]


def test_a_click_in_either_map_moves_the_pin_of_both_and_the_last_one_counts():
    app = AppTest.from_function(page_of_pins).run()
    assert pinned(app) == ["None None"]
    app.session_state["left"] = {"cell": [1, 2, 1]}
    assert pinned(app.run()) == ["(1, 2) 1,2"]
    app.session_state["right"] = {"cell": [3, 0, 1]}
    assert pinned(app.run()) == ["(3, 0) 3,0"]
    assert pinned(app.run()) == ["(3, 0) 3,0"]  # what was told once is not told again
    app.session_state["left"] = {"cell": [-1, -1, 2]}
    assert pinned(app.run()) == ["None None"]


def test_a_pin_outside_a_map_that_has_become_smaller_is_none():
    app = AppTest.from_function(page_of_pins)
    app.query_params["pin"] = "9,9"
    assert pinned(app.run()) == ["None None"]
