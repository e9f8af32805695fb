"""Which files and folders are left out of a library: by their name, or as a person wishes."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from pathspec import GitIgnoreSpec

from engine.errors import RequestError

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
    # Bins and leavings of operating systems.
    ".Trash-*",
    ".Trash",
    ".Trashes",
    "$RECYCLE.BIN",
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

Rules: TypeAlias = tuple[tuple[str, GitIgnoreSpec], ...]
"""Folders with the patterns that hold below them, the innermost last."""


def is_never_a_picture(name: str) -> bool:
    """Whether a file or folder of that name is left out wherever it lies."""
    lower = name.lower()
    return lower in _NAMES or lower.startswith(_BEGINNINGS)


def checked_patterns(patterns: Sequence[str]) -> GitIgnoreSpec:
    """Patterns in the syntax of .gitignore. Raises RequestError for one that is none."""
    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise RequestError(
            f"{error}",
            hint="Patterns are those of .gitignore, such as 'raw/' or '*.gif'.",
            field="exclude",
        ) from error


def rules_of(root: str, exclude: Sequence[str]) -> Rules:
    """The rules that hold below a root before any ignore file is met."""
    return ((root, checked_patterns(exclude)),) if exclude else ()


def with_ignore_file(rules: Rules, folder: str) -> tuple[Rules, str]:
    """The rules below a folder that has an ignore file, and what is wrong with that file."""
    path = Path(folder) / IGNORE_FILE
    try:
        if not path.is_file():
            return rules, "it is no file: nothing is left out by it"
        with path.open("rb") as file:
            data = file.read(_LONGEST + 1)
    except OSError as error:
        return rules, f"{error.strerror or error}: nothing is left out by it"
    if len(data) > _LONGEST:
        return rules, "it is too long: nothing is left out by it"
    # File names are bytes: what is no UTF-8 in them is kept as they are listed.
    lines = os.fsdecode(data).splitlines()
    try:
        return (*rules, (folder, GitIgnoreSpec.from_lines(lines))), ""
    except ValueError as error:
        return rules, f"{error}: nothing is left out by it"


def leaves_out(rules: Rules, entry: "os.DirEntry[str]") -> bool:
    """Whether the rules leave an entry out; what the innermost says of it holds."""
    try:
        end = "/" if entry.is_dir() else ""
    except OSError:
        end = ""
    for folder, spec in reversed(rules):
        start = len(folder.rstrip("/")) + 1
        decided = spec.check_file(entry.path[start:] + end).include
        if decided is not None:
            return decided
    return False
