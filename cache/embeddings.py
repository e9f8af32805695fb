"""Encoders and their picture embeddings: blocks of vectors in one blob each, read as one matrix."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from cache.errors import CacheDamagedError, CacheError, CacheMismatchError
from cache.mapped import absent_blocks, is_mapped, mapped_block
from cache.sql import bump, listed

Vectors: TypeAlias = NDArray[np.float32]
"""Embeddings, one a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderRecord:
    """A space of embeddings: everything that makes two vectors comparable."""

    id: str
    """Hub id or folder name, with a revision where one is known; vectors of two ids never mix."""
    dim: int
    logit_scale: float
    """The factor that turns a cosine into a logit; 100 for OpenAI's CLIP."""
    source: str
    """Where to load the model from (hub id or folder); empty for imported vectors only."""
    languages: tuple[str, ...] = ("en",)


def put_encoder(db: Database, record: EncoderRecord) -> None:
    """Enter an encoder, or bring what is known of it up to date; a known source is kept.

    Raises CacheMismatchError where vectors of another dimension are kept under its id.
    """
    known = find_encoder(db, record.id)
    if known is not None and known.dim != record.dim and _is_used(db, record.id):
        raise CacheMismatchError(
            f"{record.id} has vectors of {known.dim} numbers in the cache, not {record.dim}",
            hint="Give the other vectors an encoder id of their own.",
        )
    db.execute(
        "insert into encoders (id, dim, logit_scale, source, languages) values (?, ?, ?, ?, ?)"
        " on conflict (id) do update set dim = excluded.dim, logit_scale = excluded.logit_scale,"
        " source = iif(excluded.source = '', source, excluded.source),"
        " languages = excluded.languages",
        [
            record.id,
            record.dim,
            record.logit_scale,
            record.source,
            json.dumps(record.languages),
        ],
    )
    if find_encoder(db, record.id) != known:
        bump(db)


def encoders(db: Database) -> list[EncoderRecord]:
    """Every encoder the cache knows, in id order."""
    rows = db.execute("select id, dim, logit_scale, source, languages from encoders order by id")
    return [
        EncoderRecord(
            id=row[0],
            dim=row[1],
            logit_scale=row[2],
            source=row[3],
            languages=tuple(json.loads(row[4])),
        )
        for row in rows
    ]


def find_encoder(db: Database, encoder_id: str) -> EncoderRecord | None:
    """The encoder of that id, if the cache knows it."""
    return next((record for record in encoders(db) if record.id == encoder_id), None)


def dimension(db: Database, encoder_id: str) -> int:
    """Numbers in a vector of that encoder; raises CacheError for an unknown one."""
    row = db.execute("select dim from encoders where id = ?", [encoder_id]).fetchone()
    if row is None:
        raise CacheError(f"The cache knows no encoder {encoder_id}")
    return int(row[0])


def _is_used(db: Database, encoder_id: str) -> bool:
    row = db.execute(
        "select exists (select 1 from blocks where encoder_id = ?)"
        " or exists (select 1 from texts where encoder_id = ?)",
        [encoder_id, encoder_id],
    ).fetchone()
    return bool(row[0])


__all__ = [
    "BLOCK_ROWS",
    "add_embeddings",
    "compact",
    "count_embeddings",
    "count_embeddings_of",
    "encoders",
    "load_matrix",
    "missing",
    "put_encoder",
    "stored_vectors",
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
    if len(fresh) < len(ids):
        kept = sorted(fresh.values())
        ids, checked = [ids[row] for row in kept], checked[kept]
    with db.atomic():
        _put_block(db, encoder_id, ids, checked)
        if sum(rows for _, rows in _small_blocks(db, encoder_id, dim)) >= BLOCK_ROWS:
            compact(db, encoder_id)
        bump(db)
    return len(ids)


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
        " where not exists"
        " (select 1 from embeddings where encoder_id = ? and picture_id = p.id)"
        " and exists (select 1 from files where picture_id = p.id and present = 1) order by id",
        [encoder_id],
    )
    return [int(row[0]) for row in rows]


def load_matrix(
    db: Database, encoder_id: str, *, with_attached: bool = True
) -> tuple[NDArray[np.int64], Vectors]:
    """All embeddings of an encoder: picture ids int64 [n] and vectors float32 [n, dim].

    In the order of storage, which is not that of ids, and without what `stored_vectors` leaves out.
    """
    ids, stored = stored_vectors(db, encoder_id, with_attached=with_attached)
    matrix, start = np.empty((len(ids), dimension(db, encoder_id)), np.float32), 0
    for block_ids, block in stored:
        stop = start + len(block_ids)
        ids[start:stop], matrix[start:stop] = block_ids, block
        start = stop
    return ids, matrix


