"""Train in Chromium: a model from the form to the menu, its attention scrubbed, taken away as a zip and loaded again."""

import io
import re
import zipfile

import pytest
from playwright.sync_api import expect

from attnlab.models.inhouse.zipped import unpack

MINUTES = 600_000  # milliseconds: a training gives way to everybody else on a busy machine


def press(window, name):
    inside = window.page.get_by_test_id("stMain")  # Streamlit's own header has a button Stop
    inside.get_by_role("button", name=name, exact=True).click()


def upload(window, name, content):
    window.page.locator(".st-key-model-zip input[type=file]").set_input_files(
        {"name": name, "mimeType": "application/zip", "buffer": content}
    )


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(("language", "dark"), [("en", False), ("zh", True)])
def test_on_arrival_a_recorded_training_can_be_scrubbed(visit, language, dark):
    window = visit(dark=dark)
    window.open(f"train?lang={language}")
    page = window.page
    page.locator(".learning .grid button").first.wait_for()
    where, said = page.locator(".learning .where"), page.locator(".learning .said")
    last = said.inner_text()
    where.focus()
    page.keyboard.press("Home")
    assert said.inner_text() != last
    assert "0 / 3000" in said.inner_text()
    box = page.locator(".learning .curves").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.12, box["y"] + box["height"] / 2)
    assert "0 / 3000" not in said.inner_text() or "1500" in said.inner_text()


def test_a_training_is_scrubbed_opened_downloaded_and_loaded_again(visit):
    """A short one: what enough steps lead to is what the shipped models do."""
    window = visit()
    window.open("train?lang=en&reverse_steps=100&reverse_layers=1&reverse_width=16")
    page = window.page
    press(window, "Train")
    page.get_by_text("is now in the model menu").wait_for(timeout=MINUTES)
    said = page.locator(".learning .said")
    page.wait_for_function("document.querySelectorAll('.learning').length === 1 || !document.querySelector('.learning')")
    window.wait()  # the picture of the running training makes room for that of the finished one
    with page.expect_download() as waiting:
        press(window, "Download the model (zip)")
    content = waiting.value.path().read_bytes()
    assert set(zipfile.ZipFile(io.BytesIO(content)).namelist()) == {"model.safetensors", "config.json", "tokenizer.json", "card.md"}
    model, card = unpack(content, "again")
    expect(page.get_by_text("It answers")).to_have_text(f"It answers: {' '.join(model.tag(['h e l l o w o r l d'])[0])}")
    expect(said).to_contain_text("step 100 / 100")
    shown, measured = (float(re.search(r"accuracy(?:, held out)? (\d\.\d+)", text)[1]) for text in (said.inner_text(), card))
    assert abs(shown - measured) < 6e-4  # three digits and four
    page.locator(".learning .where").focus()
    page.keyboard.press("Home")
    expect(said).to_contain_text("step 0 / 100")
    press(window, "Open in Heads")
    window.canvas("map")
    assert "my-reverse-rotary" in page.url
    other = visit()
    other.open("train?lang=en")
    upload(other, "again.zip", content)
    other.page.get_by_text("is in the model menu of this visit").wait_for()
    press(other, "Open in Heads")
    other.canvas("map")
    expect(other.page.locator(".st-key-map output")).to_have_count(1)


def test_a_training_survives_its_page_and_is_stopped_and_resumed(visit):
    window = visit()
    window.open("train?lang=en&task=copy&copy_steps=3000&copy_layers=1&copy_width=16")
    page = window.page
    press(window, "Train")
    page.get_by_text(re.compile(r"step [1-9]\d* of 3000")).wait_for(timeout=MINUTES)
    link = page.url
    window.open("heads?lang=en")
    page.goto(link)
    press(window, "Stop")
    page.get_by_text("is now in the model menu").wait_for(timeout=MINUTES)
    before = int(re.search(r"step (\d+) of 3000", page.locator('[data-testid="stProgress"]').inner_text())[1])
    press(window, "Go on")
    page.get_by_role("button", name="Pause", exact=True).wait_for(timeout=MINUTES)
    page.wait_for_function(
        "before => Number(/step (\\d+) of 3000/.exec(document.querySelector('[data-testid=stProgress]').innerText)?.[1]) > before",
        arg=before,
        timeout=MINUTES,
    )
    press(window, "Pause")
    page.get_by_role("button", name="Go on", exact=True).wait_for(timeout=MINUTES)


def test_a_hostile_upload_is_refused_with_a_sentence(visit):
    window = visit()
    window.open("train?lang=en")
    for content, said in (
        (b"no zip at all", "not a model that attnlab packed"),
        (zipped({"../model.safetensors": b""}), "leaves its folder"),
        (zipped({"pytorch_model.bin": b"\x80\x04."}), "is a pickle"),
        (zipped({"model.safetensors": b"", "config.json": b"{}", "tokenizer.json": b"{}", "card.md": bytes(60_000_000)}), "larger than"),
        (zipped({"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": b"\0" * 9}), "holds a model in the format"),
    ):
        upload(window, "evil.zip", content)
        window.page.get_by_text(said).wait_for()
