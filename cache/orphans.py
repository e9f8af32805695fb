"""Drops pictures that no path holds any more, with everything that hangs on them."""

from collections.abc import Sequence

from sqlite_utils import Database

from cache.counters import bump
from cache.sql import listed


def drop_orphans(db: Database) -> int:
    """Drop pictures without a file row, vanished ones aside; returns how many.

    Generated pictures stay: their content is addressed by hash, not found by a scan.
    """
    rows = db.execute(
        "select id from pictures where synthetic = 0"
        " and not exists (select 1 from files where picture_id = pictures.id)"
    ).fetchall()
    drop_pictures(db, [int(row[0]) for row in rows])
    return len(rows)


def drop_pictures(db: Database, picture_ids: Sequence[int]) -> None:
    """Drop pictures that no file row names, with their thumbnails and embeddings."""
    if not picture_ids:
        return
    gone = listed(picture_ids)
    with db.atomic():
        for statement in (
            "delete from embeddings where picture_id in (select value from json_each(?))",
            "delete from thumbnails where picture_id in (select value from json_each(?))",
            "delete from pictures where id in (select value from json_each(?))",
        ):
            db.execute(statement, [gone])
        db.execute(
            "delete from blocks where not exists"
            " (select 1 from embeddings where block_id = blocks.id)"
        )
        bump(db)
