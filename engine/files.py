"""What is written for a person: files and folders that appear whole or not at all, thumbnails."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cache.home_files import MEMORY_LIMIT, read_file, write_file
from engine import disk
from engine.errors import EngineError, RequestError
from engine.untrusted.documents import Json, parse_object

if TYPE_CHECKING:
    from PIL import Image


def numbered(path: Path, number: int) -> Path:
    """A file of its own for each of several encoders; the first one's has the name itself."""
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path` that takes its place once the block has succeeded.

    A device or a pipe is written to as it is, and a link stays one.
    """
    if disk.is_folder(path):
        raise RequestError(
            f"{path} is a folder", hint="Name a file, such as vectors.npz in it.", field="target"
        )
    path = Path(os.path.realpath(path))
    if disk.exists(path) and not disk.is_file(path):
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all. Raises EngineError where it cannot be written."""
    try:
        with replaced(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise EngineError(f"{path} cannot be written: {error.strerror or error}") from error


def unarmed(value: object) -> object:
    """A text that a spreadsheet would take for a formula, marked as text; nothing for None."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return "" if value is None else value


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path` that takes its name once the block has succeeded."""
    if disk.exists(path) and (not disk.is_folder(path) or disk.entries(path)):
        raise RequestError(
            f"{path} is there already", hint="Name a folder that is new or empty.", field="target"
        )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if disk.exists(path):
            path.rmdir()
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


_QUALITY = 80


def thumbnail(image: Image.Image, side: int) -> bytes:
    """Return a WebP picture whose longer edge has at most `side` pixels."""
    from PIL.Image import Resampling

    small = image.copy()
    small.thumbnail((side, side), Resampling.BICUBIC, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=_QUALITY, method=2)
    return buffer.getvalue()


REMEMBERED = 50
"""Entries of a file that remembers; the oldest go."""


def recall(memory: Path) -> dict[str, Json]:
    """What was remembered in a file; nothing where it cannot be read."""
    try:
        return parse_object(read_file(memory.parent, memory.name, limit=MEMORY_LIMIT))
    except (OSError, ValueError):
        return {}


def remember(memory: Path, known: Mapping[str, object]) -> None:
    """Replace the file in one step; a place that cannot be written only costs time later."""
    newest = dict(list(known.items())[-REMEMBERED:])
    with suppress(OSError):
        write_file(memory.parent, memory.name, data=json.dumps(newest).encode())
