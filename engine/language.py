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


def fold_widths(text: str) -> str:
    """A text with letters, digits and spaces of full or half width as plain ones, NFC.

    Input methods for Chinese and Japanese write them, and few tokenizers know them. So are signs,
    but in Chinese, Japanese and Korean, where those of full width are the usual ones.
    """
    if text.isascii():
        return text
    keeps_signs = language_of(text) in ("zh", "ja", "ko")
    folded = (_folded(character, keeps_signs=keeps_signs) for character in text)
    return unicodedata.normalize("NFC", "".join(folded))


def _folded(character: str, *, keeps_signs: bool) -> str:
    if character in _INVISIBLE:
        return ""
    if not unicodedata.decomposition(character).startswith(("<wide>", "<narrow>")):
        return character
    if keeps_signs and not (character.isalnum() or character.isspace()):
        return character
    return unicodedata.normalize("NFKC", character)


_INVISIBLE = "\ufeff\u200b"
"""A mark that begins files, and a space without width: what is copied may bring them along."""


def unread(texts: Iterable[str], languages: Iterable[str]) -> list[str]:
    """The languages of the texts that are not among `languages`, each once, in order."""
    readable = {*languages, ""}
    spoken = dict.fromkeys(language_of(text) for text in texts)
    return [language for language in spoken if language not in readable]
