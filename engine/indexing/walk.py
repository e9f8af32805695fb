"""Finds picture files below folders, in order, reading nothing but the folders themselves."""

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TypeAlias

SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib"),
        *(".tif", ".tiff", ".avif", ".heic", ".heif", ".hif"),
    )
)
"""Names that promise a picture; what a file holds decides how it is decoded."""

Found: TypeAlias = tuple[str, int, int]
"""Path, bytes, mtime in nanoseconds. A tuple: there may be a million."""

_by_name = attrgetter("name")


@dataclass(slots=True)
class Folder:
    """What one folder holds, itself only."""

    path: str
    files: list[Found] = field(default_factory=list)
    odd: list[tuple[str, str]] = field(default_factory=list)
    """Path and reason of things that have a picture's name and cannot be one."""
    folders: list[str] = field(default_factory=list)
    error: str = ""
    """Why it could not be read, or not all of it."""


def walk(roots: Sequence[str], stop: threading.Event) -> Iterator[Folder]:
    """Yield every folder at or below the roots: names in order, hidden ones left out.

    Links to folders are followed unless they lead to something walked anyway. Ends early when
    `stop` is set.
    """
    seen = [os.path.realpath(root) for root in roots]
    waiting = list(reversed(roots))
    while waiting and not stop.is_set():
        folder = _visit(waiting.pop(), seen)
        waiting.extend(reversed(folder.folders))
        yield folder


def _visit(path: str, seen: list[str]) -> Folder:
    folder = Folder(path)
    try:
        with os.scandir(path) as entries:
            ordered = sorted(entries, key=_by_name)
    except OSError as error:
        folder.error = error.strerror or str(error)
        return folder
    for entry in ordered:
        name = entry.name
        if name[0] == ".":
            continue
        try:
            suffix = name[name.rfind(".") :]
            if suffix not in SUFFIXES and suffix.lower() not in SUFFIXES:
                is_folder = entry.is_dir()
            elif entry.is_file():
                status = entry.stat()
                folder.files.append((entry.path, status.st_size, status.st_mtime_ns))
                continue
            elif not (is_folder := entry.is_dir()):
                folder.odd.append((entry.path, _oddity(entry)))
            if is_folder and not (entry.is_symlink() and _leads_back(entry.path, seen)):
                folder.folders.append(entry.path)
        except FileNotFoundError:
            continue
        except OSError as error:
            folder.error = error.strerror or str(error)
    return folder


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
