"""Files that appear whole or not at all, and writing that can be stopped."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from engine.errors import RequestError


class StoppedError(Exception):
    """The person no longer wants what is being written."""


class Stoppable:
    """Ends writing on another thread at its next piece."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Make the next write raise StoppedError; safe from any thread."""
        self._stopped.set()

    def check(self) -> None:
        """Raise StoppedError once `stop` was called."""
        if self._stopped.is_set():
            raise StoppedError

    def wrap(self, file: IO[bytes]) -> "_Pieces":
        """A writer that looks before each piece."""
        return _Pieces(file, self)


class _Pieces:
    def __init__(self, file: IO[bytes], stoppable: Stoppable) -> None:
        self._file = file
        self._stoppable = stoppable

    def write(self, data: bytes) -> int:
        self._stoppable.check()
        return self._file.write(data)


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path` that takes its place once the block has succeeded."""
    if path.is_dir():
        raise RequestError(f"{path} is a folder", hint="Name a file, such as vectors.npz in it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path` that takes its name once the block has succeeded."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RequestError(f"{path} is there already", hint="Name a folder that is new or empty.")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if path.exists():
            path.rmdir()
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
