"""The cache as the engine holds it: one file, a writer's thread and a reader's thread."""

from __future__ import annotations

import asyncio
import logging
import os
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlite_utils import Database

from cache.connection import (
    BUSY_SECONDS,
    damaged,
    open_database,
    open_reader,
    translated,
    unwritable,
)
from cache.errors import CacheError, CacheFullError, CacheReadOnlyError
from cache.home_files import FILE_NAME, check_file, unreadable

__all__ = ["Cache", "open_database"]

P = ParamSpec("P")
T = TypeVar("T")


logger = logging.getLogger(__name__)

_NO_SUCH_VALUE = (ValueError, TypeError, KeyError, AttributeError, struct.error)
"""What Python raises over a value of another kind than was written there."""


class _Connection:
    """A database and the only thread that touches it."""

    def __init__(self, path: Path, opener: Callable[[], Database], name: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"cache-{name}")
        self._opener = opener
        self._db: Database | None = None

    async def open(self) -> None:
        try:
            self._db = await self._on_thread(self._opener)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise

    async def run(self, begin: str, call: Callable[[Database], T]) -> T:
        """Run `call` inside one transaction that is rolled back when it raises."""
        db = self._db
        if db is None:
            raise CacheError("The cache is closed")
        return await self._on_thread(lambda: _in_transaction(db, begin, call))

    async def aclose(self) -> None:
        if self._db is not None:
            db, self._db = self._db, None
            await self._on_thread(db.close)
        self._thread.shutdown(wait=False)

    async def _on_thread(self, call: Callable[[], T]) -> T:
        def translating() -> T:
            with translated(self._path):
                return call()

        return await asyncio.get_running_loop().run_in_executor(self._thread, translating)


class Cache:
    """The SQLite file of a home folder; reads go on while a write runs.

    A caller that is cancelled leaves at once: a call still waiting is dropped, one that has
    begun completes. Every failure arrives as a CacheError.
    """

    def __init__(
        self, home: Path, writer: _Connection | None, reader: _Connection, reason: CacheError | None
    ) -> None:
        self.home = home
        self.path = home / FILE_NAME
        self.read_only = writer is None
        """The file, its folder, a full disk or the caller forbids writing: `write` raises."""
        self._writer = writer
        self._reader = reader
        self._reason = reason

    @classmethod
    async def open(
        cls, home: Path, *, read_only: bool = False, busy_seconds: float = BUSY_SECONDS
    ) -> Cache:
        """Open the cache of a folder, making both where needed; without write access, to read.

        Raises CacheTooNewError, CacheDamagedError, CacheBusyError, or CacheReadOnlyError where
        there is no file and none can be made.
        """
        path = home / FILE_NAME
        writer: _Connection | None = None
        reason: CacheError | None = None
        if not read_only:
            writer = _Connection(path, lambda: _open_writer(path, busy_seconds), "writer")
            try:
                await writer.open()
            except (CacheReadOnlyError, CacheFullError) as error:
                writer, reason = None, error
        reader = _Connection(path, lambda: _open_reader(path, busy_seconds, reason), "reader")
        try:
            await reader.open()
        except BaseException:
            if writer is not None:
                await writer.aclose()
            raise
        return cls(home, writer, reader, reason)

    async def read(
        self, fn: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `fn(db, ...)` on the reader's thread, in one snapshot of the data."""

        def reading(db: Database) -> T:
            try:
                return fn(db, *args, **kwargs)
            except _NO_SUCH_VALUE as error:
                logger.exception("a value of the cache cannot be read")
                raise damaged(self.path, error) from error

        return await self._reader.run("begin", reading)

    async def write(
        self, fn: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `fn(db, ...)` on the writer's thread as one transaction: all of it, or nothing."""
        if self._writer is None:
            raise CacheReadOnlyError(
                self._reason.message if self._reason else f"{self.path} is open for reading only",
                hint=self._reason.hint if self._reason else "",
            )
        return await self._writer.run("begin immediate", lambda db: fn(db, *args, **kwargs))

    async def aclose(self) -> None:
        """Finish what has begun and close the file; harmless the second time."""
        await self._reader.aclose()
        if self._writer is not None:
            await self._writer.aclose()


def _open_writer(path: Path, busy_seconds: float) -> Database:
    try:
        with suppress(FileNotFoundError):
            check_file(path.parent, path.name, mode=os.R_OK | os.W_OK)
        return open_database(path, busy_seconds=busy_seconds)
    except OSError as error:
        raise unwritable(error, path) from error


def _open_reader(path: Path, busy_seconds: float, reason: CacheError | None) -> Database:
    try:
        check_file(path.parent, path.name, mode=os.R_OK)
    except FileNotFoundError as error:
        raise reason or CacheError(
            f"There is no cache at {path}", hint="Index a folder first."
        ) from error
    except OSError as error:
        raise unreadable(error, path) from error
    return open_reader(path, busy_seconds=busy_seconds)


def _in_transaction(db: Database, begin: str, call: Callable[[Database], T]) -> T:
    db.execute(begin)
    try:
        answer = call(db)
        db.commit()
    except BaseException:
        db.rollback()
        raise
    return answer
