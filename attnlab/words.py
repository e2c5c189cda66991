"""Every sentence a person reads, by key and language, from assets/locales/<language>/<room>.toml."""

import tomllib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ASSETS = PACKAGE / "assets" if (PACKAGE / "assets").is_dir() else PACKAGE.parent / "assets"  # installed, or in the source tree
LANGUAGES = {"en": "English", "zh": "简体中文"}


def closest(locale: str) -> str:
    """The language that suits a locale such as "zh-Hant-TW" best: the same one, else one that begins alike, else English."""
    wanted = locale.lower().replace("_", "-")
    alike = [code for code in LANGUAGES if code.lower().split("-")[0] == wanted.split("-")[0]]
    return next((code for code in alike if code.lower() == wanted), alike[0] if alike else "en")


@cache
def room(language: str, name: str) -> dict[str, str]:
    """The sentences of one file. Raises FileNotFoundError for a room that does not exist."""
    return tomllib.loads((ASSETS / "locales" / language / f"{name}.toml").read_text("utf-8"))


def say(key: str, language: str = "en", /, **facts: object) -> str:
    """The sentence "room.name" in a language, with its facts put in. Raises KeyError for an unknown key."""
    name, _, rest = key.partition(".")
    return room(language, name)[rest].format(**facts)


class InputError(ValueError):
    """A user's mistake: what was given, what is possible, what to do. Shown in the user's language, in English by str()."""

    def __init__(self, key: str, **facts: object) -> None:
        self.key, self.facts = key, facts
        super().__init__(key)

    def __str__(self) -> str:
        return self.say("en")

    def say(self, language: str) -> str:
        return say(self.key, language, **self.facts)
