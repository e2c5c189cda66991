"""Both languages say the same things: the same rooms, keys and facts, and every key that the code asks for."""

import ast
import re
import string
from pathlib import Path

import pytest

from attnlab.words import ASSETS, LANGUAGES, room

ROOT = Path(__file__).resolve().parents[1]
ROOMS = sorted(file.stem for file in (ASSETS / "locales" / "en").glob("*.toml"))
SAY = ("t", "say", "InputError")
SOURCES = [file for folder in ("attnlab", "pages") for file in (ROOT / folder).rglob("*.py")] + [ROOT / "app.py"]


def facts(sentence):
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_both_languages_have_the_same_rooms():
    for language in LANGUAGES:
        assert sorted(file.stem for file in (ASSETS / "locales" / language).glob("*.toml")) == ROOMS


@pytest.mark.parametrize("name", ROOMS)
def test_both_languages_have_the_same_keys_and_facts(name):
    english, chinese = room("en", name), room("zh", name)
    assert set(english) == set(chinese)
    assert {key: facts(english[key]) for key in english} == {key: facts(chinese[key]) for key in chinese}


@pytest.mark.parametrize("name", ROOMS)
def test_no_sentence_is_empty_or_left_in_the_other_language(name):
    for key, sentence in room("en", name).items():
        assert sentence.strip(), key
        assert not re.search("[\u4e00-\u9fff]", sentence), key
    for key, sentence in room("zh", name).items():
        assert sentence.strip(), key
        prose = re.sub(r"\{[^}]*\}|`[^`]*`|https?://\S+", "", sentence)
        same = sentence == room("en", name)[key] and len(re.findall(r"[A-Za-z]{2,}", prose)) > 2
        assert not same, f"{name}.{key} is not translated"


def asked(file):
    """Every key that a file passes to t, say or InputError, as a pattern: what an f-string puts in may be anything."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("t", "say", "InputError") and node.args
        ):
            continue
        key = node.args[0]
        parts = key.values if isinstance(key, ast.JoinedStr) else [key]
        if isinstance(parts[0], ast.Constant) and isinstance(parts[0].value, str):
            yield "".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in parts)


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_key_that_the_code_asks_for_exists(file):
    every = [f"{name}.{key}" for name in ROOMS for key in room("en", name)]
    for pattern in asked(file):
        assert any(re.fullmatch(pattern, key) for key in every), pattern
