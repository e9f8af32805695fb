"""Pictures by content: entering them with their thumbnails, and finding them by hash."""

import time
from collections.abc import Iterable, Sequence

from sqlite_utils import Database

from cache.counters import bump
from cache.records import NewPicture
from cache.sql import listed, many


def add_picture(db: Database, new: NewPicture) -> int:
    """Enter a picture with its thumbnail and return its id; known content keeps its id."""
    row = db.execute("select id from pictures where sha256 = ?", [new.sha256]).fetchone()
    if row:
        return int(row[0])
    with db.atomic():
        cursor = db.execute(
            "insert into pictures (sha256, width, height, format, partial, synthetic, added_at)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            [*_columns(new), time.time()],
        )
        picture_id = int(cursor.lastrowid or 0)
        put_thumbnail(db, picture_id, new.thumbnail)
        bump(db)
    return picture_id


def add_pictures(db: Database, news: Sequence[NewPicture]) -> list[int]:
    """Enter many pictures at once, in the manner of `add_picture`; their ids, in order."""
    known = find_by_sha(db, (new.sha256 for new in news))
    fresh = list({new.sha256: new for new in news if new.sha256 not in known}.values())
    if fresh:
        last = db.execute("select coalesce(max(id), 0) from pictures").fetchone()[0]
        ids, now = range(last + 1, last + 1 + len(fresh)), time.time()
        with db.atomic():
            many(
                db,
                "insert into pictures (id, sha256, width, height, format, partial, synthetic,"
                " added_at) values (?, ?, ?, ?, ?, ?, ?, ?)",
                [(at, *_columns(new), now) for at, new in zip(ids, fresh, strict=True)],
            )
            many(
                db,
                "insert into thumbnails (picture_id, data) values (?, ?)",
                ((at, new.thumbnail) for at, new in zip(ids, fresh, strict=True)),
            )
            bump(db)
        known |= {new.sha256: at for at, new in zip(ids, fresh, strict=True)}
    return [known[new.sha256] for new in news]


def put_thumbnail(db: Database, picture_id: int, data: bytes) -> None:
    """Keep the thumbnail of a picture, in place of the one it had."""
    db.execute(
        "insert or replace into thumbnails (picture_id, data) values (?, ?)", [picture_id, data]
    )


def find_by_sha(db: Database, hashes: Iterable[str]) -> dict[str, int]:
    """The ids of the pictures that are known, by SHA-256 in hex."""
    rows = db.execute(
        "select sha256, id from pictures where sha256 in (select value from json_each(?))",
        [listed(hashes)],
    )
    return dict(rows.fetchall())


def thumbnails(db: Database, picture_ids: Sequence[int]) -> dict[int, bytes]:
    """Encoded thumbnails by picture id; pictures without one are left out."""
    rows = db.execute(
        "select picture_id, data from thumbnails"
        " where picture_id in (select value from json_each(?))",
        [listed(picture_ids)],
    )
    return dict(rows.fetchall())


def _columns(new: NewPicture) -> tuple[str, int, int, str, int, int]:
    return new.sha256, new.width, new.height, new.format, int(new.partial), int(new.synthetic)
