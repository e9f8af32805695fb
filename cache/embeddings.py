"""Picture embeddings: blocks of vectors in one blob each, read back as one matrix."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from cache.counters import bump
from cache.encoders import dimension, encoders, put_encoder
from cache.errors import CacheMismatchError
from cache.records import Vectors
from cache.sql import listed, many

__all__ = [
    "BLOCK_ROWS",
    "add_embeddings",
    "compact",
    "encoders",
    "load_matrix",
    "missing",
    "put_encoder",
    "vectors_of",
]

BLOCK_ROWS = 4096
"""Vectors in a full block: at 512 numbers each, 8 MiB."""


def add_embeddings(
    db: Database, encoder_id: str, picture_ids: Sequence[int] | NDArray[np.int64], vectors: Vectors
) -> int:
    """Keep vectors, float32 [n, dim], of pictures; those embedded already are skipped.

    Returns how many were kept. Raises CacheMismatchError for a wrong shape or dimension or a
    value that is not finite.
    """
    ids, dim = [int(picture_id) for picture_id in picture_ids], dimension(db, encoder_id)
    checked = check_vectors(vectors, len(ids), dim)
    taken = _embedded(db, encoder_id, ids)
    fresh = {i: row for row, i in reversed(list(enumerate(ids))) if i not in taken}
    if not fresh:
        return 0
    kept = sorted(fresh.values())
    with db.atomic():
        _put_block(db, encoder_id, [ids[row] for row in kept], checked[kept])
        if sum(rows for _, rows in _small_blocks(db, encoder_id, dim)) >= BLOCK_ROWS:
            compact(db, encoder_id)
        bump(db)
    return len(kept)


def check_vectors(vectors: Vectors, count: int, dim: int) -> Vectors:
    """The vectors as little-endian float32 [count, dim], or CacheMismatchError."""
    if vectors.shape != (count, dim):
        raise CacheMismatchError(
            f"Expected {count} vectors of {dim} numbers, got an array of shape {vectors.shape}"
        )
    checked = np.ascontiguousarray(vectors, dtype="<f4")
    if not np.isfinite(checked).all():
        raise CacheMismatchError("A vector has a value that is not finite")
    return checked


def missing(db: Database, encoder_id: str, picture_ids: Sequence[int] | None = None) -> list[int]:
    """Which of the pictures have no embedding under an encoder, in the given order.

    None asks of every picture that a file holds now, in id order.
    """
    if picture_ids is not None:
        taken = _embedded(db, encoder_id, picture_ids)
        return [picture_id for picture_id in picture_ids if picture_id not in taken]
    rows = db.execute(
        "select id from pictures p"
        " where exists (select 1 from files where picture_id = p.id and present = 1)"
        " and not exists"
        " (select 1 from embeddings where encoder_id = ? and picture_id = p.id) order by id",
        [encoder_id],
    )
    return [int(row[0]) for row in rows]


def load_matrix(db: Database, encoder_id: str) -> tuple[NDArray[np.int64], Vectors]:
    """All embeddings of an encoder: picture ids int64 [n] and vectors float32 [n, dim].

    Rows come in the order of storage, which is not the order of ids.
    """
    dim = dimension(db, encoder_id)
    count = db.execute(
        "select count(*) from embeddings where encoder_id = ?", [encoder_id]
    ).fetchone()[0]
    ids, matrix = np.empty(count, np.int64), np.empty((count, dim), np.float32)
    start = 0
    for block_ids, block in _blocks(db, encoder_id, dim):
        stop = start + len(block_ids)
        ids[start:stop], matrix[start:stop] = block_ids, block
        start = stop
    return ids, matrix


def vectors_of(db: Database, encoder_id: str, picture_ids: Sequence[int]) -> dict[int, Vectors]:
    """The embeddings, float32 [dim], of some pictures by id; those without one are left out."""
    size = dimension(db, encoder_id) * 4
    rows = db.execute(
        "select block_id, row, picture_id from embeddings where encoder_id = ?"
        " and picture_id in (select value from json_each(?)) order by block_id, row",
        [encoder_id, listed(picture_ids)],
    ).fetchall()
    found: dict[int, Vectors] = {}
    for block_id, group in groupby(rows, key=lambda row: int(row[0])):
        with db.conn.blobopen("blocks", "vectors", block_id, readonly=True) as blob:
            for _, row, picture_id in group:
                blob.seek(row * size)
                found[picture_id] = np.frombuffer(blob.read(size), dtype="<f4")
    return found


def compact(db: Database, encoder_id: str) -> None:
    """Join small blocks, and those with rows of dropped pictures, into blocks of BLOCK_ROWS."""
    dim = dimension(db, encoder_id)
    loose = _loose_blocks(db, encoder_id, dim)
    if not loose:
        return
    parts = list(_blocks(db, encoder_id, dim, loose))
    ids = np.concatenate([part for part, _ in parts])
    vectors = np.concatenate([part for _, part in parts])
    gone = listed(loose)
    with db.atomic():
        db.execute(
            "delete from embeddings where block_id in (select value from json_each(?))", [gone]
        )
        db.execute("delete from blocks where id in (select value from json_each(?))", [gone])
        for start in range(0, len(ids), BLOCK_ROWS):
            part = slice(start, start + BLOCK_ROWS)
            _put_block(db, encoder_id, ids[part].tolist(), vectors[part])


def _embedded(db: Database, encoder_id: str, picture_ids: Sequence[int]) -> set[int]:
    rows = db.execute(
        "select picture_id from embeddings where encoder_id = ?"
        " and picture_id in (select value from json_each(?))",
        [encoder_id, listed(picture_ids)],
    )
    return {int(row[0]) for row in rows}


def _put_block(db: Database, encoder_id: str, ids: Sequence[int], vectors: Vectors) -> None:
    block_id = db.execute(
        "insert into blocks (encoder_id, vectors) values (?, ?)", [encoder_id, vectors.tobytes()]
    ).lastrowid
    many(
        db,
        "insert into embeddings (encoder_id, picture_id, block_id, row) values (?, ?, ?, ?)",
        ((encoder_id, picture_id, block_id, row) for row, picture_id in enumerate(ids)),
    )


def _blocks(
    db: Database, encoder_id: str, dim: int, only: Sequence[int] | None = None
) -> Iterator[tuple[NDArray[np.int64], Vectors]]:
    """Picture ids and vectors of each block, in order of storage."""
    rows = db.execute("select id from blocks where encoder_id = ? order by id", [encoder_id])
    for (block_id,) in rows.fetchall() if only is None else [(block_id,) for block_id in only]:
        live = np.array(
            db.execute(
                "select row, picture_id from embeddings where block_id = ? order by row",
                [block_id],
            ).fetchall(),
            dtype=np.int64,
        ).reshape(-1, 2)
        data = db.execute("select vectors from blocks where id = ?", [block_id]).fetchone()[0]
        vectors = np.frombuffer(data, dtype="<f4").reshape(-1, dim)
        yield live[:, 1], vectors if len(vectors) == len(live) else vectors[live[:, 0]]


_DEAD = """
select id, length(vectors) / (4 * ?) - (select count(*) from embeddings where block_id = blocks.id)
from blocks where encoder_id = ?
"""


def _loose_blocks(db: Database, encoder_id: str, dim: int) -> list[int]:
    """The blocks worth writing anew, in order; a single small one is not."""
    small = {block_id for block_id, _ in _small_blocks(db, encoder_id, dim)}
    dead = {row[0] for row in db.execute(_DEAD, [dim, encoder_id]) if row[1]}
    return sorted(small | dead) if dead or len(small) > 1 else []


def _small_blocks(db: Database, encoder_id: str, dim: int) -> list[tuple[int, int]]:
    """Ids and rows of the blocks that are not full; reads no vector."""
    return db.execute(
        "select id, length(vectors) / (4 * ?) from blocks"
        " where encoder_id = ? and length(vectors) < 4 * ? * ?",
        [dim, encoder_id, dim, BLOCK_ROWS],
    ).fetchall()
