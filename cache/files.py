"""Paths that hold pictures, and the root folders that were indexed."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlite_utils import Database

from cache.pictures import drop_orphans
from cache.schema import COLLECTION
from cache.sql import at_or_below, bump, many


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFile:
    """A file as a scan found it: enough to tell whether it changed."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRecord:
    """A file that could not be read, and who failed: when that changes it is tried again."""

    path: str
    size: int
    mtime_ns: int
    reason: str
    failed_at: float
    """Unix time, seconds."""
    cause: str = "file"
    """Who failed; the engine's word."""
    blamed: str = ""
    """The version of the decoder, or the encoder, that the failure is about."""
    attempts: int = 1
    """How often in a row it failed in the same way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRecord:
    """An indexed root folder."""

    path: str
    pictures: int
    """Different pictures that files below it hold now."""
    vanished: int
    """Files below it that a scan did not find any more."""
    failures: int
    scanned_at: float
    """Unix time of the last complete scan; 0 if there was none."""
    is_builtin: bool = False
    """It is that of the built-in collection, and nobody scans it."""


def known_files(db: Database, root: str) -> dict[str, tuple[int, int, int, bool]]:
    """Every file row at or below a root: path -> (size, mtime_ns, picture id, present)."""
    rows = db.execute(
        "select path, size, mtime_ns, picture_id, present from files"
        " where path = ? or path >= ? and path < ?",
        at_or_below(root),
    )
    return {
        path: (size, mtime_ns, picture_id, present == 1)
        for path, size, mtime_ns, picture_id, present in rows.fetchall()
    }


def put_files(db: Database, files: Iterable[tuple[SeenFile, int]]) -> None:
    """Enter files with the ids of the pictures they hold, as present."""
    changed = many(
        db,
        "insert into files (path, picture_id, size, mtime_ns, present) values (?, ?, ?, ?, 1)"
        " on conflict (path) do update set picture_id = excluded.picture_id,"
        " size = excluded.size, mtime_ns = excluded.mtime_ns, present = 1, attached_id = null",
        ((file.path, picture_id, file.size, file.mtime_ns) for file, picture_id in files),
    )
    if changed > 0:
        bump(db)


def mark_missing(db: Database, paths: Iterable[str]) -> None:
    """Remember that files are not there any more; their rows stay."""
    changed = many(
        db,
        "update files set present = 0 where path = ? and present = 1",
        ((path,) for path in paths),
    )
    if changed > 0:
        bump(db)


def drop_files(db: Database, paths: Iterable[str]) -> None:
    """Forget files that are to be left out; the end of the scan drops what no file holds then."""
    if many(db, "delete from files where path = ?", ((path,) for path in paths)) > 0:
        bump(db)


def missing_paths(db: Database) -> list[str]:
    """Paths that a scan did not find any more, in path order; names never seen on disk are none."""
    rows = db.execute(
        "select path from files where present = 0 and (size > 0 or mtime_ns > 0) order by path"
    )
    return [str(row[0]) for row in rows]


def put_folder(db: Database, path: str) -> None:
    """Remember a root folder."""
    db.execute("insert or ignore into folders (path) values (?)", [path])


def finish_scan(db: Database, path: str, when: float) -> None:
    """Note the end of a complete scan, Unix time, and drop content that no file holds any more.

    Overwritten content is dropped here and not when its file is entered again, for the scan may
    find it under another path.
    """
    with db.atomic():
        put_folder(db, path)
        db.execute("update folders set scanned_at = ? where path = ?", [when, path])
        drop_orphans(db)


_FOLDERS = f"""
select path, scanned_at,
    (select count(distinct picture_id) from files f where f.present = 1
        and f.path >= rtrim(folders.path, '/') || '/' and f.path < rtrim(folders.path, '/') || '0'),
    (select count(*) from files f where f.present = 0
        and (f.size > 0 or f.mtime_ns > 0)
        and f.path >= rtrim(folders.path, '/') || '/' and f.path < rtrim(folders.path, '/') || '0'),
    (select count(*) from failures f where
        f.path >= rtrim(folders.path, '/') || '/' and f.path < rtrim(folders.path, '/') || '0'),
    exists (select 1 from {COLLECTION} s where s.folder = folders.path)
from folders order by path
"""


def folders(db: Database) -> list[FolderRecord]:
    """The indexed root folders, in path order."""
    return [
        FolderRecord(
            path=row[0],
            scanned_at=row[1],
            pictures=row[2],
            vanished=row[3],
            failures=row[4],
            is_builtin=bool(row[5]),
        )
        for row in db.execute(_FOLDERS).fetchall()
    ]


def forget_folder(db: Database, path: str) -> int:
    """Forget a folder and all below it; returns how many pictures were dropped.

    A picture that a path elsewhere holds stays; files on disk are never touched.
    """
    span = at_or_below(path)
    with db.atomic():
        for table in ("files", "failures", "folders"):
            db.execute(f"delete from {table} where path = ? or path >= ? and path < ?", span)
        dropped = drop_orphans(db)
        bump(db)
    return dropped


def failures(db: Database, root: str | None = None) -> list[FailureRecord]:
    """Every failure, or those at or below a root, in path order."""
    sql = "select path, size, mtime_ns, reason, failed_at, cause, blamed, attempts from failures"
    if root is None:
        rows = db.execute(f"{sql} order by path")
    else:
        rows = db.execute(
            f"{sql} where path = ? or path >= ? and path < ? order by path", at_or_below(root)
        )
    return [
        FailureRecord(
            path=row[0],
            size=row[1],
            mtime_ns=row[2],
            reason=row[3],
            failed_at=row[4],
            cause=row[5],
            blamed=row[6],
            attempts=row[7],
        )
        for row in rows
    ]


def put_failures(db: Database, records: Iterable[FailureRecord]) -> None:
    """Enter failures; a later one of the same path takes the place of the earlier."""
    many(
        db,
        "insert or replace into failures"
        " (path, size, mtime_ns, reason, failed_at, cause, blamed, attempts)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                record.path,
                record.size,
                record.mtime_ns,
                record.reason,
                record.failed_at,
                record.cause,
                record.blamed,
                record.attempts,
            )
            for record in records
        ),
    )


def clear_failures(db: Database, paths: Iterable[str]) -> None:
    """Drop failures: they were read, or are gone."""
    many(db, "delete from failures where path = ?", ((path,) for path in paths))
