"""Pictures by content: entering them with their thumbnails, and finding them by hash."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from cache.mapped import mapped_thumbnails
from cache.numbers import nanoseconds
from cache.sql import below, bump, listed, many


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A path that holds, or held, a picture."""

    path: str
    picture_id: int
    size: int
    """Bytes; 0 where the file was never seen."""
    mtime_ns: int
    present: bool
    """False once a scan did not find it any more; the row stays."""

    @property
    def is_gone(self) -> bool:
        """It was seen on the disk once, and is not there now."""
        return not self.present and (self.size > 0 or self.mtime_ns > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRecord:
    """Decoded content, known by the SHA-256 of the whole file."""

    id: int
    sha256: str | None
    """None for a picture known only by the name it was imported under."""
    width: int
    """Pixels after EXIF orientation; 0 where the picture was never decoded."""
    height: int
    format: str
    partial: bool
    """The file was cut short; the pixels that could be read stand for it."""
    synthetic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPicture:
    """What a result list shows of a picture: its content and its best path."""

    picture: PictureRecord
    file: FileRecord | None
    """A present path before a missing one, the first in path order; None if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPicture:
    """A decoded picture on its way into the cache."""

    sha256: str
    width: int
    height: int
    format: str
    partial: bool
    synthetic: bool = False
    thumbnail: bytes
    """An encoded WebP or JPEG picture."""


def add_picture(db: Database, new: NewPicture) -> int:
    """Enter a picture with its thumbnail and return its id; known content keeps its id."""
    row = db.execute("select id from pictures where sha256 = ?", [new.sha256]).fetchone()
    if row:
        _put_missing_thumbnail(db, int(row[0]), new.thumbnail)
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


def _put_missing_thumbnail(db: Database, picture_id: int, data: bytes) -> None:
    """Keep a thumbnail where there is none: that of an attached folder may be gone by now."""
    db.execute(
        "insert or ignore into thumbnails (picture_id, data) values (?, ?)", [picture_id, data]
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
    found: dict[int, bytes] = dict(rows.fetchall())
    others = [picture_id for picture_id in picture_ids if picture_id not in found]
    return found | mapped_thumbnails(db, others) if others else found


def _columns(new: NewPicture) -> tuple[str, int, int, str, int, int]:
    return new.sha256, new.width, new.height, new.format, int(new.partial), int(new.synthetic)


def drop_orphans(db: Database) -> int:
    """Drop pictures without a file row, missing ones aside; returns how many.

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


def add_names(db: Database, paths: Sequence[str]) -> list[int]:
    """The ids of the pictures that paths stand for, in order; new ones are made without content."""
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


def fill_named(db: Database, picture_id: int, new: NewPicture) -> int:
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


def pictures_at(db: Database, paths: Iterable[str]) -> dict[str, int]:
    """The ids of the pictures that files of these paths hold, or held, by path."""
    rows = db.execute(
        "select path, picture_id from files where path in (select value from json_each(?))",
        [listed(paths)],
    )
    return {row[0]: int(row[1]) for row in rows}


def scope(
    db: Database,
    *,
    folders: tuple[str, ...] = (),
    since: float | None = None,
    until: float | None = None,
    min_side: int = 0,
    synthetic: bool | None = None,
    generated_for: str = "",
) -> NDArray[np.int64]:
    """Sorted ids of the pictures that one path lets in: below a folder and of the right date.

    `since` and `until` are Unix times of the file's last change, both included; a picture that
    was never seen on disk has no date, and no size. Without folders, every path will do.
    `synthetic` lets generated pictures in alone, or the others alone. Those of the library
    `generated_for` count as lying below its folders.
    """
    conditions, values = ["1"], list[str | float]()
    if folders:
        ranges = [below(folder) for folder in folders]
        each = ["f.path >= ? and f.path < ?"] * len(ranges)
        values += [bound for pair in ranges for bound in pair]
        if generated_for:
            each.append("f.picture_id in (select picture_id from generated where library = ?)")
            values.append(generated_for)
        conditions.append(f"({' or '.join(each)})")
    if since is not None or until is not None:
        conditions.append("f.mtime_ns > 0")
    if since is not None:
        conditions.append("f.mtime_ns >= ?")
        values.append(nanoseconds(since))
    if until is not None:
        conditions.append("f.mtime_ns <= ?")
        values.append(nanoseconds(until))
    if min_side > 0:
        conditions.append("f.picture_id in (select id from pictures where min(width, height) >= ?)")
        values.append(min_side)
    if synthetic is not None:
        conditions.append("f.picture_id in (select id from pictures where synthetic = ?)")
        values.append(int(synthetic))
    rows = db.execute(
        f"select distinct f.picture_id from files f where {' and '.join(conditions)}", values
    )
    return np.sort(np.fromiter((row[0] for row in rows), dtype=np.int64))


_SHOWN = """
select p.id, p.sha256, p.width, p.height, p.format, p.partial, p.synthetic,
       f.path, f.size, f.mtime_ns, f.present
from json_each(?) wanted
join pictures p on p.id = wanted.value
left join files f on f.path = (
    select path from files where picture_id = p.id order by present desc, path limit 1
)
order by wanted.key
"""


def shown_pictures(db: Database, picture_ids: Sequence[int]) -> list[ShownPicture]:
    """What to show of pictures, in the given order; ids that are gone are left out."""
    return [
        ShownPicture(
            picture=PictureRecord(
                id=row[0],
                sha256=row[1],
                width=row[2],
                height=row[3],
                format=row[4],
                partial=bool(row[5]),
                synthetic=bool(row[6]),
            ),
            file=None
            if row[7] is None
            else FileRecord(
                path=row[7], picture_id=row[0], size=row[8], mtime_ns=row[9], present=bool(row[10])
            ),
        )
        for row in db.execute(_SHOWN, [listed(picture_ids)])
    ]
