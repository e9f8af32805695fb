"""Drops pictures that no path holds any more, with everything that hangs on them."""

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
    if not rows:
        return 0
    gone = listed([int(row[0]) for row in rows])
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
    return len(rows)