def stored_vectors(
    db: Database, encoder_id: str, *, with_attached: bool = True
) -> tuple[NDArray[np.int64], Iterator[tuple[NDArray[np.int64], Vectors]]]:
    """The pictures with an embedding under an encoder, ascending, and all embeddings, in blocks.

    A block is picture ids [n] and vectors [n, dim], in the order of storage, which is not that of
    ids. Attached folders that are not there now are left out. Reading raises CacheDamagedError.
    """
    absent = absent_blocks(db, encoder_id)
    here = [block_id for block_id in _block_ids(db, encoder_id) if block_id not in absent]
    if not with_attached:
        here = [block_id for block_id in here if not is_mapped(db, block_id)]
    text = db.execute(
        # As text, to spare row tuples.
        "select group_concat(picture_id) from embeddings"
        " where block_id in (select value from json_each(?))",
        [listed(here)],
    ).fetchone()[0]
    ids = np.sort(np.fromstring(text or "", np.int64, sep=","))
    return ids, _blocks(db, encoder_id, dimension(db, encoder_id), here)


def count_embeddings(db: Database, encoder_id: str) -> int:
    """How many pictures have an embedding under an encoder."""
    row = db.execute(
        "select count(*) from blocks join embeddings on block_id = blocks.id"
        " where blocks.encoder_id = ?",
        [encoder_id],
    ).fetchone()
    return int(row[0])


def count_embeddings_of(db: Database, picture_ids: Sequence[int]) -> dict[str, int]:
    """How many of some pictures have an embedding, by encoder id; encoders without one are out."""
    rows = db.execute(
        "select encoder_id, count(*) from embeddings"
        " where picture_id in (select value from json_each(?)) group by encoder_id",
        [listed(picture_ids)],
    )
    return dict(rows.fetchall())


