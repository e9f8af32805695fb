"""Where named pictures lie, and which of their files are still to be read."""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cache.records import FailureRecord
from engine.indexing.plan import FileTask

FileRow = tuple[int, int, int, bool]
"""Bytes, mtime_ns, picture id, present."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What looking for files brought to light."""

    present: int
    """Names that a file stands behind."""
    tasks: Sequence[FileTask]
    """Files of pictures without content yet."""


def place(root: Path | None, name: str) -> str:
    """The path that a name stands for: below the root where there is one, else as it is."""
    return name if root is None else os.path.normpath(root.absolute() / name)


def find_files(
    paths: Sequence[str],
    known: Mapping[str, FileRow],
    failures: Mapping[str, FailureRecord],
) -> Found:
    """Look for the files of the paths that are `known`, which are those below the root.

    Nothing outside of it is touched. It asks the disk, so call it on a thread.
    """
    present, tasks = 0, list[FileTask]()
    for path in paths:
        row = known.get(path)
        if row is None or (seen := _stat(path)) is None:
            continue
        present += 1
        size, mtime_ns, picture_id, is_present = row
        failure = failures.get(path)
        was_bad = failure is not None
        if failure is not None and (failure.size, failure.mtime_ns) == seen:
            continue
        if (size, mtime_ns) == (0, 0) and not is_present:
            tasks.append(FileTask(path, *seen, picture_id, False, was_bad))
    return Found(present=present, tasks=tasks)


def _stat(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a million paths stay text
    except (OSError, ValueError):
        return None
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None
