"""Attached folders: pictures, paths and embeddings of shards, by reference and never written.

Pictures are known by their content, so one that the library has already keeps its id, and the
embedding that it has. A path belongs to the folder that brought it, until a scan finds it, too.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from cache.embeddings import EncoderRecord, put_encoder
from cache.mapped import is_here
from cache.pictures import drop_orphans, find_by_sha
from cache.sql import bump, listed, many


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedRecord:
    """A folder of shards that is part of the library."""

    folder: str
    encoder_id: str
    shards: int
    pictures: int
    """With an embedding there."""
    attached_at: float
    """Unix time."""
    is_here: bool
    """It could be read just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """A picture of a shard: a path and what it held when it was indexed."""

    path: str
    sha256: str
    size: int
    mtime_ns: int
    width: int
    height: int
    format: str
    partial: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewShard:
    """What the library is to know of a shard; the rest stays in its files."""

    number: int
    files: Sequence[AttachedFile]
    """Row by row."""
    size: int
    """Of the file with the embeddings, as its time."""
    mtime_ns: int
    vectors_at: int
    """Where the first number is in that file; and so on."""
    thumbnails_at: int
    starts_at: int


_ATTACHED = """
select folder, encoder_id, attached_at,
    (select count(*) from attached_shards s where s.attached_id = attached.id),
    (select count(*) from embeddings where block_id in
        (select block_id from attached_shards s where s.attached_id = attached.id))
from attached order by folder
"""


def attached_folders(db: Database) -> list[AttachedRecord]:
    """The attached folders, in path order."""
    return [
        AttachedRecord(
            folder=row[0],
            encoder_id=row[1],
            attached_at=row[2],
            shards=row[3],
            pictures=row[4],
            is_here=is_here(row[0]),
        )
        for row in db.execute(_ATTACHED).fetchall()
    ]


def put_attached(db: Database, folder: str, encoder: EncoderRecord) -> dict[int, tuple[int, int]]:
    """Enter a folder; returns the shards that are attached already: number -> size, mtime_ns."""
    put_encoder(db, encoder)
    db.execute(
        "insert into attached (folder, encoder_id, attached_at) values (?, ?, ?)"
        " on conflict (folder) do nothing",
        [folder, encoder.id, time.time()],
    )
    rows = db.execute(
        "select number, size, mtime_ns from attached_shards where attached_id = ?",
        [_id_of(db, folder)],
    )
    return {number: (size, mtime_ns) for number, size, mtime_ns in rows.fetchall()}


def put_shard(db: Database, folder: str, encoder_id: str, new: NewShard) -> int:
    """Enter the pictures of a shard, in the place of what was known of it; how many are new."""
    attached_id = _id_of(db, folder)
    _drop_shard(db, attached_id, new.number)
    ids, fresh = _put_pictures(db, new.files)
    _put_paths(db, attached_id, new.files, ids)
    block_id = db.execute(
        "insert into blocks (encoder_id, vectors) values (?, x'')", [encoder_id]
    ).lastrowid
    many(
        db,
        "insert or ignore into embeddings (encoder_id, picture_id, block_id, row)"
        " values (?, ?, ?, ?)",
        ((encoder_id, picture_id, block_id, row) for row, picture_id in enumerate(ids)),
    )
    db.execute(
        "insert into attached_shards (attached_id, number, block_id, rows, size, mtime_ns,"
        " vectors_at, thumbnails_at, starts_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            *(attached_id, new.number, block_id, len(new.files), new.size, new.mtime_ns),
            *(new.vectors_at, new.thumbnails_at, new.starts_at),
        ],
    )
    bump(db)
    return fresh


def finish_attaching(db: Database, folder: str, numbers: Sequence[int]) -> None:
    """Drop what is no shard of a folder any more, and content that no path holds."""
    attached_id = _id_of(db, folder)
    rows = db.execute(
        "select number from attached_shards where attached_id = ?"
        " and number not in (select value from json_each(?))",
        [attached_id, listed(numbers)],
    ).fetchall()
    for (number,) in rows:
        _drop_shard(db, attached_id, number)
    db.execute(
        "delete from files where attached_id = ? and not exists (select 1 from embeddings"
        " where picture_id = files.picture_id and encoder_id ="
        " (select encoder_id from attached where id = ?))",
        [attached_id, attached_id],
    )
    drop_orphans(db)


def detach(db: Database, folder: str) -> int:
    """Take a folder out of the library; returns how many pictures were dropped.

    Paths below an indexed folder stay, and their pictures with them: the next scan embeds them.
    """
    attached_id = _id_of(db, folder)
    with db.atomic():
        for (number,) in db.execute(
            "select number from attached_shards where attached_id = ?", [attached_id]
        ).fetchall():
            _drop_shard(db, attached_id, number)
        db.execute(
            "delete from files where attached_id = ? and not exists (select 1 from folders"
            " where files.path >= rtrim(folders.path, '/') || '/'"
            " and files.path < rtrim(folders.path, '/') || '0')",
            [attached_id],
        )
        db.execute("delete from attached where id = ?", [attached_id])
        dropped = drop_orphans(db)
        bump(db)
    return dropped


def _id_of(db: Database, folder: str) -> int:
    row = db.execute("select id from attached where folder = ?", [folder]).fetchone()
    return int(row[0]) if row else 0


def _drop_shard(db: Database, attached_id: int, number: int) -> None:
    """Forget the embeddings of a shard; its paths stay until others take their place."""
    row = db.execute(
        "select block_id from attached_shards where attached_id = ? and number = ?",
        [attached_id, number],
    ).fetchone()
    if row is None:
        return
    db.execute("delete from embeddings where block_id = ?", [row[0]])
    db.execute(
        "delete from attached_shards where attached_id = ? and number = ?", [attached_id, number]
    )
    db.execute("delete from blocks where id = ?", [row[0]])
    bump(db)


def _put_pictures(db: Database, files: Sequence[AttachedFile]) -> tuple[list[int], int]:
    """The ids of the pictures, in order, and how many are new; without thumbnails of their own."""
    known = find_by_sha(db, (file.sha256 for file in files))
    fresh = list({file.sha256: file for file in files if file.sha256 not in known}.values())
    last = db.execute("select coalesce(max(id), 0) from pictures").fetchone()[0]
    now, ids = time.time(), range(last + 1, last + 1 + len(fresh))
    many(
        db,
        "insert into pictures (id, sha256, width, height, format, partial, synthetic, added_at)"
        " values (?, ?, ?, ?, ?, ?, 0, ?)",
        (
            (at, file.sha256, file.width, file.height, file.format, int(file.partial), now)
            for at, file in zip(ids, fresh, strict=True)
        ),
    )
    known |= {file.sha256: at for at, file in zip(ids, fresh, strict=True)}
    return [known[file.sha256] for file in files], len(fresh)


def _put_paths(
    db: Database, attached_id: int, files: Sequence[AttachedFile], ids: Sequence[int]
) -> None:
    """Enter paths; where one is known already, the later state of its file is what it holds."""
    many(
        db,
        "insert into files (path, picture_id, size, mtime_ns, present, attached_id)"
        " values (?, ?, ?, ?, 1, ?) on conflict (path) do update set"
        " picture_id = excluded.picture_id, size = excluded.size, mtime_ns = excluded.mtime_ns,"
        " present = 1 where excluded.mtime_ns > files.mtime_ns",
        (
            (file.path, picture_id, file.size, file.mtime_ns, attached_id)
            for file, picture_id in zip(files, ids, strict=True)
        ),
    )
