"""The failure ledger: files that could not be read, each once, with its reason."""

from collections.abc import Iterable

from sqlite_utils import Database

from cache.records import FailureRecord
from cache.sql import at_or_below, many


def failures(db: Database, root: str | None = None) -> list[FailureRecord]:
    """Every failure, or those at or below a root, in path order."""
    sql = "select path, size, mtime_ns, reason, failed_at from failures"
    if root is None:
        rows = db.execute(f"{sql} order by path")
    else:
        rows = db.execute(
            f"{sql} where path = ? or path >= ? and path < ? order by path", at_or_below(root)
        )
    return [
        FailureRecord(path=row[0], size=row[1], mtime_ns=row[2], reason=row[3], failed_at=row[4])
        for row in rows
    ]


def put_failures(db: Database, records: Iterable[FailureRecord]) -> None:
    """Enter failures; a later one of the same path takes the place of the earlier."""
    many(
        db,
        "insert or replace into failures (path, size, mtime_ns, reason, failed_at)"
        " values (?, ?, ?, ?, ?)",
        (
            (record.path, record.size, record.mtime_ns, record.reason, record.failed_at)
            for record in records
        ),
    )


def clear_failures(db: Database, paths: Iterable[str]) -> None:
    """Strike paths from the ledger: they were read, or are gone."""
    many(db, "delete from failures where path = ?", ((path,) for path in paths))
