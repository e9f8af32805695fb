"""Opens the database file: creation, modes, pragmas, migration."""

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from cache import disk
from cache.errors import (
    CacheBusyError,
    CacheDamagedError,
    CacheError,
    CacheFullError,
    CacheReadOnlyError,
    CacheTooNewError,
)
from cache.home_files import blame, close_to_others, make_home, open_file
from cache.schema import FIRST_TABLES, SCHEMA_VERSION, migrations
from cache.sql import listed

_REPAIR = (
    "Move it away and index again: `t2itui cache repair` does both. Your pictures are not touched"
    " by this."
)

PAGE_SIZE = 16384
"""Bytes; a thumbnail fits one or two pages, and a block of vectors needs a quarter of the links."""

BUSY_SECONDS = 10.0
WAL_LIMIT = 64 * 2**20
"""Bytes to which the write-ahead log shrinks after a checkpoint."""


def open_database(path: Path | str, *, busy_seconds: float = BUSY_SECONDS) -> Database:
    """Open for writing, on this thread, and bring the schema up to date.

    `:memory:` gives a database of its own. Raises CacheTooNewError, or sqlite3.Error.
    """
    if path != ":memory:":
        _create(Path(path))
    connection = sqlite3.connect(str(path), timeout=busy_seconds)
    try:
        db = _database(connection)
        check_version(db, path)
        connection.execute(f"pragma page_size = {PAGE_SIZE}")
        _write_ahead(connection, busy_seconds)
        # A commit reaches the operating system before it returns, which is all a kill -9 needs;
        # a power cut may take the last commits with it, and never damages the file.
        connection.execute("pragma synchronous = normal")
        connection.execute(f"pragma journal_size_limit = {WAL_LIMIT}")
        connection.execute("pragma foreign_keys = on")
        _migrate(db, path)
    except BaseException:
        connection.close()
        raise
    return db


