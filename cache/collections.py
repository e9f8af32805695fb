"""The built-in collection: entered, taken out and brought up to date, each in one transaction."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from cache.embeddings import EncoderRecord, Vectors, add_embeddings, count_embeddings, put_encoder
from cache.files import SeenFile, finish_scan, forget_folder, put_files
from cache.labels import drop_calibrations
from cache.matchers import add_matcher
from cache.pictures import NewPicture, add_pictures
from cache.schema import COLLECTION
from cache.sql import below, bump, listed
from cache.texts import TextRecord, put_texts
from cache.zeros import put_zero


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionRecord:
    """What the cache remembers of the built-in collection."""

    folder: str
    """Where its pictures lie; empty while a person leaves it out."""
    version: str
    """Of the files it was entered from."""
    encoder_id: str
    matcher_id: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NewCollection:
    """Everything that makes the built-in collection."""

    folder: str
    version: str
    files: list[tuple[SeenFile, NewPicture]]
    encoder: EncoderRecord
    vectors: Vectors
    """Unit length, [files, dim]."""
    texts: list[TextRecord]
    matcher: bytes
    """A whole safetensors file."""
    report: str
    """JSON."""
    zeros: Mapping[str, str] = field(default_factory=dict)
    """What its matcher was measured to be placed by, as `put_zero` takes it."""


def find_collection(db: Database) -> CollectionRecord | None:
    """What was decided about the built-in collection; None while nothing was."""
    row = db.execute(f"select folder, version, encoder_id, matcher_id from {COLLECTION}").fetchone()
    if row is None:
        return None
    return CollectionRecord(folder=row[0], version=row[1], encoder_id=row[2], matcher_id=row[3])


def put_collection(db: Database, new: NewCollection) -> None:
    """Enter the built-in collection in the place of what there was of an earlier one.

    Pictures that stay keep their ids, and so does a matcher; one that a person trained stays in
    force.
    """
    before = find_collection(db)
    if before is not None and before.folder not in ("", new.folder):
        _leave_folder(db, before.folder)
    put_encoder(db, new.encoder)
    ids = add_pictures(db, [picture for _, picture in new.files])
    put_files(db, zip((seen for seen, _ in new.files), ids, strict=True))
    _drop_others(db, new.folder, [seen.path for seen, _ in new.files])
    finish_scan(db, new.folder, time.time())
    add_embeddings(db, new.encoder.id, ids, new.vectors)
    put_texts(db, new.encoder.id, new.texts)
    for key, body in new.zeros.items():
        put_zero(db, key, body)
    matcher_id = _put_matcher(db, before, new)
    if before is not None and before.encoder_id != new.encoder.id:
        _leave_space(db, before, ids)
    _remember(
        db,
        CollectionRecord(
            folder=new.folder,
            version=new.version,
            encoder_id=new.encoder.id,
            matcher_id=matcher_id,
        ),
    )


def leave_collection_out(db: Database) -> int:
    """Take the built-in collection out, and remember that; returns how many pictures were dropped.

    Pictures that another path holds stay, and so does what the encoder made of other pictures.
    """
    before, dropped = find_collection(db), 0
    left = CollectionRecord(folder="", version="", encoder_id="", matcher_id=0)
    if before is not None and before.folder:
        ids = collection_ids(db).tolist()
        dropped = forget_folder(db, before.folder)
        if not _leave_space(db, before, ids):
            left = replace(before, folder="", version="")
    _remember(db, left)
    return dropped


def forget(db: Database, path: str) -> int:
    """Forget a folder as `forget_folder` does; the built-in one is left out from then on."""
    before = find_collection(db)
    if before is not None and before.folder == path:
        return leave_collection_out(db)
    return forget_folder(db, path)


def collection_ids(db: Database) -> NDArray[np.int64]:
    """Sorted ids of the pictures that no file outside of the built-in collection holds.

    What was generated for it is part of it, until a person has a copy elsewhere.
    """
    before = find_collection(db)
    if before is None or not before.folder:
        return np.empty(0, np.int64)
    start, stop = below(before.folder)
    rows = db.execute(
        "select picture_id from files f where path >= ? and path < ? and not exists ("
        " select 1 from files o where o.picture_id = f.picture_id"
        " and (o.path < ? or o.path >= ?))"
        " union select picture_id from generated g where library = ? and picture_id is not null"
        " and (select count(*) from files o where o.picture_id = g.picture_id) = 1"
        " order by picture_id",
        [start, stop, start, stop, COLLECTION],
    )
    return np.fromiter((row[0] for row in rows), dtype=np.int64)


def has_own_pictures(db: Database) -> bool:
    """A path outside of the collection holds, or held, a picture that was not generated."""
    before = find_collection(db)
    start, stop = below(before.folder) if before is not None and before.folder else ("", "")
    row = db.execute(
        "select exists (select 1 from files f join pictures p on p.id = f.picture_id"
        " where p.synthetic = 0 and (f.path < ? or f.path >= ?))",
        [start, stop],
    ).fetchone()
    return bool(row[0])


def _leave_folder(db: Database, folder: str) -> None:
    """Forget the paths of a folder, not yet the pictures: they may be entered anew."""
    db.execute("delete from files where path >= ? and path < ?", below(folder))
    db.execute("delete from folders where path = ?", [folder])


def _drop_others(db: Database, folder: str, paths: Sequence[str]) -> None:
    db.execute(
        "delete from files where path >= ? and path < ?"
        " and path not in (select value from json_each(?))",
        [*below(folder), listed(paths)],
    )


def _put_matcher(db: Database, before: CollectionRecord | None, new: NewCollection) -> int:
    """Enter the matcher, or renew the one that was entered before for the same encoder."""
    if before is None or before.encoder_id != new.encoder.id:
        return add_matcher(db, new.encoder.id, new.matcher, new.report)
    renewed = db.execute(
        "update matchers set weights = ?, report = ? where id = ?",
        [new.matcher, new.report, before.matcher_id],
    ).rowcount
    if not renewed:
        return add_matcher(db, new.encoder.id, new.matcher, new.report)
    drop_calibrations(db, new.encoder.id)
    bump(db)
    return before.matcher_id


def _leave_space(db: Database, before: CollectionRecord, picture_ids: Sequence[int]) -> bool:
    """Drop what an encoder made of the collection, and the encoder if it made nothing else.

    Returns whether it made nothing else.
    """
    encoder_id = before.encoder_id
    db.execute(
        "delete from embeddings where encoder_id = ?"
        " and picture_id in (select value from json_each(?))",
        [encoder_id, listed(picture_ids)],
    )
    db.execute(
        "delete from blocks where encoder_id = ?"
        " and not exists (select 1 from embeddings where block_id = blocks.id)",
        [encoder_id],
    )
    bump(db)
    if count_embeddings(db, encoder_id):
        return False
    db.execute("delete from texts where encoder_id = ?", [encoder_id])
    db.execute("delete from matchers where id = ?", [before.matcher_id])
    db.execute(
        "delete from encoders where id = ?"
        " and not exists (select 1 from matchers where encoder_id = encoders.id)",
        [encoder_id],
    )
    return True


def _remember(db: Database, record: CollectionRecord) -> None:
    db.execute(
        f"insert or replace into {COLLECTION} (id, folder, version, encoder_id, matcher_id)"
        " values (1, ?, ?, ?, ?)",
        [record.folder, record.version, record.encoder_id, record.matcher_id],
    )
