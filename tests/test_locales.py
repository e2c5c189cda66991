"""Every language says the same things: the same files, keys and facts, and every key that the code asks for."""

import ast
import re
import string
from pathlib import Path

import pytest

from attnlab.words import ASSETS, LANGUAGES, closest, room

ROOT = Path(__file__).resolve().parents[1]
ROOMS = sorted(file.stem for file in (ASSETS / "locales" / "en").glob("*.toml"))
OTHERS = [language for language in LANGUAGES if language != "en"]
SOURCES = [file for folder in ("attnlab", "pages") for file in (ROOT / folder).rglob("*.py")] + [ROOT / "app.py"]


def facts(sentence):
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def files(language):
    return sorted(file.stem for file in (ASSETS / "locales" / language).glob("*.toml"))


def test_every_folder_of_sentences_is_a_language_that_can_be_chosen():
    assert {folder.name for folder in (ASSETS / "locales").iterdir()} == set(LANGUAGES)


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_every_file_of_sentences(language):
    assert files(language) == ROOMS


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("name", ROOMS)
def test_a_language_has_every_sentence_with_its_facts(language, name):
    english, other = room("en", name), room(language, name)
    assert set(english) == set(other)
    assert {key: facts(english[key]) for key in english} == {key: facts(other[key]) for key in other}


@pytest.mark.parametrize("name", ROOMS)
def test_no_english_sentence_is_empty_or_chinese(name):
    for key, sentence in room("en", name).items():
        assert sentence.strip(), key
        assert not re.search("[\u4e00-\u9fff]", sentence), key


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("name", ROOMS)
def test_no_sentence_is_empty_or_left_in_english(language, name):
    for key, sentence in room(language, name).items():
        assert sentence.strip(), key
        prose = re.sub(r"\{[^}]*\}|`[^`]*`|https?://\S+", "", sentence)
        same = sentence == room("en", name)[key] and len(re.findall(r"[A-Za-z]{2,}", prose)) > 2
        assert not same, f"{name}.{key} is not translated"


LOCALES = [("en-GB", "en"), ("zh-CN", "zh"), ("zh_TW", "zh"), ("ZH", "zh"), ("fr-FR", "en"), ("", "en"), ("zhuang", "en"), ("e", "en")]


@pytest.mark.parametrize(("locale", "language"), LOCALES)
def test_a_browser_gets_the_language_that_suits_it_best(locale, language):
    assert closest(locale) == language


def test_a_third_language_is_chosen_from_the_browser_too(monkeypatch):
    monkeypatch.setitem(LANGUAGES, "pt-BR", "Português")
    assert [closest(locale) for locale in ("pt-BR", "pt", "pt-PT", "zh-CN", "it")] == ["pt-BR", "pt-BR", "pt-BR", "zh", "en"]
    monkeypatch.setitem(LANGUAGES, "pt-PT", "Português")
    assert closest("pt-PT") == "pt-PT"


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
