"""Pictures known only by the name they were imported under, until a scan finds their file."""

import time
from collections.abc import Sequence

from sqlite_utils import Database

from cache.contents import add_picture, find_by_sha, put_thumbnail
from cache.counters import bump
from cache.paths import pictures_at
from cache.records import NewPicture
from cache.sql import many


def add_name(db: Database, path: str) -> int:
    """The id of the picture that a path stands for; made without content where it is new."""
    return add_names(db, [path])[0]


def add_names(db: Database, paths: Sequence[str]) -> list[int]:
    """The ids of the pictures that paths stand for, in order; see `add_name`."""
    known = pictures_at(db, paths)
    fresh = [path for path in dict.fromkeys(paths) if path not in known]
    if fresh:
        known.update(_add(db, fresh))
    return [known[path] for path in paths]


def _add(db: Database, paths: Sequence[str]) -> dict[str, int]:
    now = time.time()
    last = db.execute("select coalesce(max(id), 0) from pictures").fetchone()[0]
    ids = range(last + 1, last + 1 + len(paths))
    with db.atomic():
        many(
            db,
            "insert into pictures (id, sha256, width, height, format, added_at)"
            " values (?, null, 0, 0, '', ?)",
            ((picture_id, now) for picture_id in ids),
        )
        many(
            db,
            "insert into files (path, picture_id, size, mtime_ns, present) values (?, ?, 0, 0, 0)",
            zip(paths, ids, strict=True),
        )
        bump(db)
    return dict(zip(paths, ids, strict=True))


def adopt(db: Database, picture_id: int, new: NewPicture) -> int:
    """Give a picture known only by name its content; returns the id that stands for it now.

    Where that content is known already the two become one: embeddings of the named picture move
    to the other under every encoder that has none of it. A picture that has content is left
    alone, and the new content gets a picture of its own.
    """
    row = db.execute("select sha256 from pictures where id = ?", [picture_id]).fetchone()
    if row is None or row[0] is not None:
        return add_picture(db, new)
    known = find_by_sha(db, [new.sha256]).get(new.sha256)
    with db.atomic():
        if known is None:
            _fill(db, picture_id, new)
        else:
            _merge(db, picture_id, known)
        bump(db)
    return picture_id if known is None else known


def _fill(db: Database, picture_id: int, new: NewPicture) -> None:
    db.execute(
        "update pictures set sha256 = ?, width = ?, height = ?, format = ?, partial = ?,"
        " synthetic = ? where id = ?",
        [
            new.sha256,
            new.width,
            new.height,
            new.format,
            int(new.partial),
            int(new.synthetic),
            picture_id,
        ],
    )
    put_thumbnail(db, picture_id, new.thumbnail)


def _merge(db: Database, named: int, known: int) -> None:
    db.execute("update files set picture_id = ? where picture_id = ?", [known, named])
    db.execute(
        "update or ignore embeddings set picture_id = ? where picture_id = ?", [known, named]
    )
    db.execute("delete from embeddings where picture_id = ?", [named])
    db.execute("delete from thumbnails where picture_id = ?", [named])
    db.execute("delete from pictures where id = ?", [named])
