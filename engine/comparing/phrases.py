"""What one description says that another does not."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

_PIECES = re.compile(r"[\u3400-\u9fff]|[\w'-]+|[^\w\s]")


def added(before: str, now: str) -> str:
    """The words of `now` that are new against `before`, in order; ' ... ' stands between gaps.

    Chinese is compared character by character.
    """
    old, new = _PIECES.findall(before), _PIECES.findall(now)
    matcher = SequenceMatcher(None, _keys(old), _keys(new), autojunk=False)
    runs = [
        _joined(new[start:stop])
        for kind, _, _, start, stop in matcher.get_opcodes()
        if kind in ("insert", "replace")
    ]
    return " ... ".join(run for run in runs if run)


def _keys(pieces: list[str]) -> list[str]:
    """What makes pieces the same: not their case, and not which article the next word takes."""
    return ["a" if piece.lower() == "an" else piece.lower() for piece in pieces]


def _joined(pieces: list[str]) -> str:
    text = ""
    for piece in pieces:
        gap = text and not (_is_chinese(text[-1]) or _is_chinese(piece))
        text += f" {piece}" if gap and (piece[0].isalnum()) else piece
    return text.strip(" ,.，。、")


def _is_chinese(piece: str) -> bool:
    return "\u3400" <= piece[0] <= "\u9fff"
