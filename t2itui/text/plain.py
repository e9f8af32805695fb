"""Makes text from outside (file names, captions, metadata) safe to draw in a terminal cell."""

import json
import re
import unicodedata
from functools import lru_cache

MAX_MARKS = 4
"""Combining marks that one character keeps; more would climb over its neighbours."""

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_IGNORABLE = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0),
            *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
            *range(0x1F3FB, 0x1F400),
        ),
    )
)


_IN_JSON = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001-\U000e007f]"
)
"""What a terminal obeys, shows not at all, or takes for the end of a line, beside C0 controls."""


def plain(text: str) -> str:
    """Return `text` as one line that can neither steer the terminal nor upset its columns.

    Line breaks and other spaces become a space, C0 controls their visible symbols; C1 controls,
    lone surrogates, private use and unassigned characters the replacement character. Bidirectional
    controls, joiners, selectors and other invisible characters are dropped, flags become their two
    letters. Scripts, emoji and up to `MAX_MARKS` combining marks a character stay, in NFC.
    The result is not escaped for markup: draw it as `Text` or with `markup=False`.
    """
    if text.isascii() and text.isprintable():
        return text
    safe = unicodedata.normalize("NFC", "".join(map(_safe, text)))
    return _limit_marks(safe)


@lru_cache(maxsize=4096)
def _safe(character: str) -> str:
    code = ord(character)
    if character.isspace() and code != 0x3000:
        return " "
    match unicodedata.category(character):
        case "Cc":
            return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else _UNKNOWN
        case "Cs" | "Co" | "Cn":
            return _UNKNOWN
        case "Cf":
            return ""
    if character in _IGNORABLE:
        return ""
    if 0x1F1E6 <= code <= 0x1F1FF:
        return chr(ord("A") + code - 0x1F1E6)
    return character


def _limit_marks(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for character in text:
        is_mark = unicodedata.category(character) in ("Mn", "Me")
        marks = marks + 1 if is_mark else 0
        if is_mark and not kept:
            kept.append(" ")
        if marks <= MAX_MARKS:
            kept.append(character)
    return "".join(kept)


def plain_json(text: str) -> str:
    """Return JSON with the same value, and nothing in it that a terminal would obey.

    JSON itself escapes C0 controls alone. U+2028 and U+2029 are ends of lines to many a reader of
    JSON lines.
    """
    return _IN_JSON.sub(lambda match: json.dumps(match[0])[1:-1], text)
