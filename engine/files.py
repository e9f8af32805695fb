"""Files and folders that appear whole or not at all, and those of the home."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cache.home_files import make_home as make_home
from cache.home_files import open_log as open_log
from cache.home_files import unreadable as unreadable
from cache.home_files import write_file as write_file
from engine.errors import RequestError


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path` that takes its place once the block has succeeded."""
    if path.is_dir():
        raise RequestError(
            f"{path} is a folder", hint="Name a file, such as vectors.npz in it.", field="target"
        )
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
        raise RequestError(
            f"{path} is there already", hint="Name a folder that is new or empty.", field="target"
        )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if path.exists():
            path.rmdir()
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
