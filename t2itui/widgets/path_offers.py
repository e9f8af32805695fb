"""What a half-typed path can go on with, from what lies on the disk."""

import os
from collections.abc import Sequence
from pathlib import Path

OFFERED = 200
"""Continuations returned at most; more letters make the list shorter."""


def offers(text: str, *, folders_only: bool, suffixes: Sequence[str] = ()) -> list[str]:
    """Return the paths that continue `text`, sorted, folders with a slash at their end.

    Files are offered where their name ends in one of `suffixes`, hidden names once a dot was
    typed. A folder that cannot be read offers nothing.
    """
    parent, slash, beginning = text.rpartition("/")
    if text == "~":
        return ["~/"]
    try:
        with os.scandir(Path(parent + slash or ".").expanduser()) as entries:
            found = [
                f"{parent}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
                for entry in entries
                if entry.name.startswith(beginning)
                and (not entry.name.startswith(".") or beginning.startswith("."))
                and (entry.is_dir() or (not folders_only and entry.name.endswith(tuple(suffixes))))
            ]
    except (OSError, RuntimeError, ValueError):
        return []
    return sorted(found)[:OFFERED]


def agreed(found: Sequence[str]) -> str:
    """Return the longest beginning that all continuations share."""
    if not found:
        return ""
    first, last = min(found), max(found)
    for index, character in enumerate(first):
        if index >= len(last) or last[index] != character:
            return first[:index]
    return first


def as_path(text: str) -> Path | None:
    """Return the absolute path that was typed; None where nothing was, or nobody has that home."""
    if not text.strip():
        return None
    try:
        return Path(os.path.normpath(Path(text).expanduser().absolute()))
    except (RuntimeError, ValueError):
        return None
