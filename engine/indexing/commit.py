"""Writes what an index run learns, each batch in one transaction."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlite_utils import Database

from cache.embeddings import add_embeddings, put_encoder
from cache.failures import clear_failures, put_failures
from cache.files import mark_vanished, put_files
from cache.names import adopt
from cache.pictures import add_picture, find_by_sha
from cache.records import EncoderRecord, FailureRecord, SeenFile, Vectors
from engine.indexing.plan import Plan
from engine.indexing.pool import Read, Refused

RETRY = -1
"""Stands for the size of a file in the ledger that is to be tried again in any case."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Item:
    """A file on its way into the cache, with its embedding if it needs one."""

    read: Read
    vector: Vectors | None = None
    """Unit length, [dim]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """What one transaction takes."""

    items: Sequence[Item]
    refused: Sequence[Refused]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a batch changed, in files."""

    added: int = 0
    reused: int = 0
    embedded: int = 0
    partial: int = 0
    failed: int = 0


def write_scan(db: Database, plan: Plan) -> None:
    """Write what a scan found out without reading a file."""
    put_files(db, plan.returned)
    mark_vanished(db, plan.vanished)
    put_failures(db, plan.failures)
    clear_failures(db, plan.forgiven)


def write_batch(db: Database, encoder: EncoderRecord, batch: Batch) -> Written:
    """Enter pictures, files, embeddings and failures together."""
    known = find_by_sha(db, (item.read.sha256 for item in batch.items))
    files: list[tuple[SeenFile, int]] = []
    vectors: dict[int, Vectors] = {}
    added: set[int] = set()
    for item in batch.items:
        picture_id = _picture(db, item.read, known)
        if picture_id is None:
            continue
        if item.read.sha256 not in known:
            added.add(picture_id)
        files.append((_seen(item.read), picture_id))
        if item.vector is not None:
            vectors[picture_id] = item.vector
    put_files(db, files)
    embedded = 0
    if vectors:
        put_encoder(db, encoder)
        embedded = add_embeddings(db, encoder.id, list(vectors), np.stack(list(vectors.values())))
    clear_failures(db, [item.read.task.path for item in batch.items if item.read.task.was_bad])
    _refuse(db, batch.refused)
    return Written(
        added=len(added),
        reused=len(files) - len(added),
        embedded=embedded,
        partial=sum(1 for item in batch.items if item.read.new and item.read.new.partial),
        failed=len(batch.refused),
    )


def _picture(db: Database, read: Read, known: dict[str, int]) -> int | None:
    """The id of the content that was read; None where it was forgotten in the meantime."""
    if read.new is None:
        return known.get(read.sha256)
    if read.task.adopts is not None:
        return adopt(db, read.task.adopts, read.new)
    return add_picture(db, read.new)


def _seen(read: Read) -> SeenFile:
    return SeenFile(path=read.task.path, size=read.size, mtime_ns=read.mtime_ns)


def _refuse(db: Database, refused: Sequence[Refused]) -> None:
    now = time.time()
    put_failures(
        db,
        [
            FailureRecord(
                path=entry.task.path,
                size=entry.task.size if entry.is_final else RETRY,
                mtime_ns=entry.task.mtime_ns,
                reason=entry.reason,
                failed_at=now,
            )
            for entry in refused
        ],
    )
    # What a path held is not there any more once it holds something that is no picture.
    mark_vanished(
        db, [entry.task.path for entry in refused if entry.is_final and entry.task.was_known]
    )
