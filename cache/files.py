"""Paths that hold pictures, and the root folders that were indexed."""

from collections.abc import Iterable

from sqlite_utils import Database

from cache.counters import bump
from cache.orphans import drop_orphans
from cache.records import FolderRecord, SeenFile
from cache.sql import at_or_below, many


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
        " size = excluded.size, mtime_ns = excluded.mtime_ns, present = 1",
        ((file.path, picture_id, file.size, file.mtime_ns) for file, picture_id in files),
    )
    if changed > 0:
        bump(db)


def mark_vanished(db: Database, paths: Iterable[str]) -> None:
    """Remember that files are not there any more; their rows stay."""
    changed = many(
        db,
        "update files set present = 0 where path = ? and present = 1",
        ((path,) for path in paths),
    )
    if changed > 0:
        bump(db)


def vanished_paths(db: Database) -> list[str]:
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


_FOLDERS = """
select path, scanned_at,
    (select count(distinct picture_id) from files f where f.present = 1
        and f.path >= rtrim(folders.path, '/') || '/' and f.path < rtrim(folders.path, '/') || '0'),
    (select count(*) from files f where f.present = 0
        and (f.size > 0 or f.mtime_ns > 0)
        and f.path >= rtrim(folders.path, '/') || '/' and f.path < rtrim(folders.path, '/') || '0'),
    (select count(*) from failures f where
        f.path >= rtrim(folders.path, '/') || '/' and f.path < rtrim(folders.path, '/') || '0'),
    exists (select 1 from storybook s where s.folder = folders.path)
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
