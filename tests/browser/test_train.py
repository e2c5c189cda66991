"""Train in Chromium: a model from the form to the menu, its attention scrubbed, taken away as a zip and loaded again."""

import io
import zipfile

import pytest

MINUTES = 5 * 60_000


def press(window, name):
    window.page.get_by_role("button", name=name, exact=True).click()


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


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("dark", [False, True])
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


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no zip at all", "not a model that attnlab packed"),
        (zipped({"../model.safetensors": b""}), "leaves its folder"),
        (zipped({"pytorch_model.bin": b"\x80\x04."}), "is a pickle"),
        (zipped({"model.safetensors": b"", "config.json": b"{}", "tokenizer.json": b"{}", "card.md": bytes(60_000_000)}), "larger than"),
        (zipped({"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": b"\0" * 9}), "holds a model in the format"),
    ],
)
def test_a_hostile_upload_is_refused_with_a_sentence(visit, content, said):
    window = visit()
    window.open("train?lang=en")
    upload(window, "evil.zip", content)
    window.page.get_by_text(said).wait_for()
