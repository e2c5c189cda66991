"""Translate in Chromium: ten sentences, one step by step, a word forced, the whole picture, and on to the Heads page."""

import re

import pytest

from attnlab.words import ASSETS

if not (ASSETS / "models" / "translate-fr" / "config.json").is_file():
    pytest.skip("translate-fr is not here", allow_module_level=True)

SENTENCES = (
    "The red car is in the garden.",
    "I am tired.",
    "She reads a book.",
    "Where is the station?",
    "We drink coffee every morning.",
    "My brother lives in Paris.",
    "It is raining.",
    "The children are playing in the park.",
    "I do not understand this word.",
    "Thank you very much!",
)


def said(visit):
    return visit.page.locator("h2").first.inner_text()


def step(visit):
    return visit.page.locator(".st-key-writing output.said").inner_text()


def test_ten_sentences_are_translated(visit):
    window = visit()
    window.open("translate?lang=en")
    found = []
    for sentence in SENTENCES:
        window.type("Text", sentence)
        window.page.wait_for_function("before => document.querySelector('h2').innerText !== before", arg=found[-1] if found else "")
        found.append(said(window))
    assert len(set(found)) == len(SENTENCES)
    assert all(re.search(r"[a-zéèàêç]{2}", each) for each in found)
    assert "voiture" in found[0]


def test_a_translation_is_stepped_through_by_button_key_and_slider(visit):
    window = visit()
    window.open("translate?lang=en&text=The red car is in the garden.&at=0")
    page = window.page
    assert step(window).startswith("Step 1 of")
    page.get_by_label("One step on").click()
    assert step(window).startswith("Step 2 of")
    page.locator(".st-key-writing .decoder").focus()
    page.keyboard.press("ArrowRight")
    assert step(window).startswith("Step 3 of")
    page.keyboard.press("Home")
    assert step(window).startswith("Step 1 of")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('.st-key-writing') !== null")
    page.locator(".st-key-writing output.said", has_text="Step 2 of").wait_for()
    page.get_by_role("button", name="Pause").click()
    source = page.locator(".st-key-writing .chips.source small")
    source.first.wait_for()
    weights = [float(each) for each in source.all_inner_texts()]
    assert sum(weights) == pytest.approx(1, abs=0.06)  # written with two digits each
    page.locator(".st-key-writing .tree g.best").nth(3).wait_for()
    window.wait()
    assert "at=" in page.url


def test_a_word_is_forced_and_let_go_again(visit):
    window = visit()
    window.open("translate?lang=en&text=The red car is in the garden.&at=1")
    page, before = window.page, said(window)
    page.get_by_label("Another word here").fill("maison")
    page.get_by_role("button", name="Write it").click()
    page.locator("h2", has_text="maison").wait_for()
    window.wait()
    assert "maison" in said(window).split()[1]
    assert "forced=" in page.url
    page.get_by_role("button", name="Let the model choose again").click()
    page.locator("h2", has_text=before).wait_for()


def test_another_candidate_is_written_at_a_click(visit):
    window = visit()
    window.open("translate?lang=en&text=The red car is in the garden.&at=0")
    page = window.page
    other = page.locator(".st-key-writing .row:not(:disabled)").first
    word = other.locator(".word").inner_text().split()[-1]
    other.click()
    page.get_by_text("begins as you said").wait_for()
    assert said(window).startswith(word)


@pytest.mark.parametrize(("language", "dark"), [("en", False), ("zh", True)])
def test_alignment_joint_view_scores_and_sentiment_stand(visit, language, dark):
    window = visit(dark=dark)
    window.open(f"translate?lang={language}&view=whole&text=The red car is in the garden.")
    window.canvas("alignment")
    window.open(f"translate?lang={language}&view=whole&picture=joint")
    window.canvas("joint")
    window.open(f"translate?lang={language}&view=scores&text=The red car is in the garden.&reference=La voiture rouge est dans le jardin.")
    assert "BLEU" in window.page.locator('[data-testid="stMetric"]').first.inner_text()
    window.page.locator(".st-key-reference-losses .chips button").nth(5).wait_for()


def test_a_clicked_word_changes_the_answer(visit):
    if not (ASSETS / "models" / "sentiment" / "config.json").is_file():
        pytest.skip("sentiment is not here")
    window = visit()
    window.open("sentiment?lang=en&review=The food was great.")
    window.page.locator(".chips button", has_text="great").click()
    window.page.get_by_text("Without great").wait_for()


def test_a_step_is_opened_in_heads(visit):
    window = visit()
    window.open("translate?lang=en&text=The red car is in the garden.")
    window.page.get_by_role("button", name="Open in Heads").click()
    window.canvas("map")
    window.wait()
    assert "/heads" in window.page.url
    assert "model=translate-fr" in window.page.url
    assert "stack=cross" in window.page.url


def test_a_sentence_is_text_and_never_markup(visit):
    window = visit()
    window.open("translate?lang=en")
    window.type("Text", "<img src=x onerror=alert(1)> ![x](http://evil.example/x.png)")
    assert window.page.locator("img[src='x']").count() == 0
