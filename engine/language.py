"""Tells what language a query is in, as far as its script shows it."""

import unicodedata
from collections.abc import Iterable

CHINESE = "zh"
NAMES = {CHINESE: "Chinese", "ja": "Japanese", "ko": "Korean", "en": "English"}

_SCRIPTS = (
    ("ja", ("HIRAGANA", "KATAKANA")),
    ("ko", ("HANGUL",)),
    (CHINESE, ("CJK UNIFIED", "CJK COMPATIBILITY", "KANGXI")),
    ("en", ("LATIN", "FULLWIDTH LATIN")),
)


def language_of(text: str) -> str:
    """ja, ko or zh by script, en for Latin letters, empty where no letter tells.

    One character of a script is enough, in that order: Japanese is written with Chinese
    characters too, and Chinese with Latin names in it.
    """
    names = [unicodedata.name(character, "") for character in text if character.isalpha()]
    for language, prefixes in _SCRIPTS:
        if any(name.startswith(prefixes) for name in names):
            return language
    return ""


def unread(texts: Iterable[str], languages: Iterable[str]) -> list[str]:
    """The languages of the texts that are not among `languages`, each once, in order."""
    readable = {*languages, ""}
    spoken = dict.fromkeys(language_of(text) for text in texts)
    return [language for language in spoken if language not in readable]