def open_reader(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> Database:
    """Open for reading only, on this thread; works in a folder that cannot be written.

    Raises CacheTooNewError, CacheReadOnlyError (the file needs a writer first), or sqlite3.Error.
    """
    connection = _connect_reader(path, busy_seconds)
    try:
        db = _database(connection)
        version = check_version(db, path)
        if version < SCHEMA_VERSION:
            raise CacheReadOnlyError(
                f"{path} has an older schema ({version}) and cannot be brought up to date here",
                hint="Open it once where it can be written.",
            )
    except BaseException:
        connection.close()
        raise
    return db


def _database(connection: sqlite3.Connection) -> Database:
    """Without sqlite-utils' plugins, which nobody has installed for this file: to look for them
    reads the metadata of every package."""
    return Database(connection, execute_plugins=False)


def check_version(db: Database, path: Path | str) -> int:
    """The schema version of the file; 0 for a new one.

    Raises CacheTooNewError, or CacheError for the file of another program.
    """
    # In one statement: another instance may be making the schema at this moment.
    version, tables, ours = db.execute(
        "select user_version, (select count(*) from sqlite_master), (select count(*) from"
        " sqlite_master where type = 'table' and name in (select value from json_each(?)))"
        " from pragma_user_version",
        [listed(FIRST_TABLES)],
    ).fetchone()
    if version > SCHEMA_VERSION:
        raise CacheTooNewError(
            f"{path} was written by a newer version of t2itui"
            f" (schema {version}, this one knows {SCHEMA_VERSION})",
            hint="Update t2itui, or choose another folder with --home.",
        )
    if version and 0 < ours < len(FIRST_TABLES):
        raise CacheDamagedError(
            f"{path} is damaged: {len(FIRST_TABLES) - ours} of its tables are gone",
            hint=_REPAIR,
        )
    if tables and (version <= 0 or not ours):
        raise CacheError(
            f"{path} is a database of another program",
            hint="Choose another folder with --home.",
        )
    return int(version)


def _create(path: Path) -> None:
    """Make the folder (0700) and an empty file (0600) where they are missing."""
    home = path.parent
    make_home(home)
    with contextlib.suppress(FileExistsError):
        is_ours = _is_empty(home)
        os.close(open_file(home, path.name, flags=os.O_CREAT | os.O_EXCL | os.O_RDWR))
        if is_ours:
            close_to_others(home)


def _is_empty(folder: Path) -> bool:
    with contextlib.suppress(PermissionError):
        return not any(folder.iterdir())
    return False


def _write_ahead(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Switch to write-ahead logging.

    Where two instances do so on one new file, SQLite sees a deadlock and does not wait: we do.
    """
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _migrate(db: Database, path: Path | str) -> None:
    """Apply what is missing, as one transaction, one instance at a time."""
    if check_version(db, path) == SCHEMA_VERSION:
        return
    db.execute("begin immediate")
    try:
        if check_version(db, path) < SCHEMA_VERSION:
            migrations.apply(db)
            db.execute(f"pragma user_version = {SCHEMA_VERSION}")
        db.commit()
    except BaseException:
        db.rollback()
        raise


def _connect_reader(path: Path, busy_seconds: float) -> sqlite3.Connection:
    address = disk.from_root(path).as_uri()
    connection = sqlite3.connect(f"{address}?mode=ro", uri=True, timeout=busy_seconds)
    try:
        connection.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        return _connect_immutable(path, address, error)
    return connection


def _connect_immutable(
    path: Path, address: str, error: sqlite3.OperationalError
) -> sqlite3.Connection:
    """Where the log's index cannot be made, nobody else writes either: read the file as it is."""
    log = path.with_name(path.name + "-wal")
    if disk.exists(log) and log.stat().st_size:
        raise CacheReadOnlyError(
            f"{path} was not closed properly and its folder cannot be written",
            hint="Make the folder writable, or copy it elsewhere and use --home.",
        ) from error
    return sqlite3.connect(f"{address}?immutable=1", uri=True)


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
        why = blame(path)
        message = f"{path} cannot be written" + (f": {why}" if why else "")
        return CacheReadOnlyError(message, hint=_MAKE_WRITABLE)
    if primary == sqlite3.SQLITE_FULL or code in _FULL_IO:
        return _full(path)
    if primary in _DAMAGED:
        return damaged(path, error)
    return CacheError(f"SQLite failed on {path}: {error}")


def damaged(path: Path, error: Exception) -> CacheDamagedError:
    """The error for a cache that holds what was never written there."""
    return CacheDamagedError(f"{path} is damaged: {error}", hint=_REPAIR)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as CacheError kinds."""
    try:
        yield
    except sqlite3.Error as error:
        raise cache_error(error, path) from error
    except OverflowError as error:
        raise CacheError(f"a number is too large to be stored in {path}: {error}") from error


def unwritable(error: OSError, path: Path) -> CacheError:
    """The kind of CacheError for a file or folder that the system refuses to make or open."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(path)
    why = blame(path)
    message = f"{path} cannot be written: {error.strerror}" + (f"; {why}" if why else "")
    return CacheReadOnlyError(message, hint=_MAKE_WRITABLE)


def _full(path: Path) -> CacheFullError:
    return CacheFullError(
        f"No room left on the disk that holds {path}",
        hint="Free some space and run it again: what was committed is kept.",
    )


def quick_check(db: Database) -> str:
    """What is found wrong with the file first; empty where it is sound.

    It reads the whole file, which takes seconds for gigabytes.
    """
    found = str(db.execute("pragma quick_check(1)").fetchone()[0])
    return _misplaced(db) if found == "ok" else found


def _misplaced(db: Database) -> str:
    """The first column with a value of another kind than its own, which SQLite would let be."""
    tables = db.execute(
        "select name from sqlite_master where type = 'table' and name not glob 'sqlite_*'"
    ).fetchall()
    for (table,) in tables:
        columns = db.execute('select name, type, "notnull" from pragma_table_info(?)', [table])
        for name, kind, is_needed in columns.fetchall():
            kinds = [*_STORED_AS.get(kind.lower(), ()), *([] if is_needed else ["null"])]
            odd = f"select 1 from [{table}] where typeof([{name}]) not in "
            odd += "(select value from json_each(?)) limit 1"
            if kind.lower() in _STORED_AS and db.execute(odd, [listed(kinds)]).fetchone():
                return f"{table}.{name} holds what is no {kind.lower()}"
    if db.execute("select 1 from encoders where not json_valid(languages) limit 1").fetchone():
        return "encoders.languages holds what is no JSON"
    return ""


_STORED_AS = {"integer": ("integer",), "real": ("real",), "text": ("text",), "blob": ("blob",)}
"""By the type of a column, how SQLite keeps what belongs into it."""
