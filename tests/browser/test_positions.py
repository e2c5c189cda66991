"""The laboratory in a browser: six encodings flipped, accuracies equal to the command line's, the shuffle test, a score taken apart."""

import re

import pytest
from playwright.sync_api import expect
from typer.testing import CliRunner

from attnlab.core.positions import ENCODINGS
from attnlab.words import room

WORDS = room("en", "positions")


def pill(page, word):
    return page.locator('[data-testid="stButtonGroup"] button', has_text=word).first


def told(window, name, value):
    """Wait until the address says so."""
    found = "([name, value]) => new URLSearchParams(location.search).get(name) === value"
    window.page.wait_for_function(found, arg=[name, value])


def test_one_row_of_toggles_makes_the_maps_come_and_go(visit):
    window = visit().open("positions?part=switch")
    for kind in ENCODINGS:
        window.canvas(f"switch-{kind}")
    off = ENCODINGS[-1]
    pill(window.page, WORDS[off]).click()
    window.wait()
    window.page.locator(f".st-key-switch-{off} canvas.map").wait_for(state="detached")
    told(window, "shown", ",".join(ENCODINGS[:-1]))
    pill(window.page, WORDS[off]).click()
    window.wait()
    window.canvas(f"switch-{off}")


def test_a_model_that_knows_places_says_the_sequence_backwards_and_one_that_does_not_cannot(visit):
    window = visit().open("positions?part=switch&letters=l%20a%20b%20o%20r")
    body = window.page.locator('[data-testid="stMain"]').inner_text()
    right = {kind: int(re.search(rf"{re.escape(WORDS[kind])} · (\d) of 5 right", body)[1]) for kind in ENCODINGS}
    assert right.pop("none", 0) < 5
    assert all(score == 5 for score in right.values())
    worst = dict(zip(ENCODINGS, map(float, re.findall(r"Letters shuffled: .*?; largest difference (\S+)", body)), strict=True))
    assert worst.pop("none", 0) < 1e-5
    assert all(difference > 0.05 for difference in worst.values())


def test_accuracies_on_the_page_are_those_of_the_command_line(visit):
    from attnlab.__main__ import app

    window = visit().open("positions?part=longer&longest=12&n=16&seed=3")
    every = WORDS["progress"].format(done=9 * len(ENCODINGS), all=9 * len(ENCODINGS))
    window.page.get_by_text(every).wait_for()
    window.wait()
    table = window.page.locator('[data-testid="stTable"] table')
    expect(table.locator("tbody tr")).to_have_count(3)
    head = [cell.strip() for cell in table.locator("thead th").all_inner_texts()]
    rows = [[cell.strip() for cell in row.locator("th, td").all_inner_texts()] for row in table.locator("tbody tr").all()]
    lengths = head.index(WORDS["length"])
    for kind in ENCODINGS:
        shown = {row[lengths]: float(row[head.index(WORDS[kind])].rstrip("%")) / 100 for row in rows}
        said = CliRunner().invoke(app, f"evaluate --model reverse-{kind} --lengths 4-12 --sequences 16 --seed 3".split())
        assert said.exit_code == 0, said.output
        printed = dict(line.split("\t")[:2] for line in said.output.splitlines() if line[:1].isdigit())
        assert set(shown) == {"4", "8", "12"}
        for length, value in shown.items():
            assert value == pytest.approx(float(printed[length]), abs=0.00056)


def test_the_experiment_can_be_stopped_and_goes_on_where_it_was(visit):
    window = visit()
    window.page.goto(f"{window.server}/positions?part=longer&longest=64&n=512")  # never at rest until it is stopped
    page = window.page.get_by_test_id("stMain")  # Streamlit's own header says Stop too
    page.get_by_role("button", name=WORDS["stop"], exact=True).click()
    go_on = page.get_by_role("button", name=WORDS["go_on"], exact=True)
    go_on.wait_for()
    window.wait()
    progress = window.page.locator('[data-testid="stProgress"]')
    stood = progress.inner_text()
    window.page.wait_for_timeout(1500)
    assert progress.inner_text() == stood
    go_on.click()
    page.get_by_role("button", name=WORDS["stop"], exact=True).wait_for()


def test_shuffled_words_give_the_shuffled_map_only_without_positions(visit):
    window = visit().open("positions?part=without&text=the%20old%20man%20saw%20a%20red%20boat")
    window.page.get_by_text(WORDS["shuffle_same"]).wait_for()
    numbers = window.page.locator('[data-testid="stMetricValue"]')
    expect(numbers).to_have_count(2)
    apart, together = numbers.all_inner_texts()
    assert float(apart) < 1e-5
    assert float(together) > 0.05
    expect(window.page.get_by_text(WORDS["shuffle_differs"])).to_be_visible()


def test_a_click_on_a_head_opens_it(visit):
    window = visit().open("positions?part=without")
    canvas = window.canvas("moved")
    canvas.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Enter"):  # from L3H1, where the page begins
        canvas.press(key)
    window.wait()
    window.page.get_by_text("L4H3").first.wait_for()
    told(window, "layer", "4")
    told(window, "head", "3")


def test_a_score_is_the_sum_of_its_parts_on_the_page(visit):
    window = visit().open("positions?part=scores&layer=0&head=2")
    formula = window.page.locator('[data-testid="stMarkdownContainer"] .katex-mathml annotation').last
    formula.wait_for(state="attached")
    *parts, total = re.findall(r"-?\d+\.\d{4}", formula.text_content())
    assert len(parts) == 4
    assert sum(map(float, parts)) == pytest.approx(float(total), abs=3e-4)
    before = formula.text_content()
    canvas = window.canvas("part-score")
    canvas.focus()
    canvas.press("ArrowDown")
    canvas.press("Enter")
    window.wait()
    window.page.wait_for_function(
        "before => [...document.querySelectorAll('.katex-mathml annotation')].pop()?.textContent !== before", arg=before
    )


def test_a_pinned_cell_puts_its_numbers_into_the_formula_and_hovering_names_its_wavelength(visit):
    window = visit().open("positions?encoding=sinusoidal&d=8")
    canvas = window.canvas("table-sinusoidal")
    canvas.hover(position={"x": 120, "y": 150})
    window.page.locator(".st-key-table-sinusoidal").get_by_text("λ").first.wait_for()
    canvas.focus()
    canvas.press("Home")
    canvas.press("Enter")
    window.wait()
    window.page.get_by_text("Column 0 repeats every 6.3 positions").wait_for()


def test_a_picture_is_saved_with_its_numbers(visit):
    window = visit().open("positions?encoding=alibi&slopes=4&places=8")
    text = window.saved("table-alibi", "CSV")[0].decode("utf-8-sig")
    assert text.splitlines()[0].startswith(",H0 m 0.25")
    assert "-1.75" in text  # seven tokens away, slope a quarter


def test_the_laboratory_speaks_chinese_in_a_narrow_dark_window(visit):
    window = visit(width=820, dark=True, locale="zh-CN")
    for part in ("encodings", "switch", "longer", "without", "scores"):
        window.open(f"positions?part={part}")
        window.page.get_by_role("heading", name=room("zh", "positions")["title"]).wait_for()
        assert window.page.locator('[data-testid="stException"]').count() == 0
        assert window.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