def vectors_of(db: Database, encoder_id: str, picture_ids: Sequence[int]) -> dict[int, Vectors]:
    """The embeddings, float32 [dim], of some pictures by id; those without one are left out.

    So are those of attached folders that are not there now.
    """
    size = dimension(db, encoder_id) * 4
    absent = absent_blocks(db, encoder_id)
    rows = db.execute(
        "select block_id, row, picture_id from embeddings where encoder_id = ?"
        " and picture_id in (select value from json_each(?)) order by block_id, row",
        [encoder_id, listed(picture_ids)],
    ).fetchall()
    found: dict[int, Vectors] = {}
    for block_id, group in groupby(rows, key=lambda row: int(row[0])):
        if block_id in absent:
            continue
        if (mapped := mapped_block(db, block_id)) is not None:
            found |= {picture_id: mapped.row(row) for _, row, picture_id in group}
            continue
        try:
            with db.conn.blobopen("blocks", "vectors", block_id, readonly=True) as blob:
                for _, row, picture_id in group:
                    blob.seek(row * size)
                    found[picture_id] = _sound(blob.read(size), size // 4)[0]
        except _BLOCK_ERRORS as error:
            raise damage_of(db, encoder_id) from error
    return found


def encoders_of(db: Database, picture_id: int) -> list[str]:
    """The ids of the encoders that have seen a picture, in order."""
    rows = db.execute(
        "select encoder_id from embeddings where picture_id = ? order by encoder_id", [picture_id]
    )
    return [str(row[0]) for row in rows]


def compact(db: Database, encoder_id: str) -> None:
    """Join small blocks, and those with rows of dropped pictures, into blocks of BLOCK_ROWS.

    Damaged ones stay as they are, for whoever repairs the cache.
    """
    dim = dimension(db, encoder_id)
    damaged = unreadable_blocks(db, encoder_id, _loose_blocks(db, encoder_id, dim))
    loose = [block for block in _loose_blocks(db, encoder_id, dim) if block not in damaged]
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
    db.execute(
        "insert into embeddings (encoder_id, picture_id, block_id, row)"
        " select ?, value, ?, key from json_each(?)",
        [encoder_id, block_id, listed(ids)],
    )


def _blocks(
    db: Database, encoder_id: str, dim: int, only: Sequence[int] | None = None
) -> Iterator[tuple[NDArray[np.int64], Vectors]]:
    """Picture ids and vectors of each block, in order of storage; raises CacheDamagedError."""
    for block_id in _block_ids(db, encoder_id) if only is None else only:
        try:
            yield _read_block(db, block_id, dim)
        except _BLOCK_ERRORS as error:
            raise damage_of(db, encoder_id) from error


_BLOCK_ERRORS = (ValueError, IndexError, sqlite3.OperationalError)
"""What reading a block raises that is cut short, holds no vectors, or is not there."""


def _block_ids(db: Database, encoder_id: str) -> list[int]:
    rows = db.execute("select id from blocks where encoder_id = ? order by id", [encoder_id])
    return [int(row[0]) for row in rows]


def _read_block(db: Database, block_id: int, dim: int) -> tuple[NDArray[np.int64], Vectors]:
    used, ids = _occupied(db, block_id)
    if (mapped := mapped_block(db, block_id)) is not None:
        vectors = mapped.vectors()
        return ids, vectors if len(vectors) == len(ids) else vectors[used]
    # As a blob handle: a fifth of the time that the same bytes take as a column.
    with db.conn.blobopen("blocks", "vectors", block_id, readonly=True) as blob:
        vectors = _sound(blob.read(), dim)
    return ids, vectors if len(vectors) == len(ids) else vectors[used]


def _sound(data: bytes, dim: int) -> Vectors:
    """Vectors [n, dim] from their bytes. Raises ValueError for what can be none."""
    vectors = np.frombuffer(data, dtype="<f4").reshape(-1, dim)
    # One pass, and squares overflow where a bit of an exponent was flipped.
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.einsum("ij,ij->i", vectors, vectors)
    if not len(vectors) or not np.isfinite(lengths).all():
        raise ValueError("no vectors")
    return vectors


def unreadable_blocks(
    db: Database, encoder_id: str, only: Sequence[int] | None = None
) -> frozenset[int]:
    """The blocks of an encoder that are damaged, of all or of some; reads every one of them.

    Those of attached folders are not the cache's to judge.
    """
    dim, found = dimension(db, encoder_id), set[int]()
    for block_id in _block_ids(db, encoder_id) if only is None else only:
        if is_mapped(db, block_id):
            continue
        try:
            _read_block(db, block_id, dim)
        except _BLOCK_ERRORS:
            found.add(block_id)
    return frozenset(found)


def damage_of(db: Database, encoder_id: str) -> CacheDamagedError:
    """The error that says how much of an encoder's embeddings is damaged, and what to do."""
    gone = db.execute(
        "select count(*) from embeddings where block_id in (select value from json_each(?))",
        [listed(unreadable_blocks(db, encoder_id))],
    ).fetchone()[0]
    return CacheDamagedError(
        f"the embeddings of {gone} of {count_embeddings(db, encoder_id)} pictures under"
        f" {encoder_id} are damaged",
        hint="The library, its history and searches with other encoders work. `t2itui cache repair`"
        " keeps what is damaged aside and makes it anew from the pictures.",
    )


def _occupied(db: Database, block_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows of a block in use, ascending, and their pictures; as text, to spare row tuples."""
    texts = db.execute(
        "select group_concat(row), group_concat(picture_id) from embeddings where block_id = ?",
        [block_id],
    ).fetchone()
    rows, ids = (np.fromstring(text or "", np.int64, sep=",") for text in texts)
    order = np.argsort(rows)
    return rows[order], ids[order]


_DEAD = """
select id, length(vectors) / (4 * ?) - (select count(*) from embeddings where block_id = blocks.id)
from blocks where encoder_id = ? and length(vectors) > 0
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
        " where encoder_id = ? and length(vectors) > 0 and length(vectors) < 4 * ? * ?",
        [dim, encoder_id, dim, BLOCK_ROWS],
    ).fetchall()


def short_hash(sha256: str) -> int:
    """The first 64 bits of a SHA-256 in hex, as a signed integer."""
    return int.from_bytes(bytes.fromhex(sha256[:16]), "big", signed=True)


def embedded_hashes(db: Database, encoder_id: str) -> NDArray[np.int64]:
    """The sorted short hashes of all pictures with content and an embedding of that encoder."""
    rows = db.execute(
        "select p.sha256 from embeddings e join pictures p on p.id = e.picture_id"
        " where e.encoder_id = ? and p.sha256 is not null",
        [encoder_id],
    )
    return np.sort(np.fromiter((short_hash(row[0]) for row in rows), dtype=np.int64))
