"""Turns what SQLite says into the cache's own errors."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cache.errors import (
    CacheBusyError,
    CacheDamagedError,
    CacheError,
    CacheFullError,
    CacheReadOnlyError,
)

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_READ_ONLY = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# With no room left, SQLite fails to grow the shared-memory file before it sees a full disk.
_FULL_IO = frozenset({sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMOPEN})


_MAKE_WRITABLE = "Make the file and its folder writable, or choose another folder with --home."


def cache_error(error: sqlite3.Error, path: Path) -> CacheError:
    """The kind of CacheError that an SQLite error of the file at `path` stands for."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    primary = code & 0xFF
    if primary in _BUSY:
        return CacheBusyError(
            f"Another instance is writing to {path}",
            hint="Wait for it to finish, or end it, and try again.",
        )
    if primary in _READ_ONLY:
        return CacheReadOnlyError(f"{path} cannot be written", hint=_MAKE_WRITABLE)
    if primary == sqlite3.SQLITE_FULL or code in _FULL_IO:
        return _full(path)
    if primary in _DAMAGED:
        return CacheDamagedError(
            f"{path} is damaged: {error}",
            hint="Move it away and index again; your pictures are not touched by this.",
        )
    return CacheError(f"SQLite failed on {path}: {error}")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as CacheError kinds."""
    try:
        yield
    except sqlite3.Error as error:
        raise cache_error(error, path) from error


def unwritable(error: OSError, path: Path) -> CacheError:
    """The kind of CacheError for a file or folder that the system refuses to make or open."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(path)
    return CacheReadOnlyError(f"{path} cannot be written: {error.strerror}", hint=_MAKE_WRITABLE)


def _full(path: Path) -> CacheFullError:
    return CacheFullError(
        f"No room left on the disk that holds {path}",
        hint="Free some space and run it again: what was committed is kept.",
    )
