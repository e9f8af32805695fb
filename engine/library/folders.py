"""Finds picture files below folders, in order, reading nothing but the folders themselves."""

import errno
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import TypeAlias

from engine import disk, numbers
from engine.errors import RequestError
from engine.file_types import SUFFIXES
from engine.library.left_out import (
    IGNORE_FILE,
    Rules,
    is_never_a_picture,
    leaves_out,
    rules_of,
    with_ignore_file,
)


def readable(path: str) -> str:
    """The path as text that can be stored: bytes that are no UTF-8 become `\\xNN`."""
    try:
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return path.encode("utf-8", "backslashreplace").decode()


def is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


_SUFFIXES = frozenset(SUFFIXES)
FoundFile: TypeAlias = tuple[str, int, int]
"""Path, bytes, mtime in nanoseconds. A tuple: there may be a million."""

_by_name = attrgetter("name")


@dataclass(slots=True)
class ScannedFolder:
    """What one folder holds, itself only."""

    path: str
    files: list[FoundFile] = field(default_factory=list)
    odd: list[tuple[str, str]] = field(default_factory=list)
    """Path and reason of things that have a picture's name and cannot be one."""
    folders: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    """Paths that cannot be looked at: what is known of them, and below them, is kept."""
    left_out: list[str] = field(default_factory=list)
    """Paths that nobody wants in a library."""
    error: str = ""
    """Why it could not be read."""


def walk(
    roots: Sequence[str], stop: threading.Event, exclude: Sequence[str] = ()
) -> Iterator[ScannedFolder]:
    """Yield every folder at or below the roots: names in order, hidden ones left out.

    So is what `exclude`, an ignore file or its name leaves out. Links to folders are followed
    unless they lead to something walked anyway. Ends early when `stop` is set.
    """
    seen = [os.path.realpath(root) for root in roots]
    waiting = [(root, rules_of(root, exclude)) for root in reversed(roots)]
    while waiting and not stop.is_set():
        path, rules = waiting.pop()
        folder, rules = _visit(path, seen, rules)
        waiting.extend((below, rules) for below in reversed(folder.folders))
        yield folder


def _visit(path: str, seen: list[str], rules: Rules) -> tuple[ScannedFolder, Rules]:
    folder = ScannedFolder(path)
    try:
        with os.scandir(path) as entries:
            ordered = sorted(entries, key=_by_name)
    except OSError as error:
        folder.error = error.strerror or str(error)
        return folder, rules
    if any(entry.name == IGNORE_FILE for entry in ordered):
        rules, complaint = with_ignore_file(rules, path)
        if complaint:
            folder.odd.append((f"{path}/{IGNORE_FILE}", complaint))
    for entry in ordered:
        name = entry.name
        if is_never_a_picture(name) or (rules and _is_left_out(rules, entry)):
            folder.left_out.append(entry.path)
            continue
        if name.startswith("."):
            continue
        try:
            suffix = name[name.rfind(".") :]
            if suffix not in _SUFFIXES and suffix.lower() not in _SUFFIXES:
                is_folder = entry.is_dir()
            elif entry.is_file():
                folder.files.append((entry.path, *numbers.stamp(entry.stat())))
                continue
            elif not (is_folder := entry.is_dir()):
                folder.odd.append((entry.path, _oddity(entry)))
            if is_folder and not (entry.is_symlink() and _leads_back(entry.path, seen)):
                folder.folders.append(entry.path)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno == errno.ELOOP:
                folder.odd.append((entry.path, "it is a link that leads back to itself"))
                continue
            folder.odd.append((entry.path, error.strerror or str(error)))
            folder.hidden.append(entry.path)
    return folder, rules


def _is_left_out(rules: Rules, entry: "os.DirEntry[str]") -> bool:
    try:
        is_folder = entry.is_dir()
    except OSError:
        is_folder = False
    return leaves_out(rules, entry.path, is_folder=is_folder)


def _oddity(entry: "os.DirEntry[str]") -> str:
    if entry.is_symlink():
        return "it is a link that leads nowhere"
    return "it is neither a file nor a folder"


def _leads_back(link: str, seen: list[str]) -> bool:
    """Whether a link leads into, or above, what is walked under another name."""
    target = os.path.realpath(link)
    for known in seen:
        if os.path.commonpath((target, known)) in (target, known):
            return True
    seen.append(target)
    return False


def check_roots(folders: Sequence[Path]) -> list[str]:
    """Return absolute paths, those inside one another left out.

    Raises RequestError for what is no folder or cannot be stored as text.
    """
    if not folders:
        raise RequestError("No folder to index", hint="Name one: t2itui index DIR", field="folders")
    # Links are kept: paths stay as the person wrote them.
    roots = [_check(os.path.normpath(disk.from_root(folder))) for folder in folders]
    return [
        root
        for index, root in enumerate(roots)
        if not any(_covers(other, root, before=at < index) for at, other in enumerate(roots))
    ]


def _check(path: str) -> str:
    name = readable(path)
    if name != path:
        raise RequestError(
            f"The name of {name} is not valid UTF-8", hint="Rename the folder.", field="folders"
        )
    if not disk.exists(path):
        raise RequestError(
            disk.absence(path, f"There is no folder {path}"),
            hint="Check the name, or that its disk is mounted; what is known of it is kept.",
            field="folders",
        )
    if not disk.is_folder(path):
        raise RequestError(
            f"{path} is a file", hint="Name the folder that holds it.", field="folders"
        )
    return path


def _covers(other: str, root: str, *, before: bool) -> bool:
    if other == root:
        return before
    return os.path.commonpath((other, root)) == other
