"""Which files and folders are left out of a library: by their name, or as a person wishes."""

from __future__ import annotations

import codecs
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from engine.errors import RequestError
from engine.untrusted.documents import UntrustedError, lines_of, read_bytes

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".t2ituiignore"
"""Patterns of what is left out of its folder and those below, in the syntax of .gitignore."""

NEVER_PICTURES = (
    # Synology, QNAP and other network disks: thumbnails, bins and snapshots beside the photos.
    "@eaDir",
    "#recycle",
    "#snapshot",
    "@Recycle",
    "@Recently-Snapshot",
    ".@__thumb",
    ".@__comments",
    "@tmp",
    "@sharebin",
    "@SynoResource",
    "~snapshot",
    "Network Trash Folder",
    "Temporary Items",
    # Bins and leavings of operating systems.
    ".Trash-*",
    ".Trash",
    ".Trashes",
    "$RECYCLE.BIN",
    "RECYCLER",
    "System Volume Information",
    "lost+found",
    "__MACOSX",
    "._*",
    ".AppleDouble",
    ".thumbnails",
    ".thumbcache",
    "Thumbs.db",
)
"""Names of files and folders that hold no picture of a person's own; * stands for any end."""

_NAMES = frozenset(name.lower() for name in NEVER_PICTURES if not name.endswith("*"))
_BEGINNINGS = tuple(name[:-1].lower() for name in NEVER_PICTURES if name.endswith("*"))
_LONGEST = 1 << 20
"""Bytes of an ignore file."""

Rules: TypeAlias = "tuple[tuple[str, GitIgnoreSpec], ...]"
"""Folders with the patterns that hold below them, the innermost last."""


def is_never_a_picture(name: str) -> bool:
    """Whether a file or folder of that name is left out wherever it lies."""
    lower = name.lower()
    return lower in _NAMES or lower.startswith(_BEGINNINGS)


def checked_patterns(patterns: Sequence[str]) -> GitIgnoreSpec:
    """Patterns in the syntax of .gitignore. Raises RequestError for one that is none."""
    try:
        return _read(patterns)
    except ValueError as error:
        raise RequestError(
            f"{error}",
            hint="Patterns are those of .gitignore, such as 'raw/' or '*.gif'.",
            field="exclude",
        ) from error


def _read(lines: Sequence[str]) -> GitIgnoreSpec:
    """Patterns, read by what is imported where there are some: most folders have none."""
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(lines)


def rules_of(root: str, exclude: Sequence[str]) -> Rules:
    """The rules that hold below a root before any ignore file is met."""
    return ((root, checked_patterns(exclude)),) if exclude else ()


def with_ignore_file(rules: Rules, folder: str) -> tuple[Rules, str]:
    """The rules below a folder that has an ignore file, and what is wrong with that file."""
    path = Path(folder) / IGNORE_FILE
    try:
        data = read_bytes(path, _LONGEST)
    except (OSError, UntrustedError) as error:
        reason = getattr(error, "strerror", None) or error
        return rules, f"{reason}: nothing is left out by it"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return rules, "it is UTF-16, and should be UTF-8: nothing is left out by it"
    # File names are bytes: what is no UTF-8 in them is kept as they are listed.
    lines = lines_of(os.fsdecode(data.removeprefix(codecs.BOM_UTF8)))
    try:
        return (*rules, (folder, _read(lines))), ""
    except ValueError as error:
        return rules, f"{error}: nothing is left out by it"


def leaves_out(rules: Rules, path: str, *, is_folder: bool) -> bool:
    """Whether the rules leave a path out; what the innermost says of it holds."""
    end = "/" if is_folder else ""
    for folder, spec in reversed(rules):
        start = len(folder.rstrip("/")) + 1
        decided = spec.check_file(path[start:] + end).include
        if decided is not None:
            return decided
    return False
