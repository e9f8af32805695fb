"""Vectors in blocks against one row per vector: time to insert and to load, as ratios.

Run it as `python -m tests.bench.bench_cache [COUNT ...]`.
"""

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from sqlite_utils import Database

from cache.connection import open_database, open_reader
from cache.embeddings import (
    BLOCK_ROWS,
    EncoderRecord,
    Vectors,
    add_embeddings,
    load_matrix,
    put_encoder,
)
from cache.pictures import add_names

DIM = 512
BATCH = 32
REPEATS = 3
CLIP = EncoderRecord(id="openai/clip-vit-base-patch32", dim=DIM, logit_scale=100.0, source="")

T = TypeVar("T")


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """Seconds, and what the call returned."""
    start = time.perf_counter()
    answer = call()
    return time.perf_counter() - start, answer


def in_parts(db: Database, size: int, count: int, insert: Callable[[slice], object]) -> None:
    """Insert so many vectors at a time, each part as one transaction."""
    for start in range(0, count, size):
        db.execute("begin immediate")
        insert(slice(start, start + size))
        db.commit()


def prepare(path: Path, count: int) -> tuple[Database, list[int]]:
    """A cache with pictures for both ways of storing their vectors."""
    db = open_database(path)
    put_encoder(db, CLIP)
    ids = add_names(db, [f"/pictures/{number:07}.jpg" for number in range(count)])
    db.execute(
        "create table single (picture_id integer not null references pictures (id),"
        " encoder_id text not null references encoders (id), vector blob not null,"
        " primary key (picture_id, encoder_id))"
    )
    return db, ids


def insert_rows(db: Database, ids: list[int], vectors: Vectors, part: slice) -> None:
    db.conn.executemany(
        "insert into single (picture_id, encoder_id, vector) values (?, ?, ?)",
        (
            (picture_id, CLIP.id, vector.tobytes())
            for picture_id, vector in zip(ids[part], vectors[part], strict=True)
        ),
    )


def load_rows(db: Database) -> tuple[list[int], Vectors]:
    rows = db.execute(
        "select picture_id, vector from single where encoder_id = ?", [CLIP.id]
    ).fetchall()
    joined = np.frombuffer(b"".join(row[1] for row in rows), dtype="<f4")
    return [row[0] for row in rows], joined.reshape(-1, DIM)


def best_load(path: Path, load: Callable[[Database], object]) -> float:
    """The shortest of several loads, each on a connection of its own."""
    times = []
    for _ in range(REPEATS):
        reader = open_reader(path)
        times.append(timed(partial(load, reader))[0])
        reader.close()
    return min(times)


def compare(folder: Path, count: int) -> None:
    vectors = np.random.default_rng(0).standard_normal((count, DIM), dtype=np.float32)
    path = folder / f"{count}.sqlite3"
    db, ids = prepare(path, count)
    rows, _ = timed(
        lambda: in_parts(db, BLOCK_ROWS, count, lambda part: insert_rows(db, ids, vectors, part))
    )
    blocks, _ = timed(
        lambda: in_parts(
            db,
            BLOCK_ROWS,
            count,
            lambda part: add_embeddings(db, CLIP.id, ids[part], vectors[part]),
        )
    )
    db.close()
    load_single = best_load(path, load_rows)
    load_blocks = best_load(path, lambda reader: load_matrix(reader, CLIP.id))
    print(f"{count:>8} vectors of {DIM} float32, one row each / blocks of {BLOCK_ROWS}")
    show("insert", rows, blocks)
    show("load", load_single, load_blocks)
    path.unlink()


def small_batches(folder: Path, count: int) -> None:
    """The same vectors in the batches that indexing commits, joined into blocks on the way."""
    vectors = np.random.default_rng(0).standard_normal((count, DIM), dtype=np.float32)
    path = folder / "batches.sqlite3"
    db, ids = prepare(path, count)
    rows, _ = timed(
        lambda: in_parts(db, BATCH, count, lambda part: insert_rows(db, ids, vectors, part))
    )
    blocks, _ = timed(
        lambda: in_parts(
            db,
            BATCH,
            count,
            lambda part: add_embeddings(db, CLIP.id, ids[part], vectors[part]),
        )
    )
    db.close()
    print(f"{count:>8} vectors committed {BATCH} at a time")
    show("insert", rows, blocks)


def show(what: str, rows: float, blocks: float) -> None:
    print(f"  {what:<8} rows {rows:7.3f} s   blocks {blocks:7.3f} s   ratio {rows / blocks:5.2f}")


def main() -> None:
    counts = [int(argument) for argument in sys.argv[1:]] or [26_000, 200_000]
    print(f"SQLite {sqlite3.sqlite_version}")
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            compare(Path(folder), count)
        small_batches(Path(folder), min(counts))


if __name__ == "__main__":
    main()
