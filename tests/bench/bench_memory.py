"""A large library in memory: what it takes, how fast it is loaded, and what halving costs.

    python -m tests.bench.bench_memory [--pictures 1000000]

Made-up vectors of 512 numbers in a real cache file (2 KB a picture on the disk, in the folder for
temporary files). Loading is held against reading the bytes of the same file, in turns, both from
the system's memory where they fit; the peak is the resident memory of a process of its own that
loads them and answers one query, less what it had before. Milliseconds are of the processor and on
the wall.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import operator
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from sqlite_utils import Database

from cache.embeddings import BLOCK_ROWS, EncoderRecord, add_embeddings, put_encoder
from cache.pictures import add_names
from cache.store import Cache
from engine.scoring.columns import Block, Columns
from engine.scoring.embedding_matrix import EmbeddingMatrix, load
from tests.bench.vectors import DIM, random_unit

ENCODER = EncoderRecord(id="bench", dim=DIM, logit_scale=100.0, source="")


async def build(home: Path, count: int) -> None:
    """A cache of so many pictures."""
    cache = await Cache.open(home)

    def fill(db: Database, start: int, size: int) -> None:
        put_encoder(db, ENCODER)
        ids = add_names(db, [f"/photos/{number:07}.jpg" for number in range(start, start + size)])
        add_embeddings(db, ENCODER.id, ids, random_unit(size, start))

    for start in range(0, count, BLOCK_ROWS):
        await cache.write(fill, start, min(BLOCK_ROWS, count - start))
    await cache.aclose()


def read_bytes(db: Database) -> int:
    """Read every vector as it lies in the file."""
    ids = [row[0] for row in db.execute("select id from blocks where encoder_id = 'bench'")]
    total = 0
    for block_id in ids:
        with db.conn.blobopen("blocks", "vectors", block_id, readonly=True) as blob:
            total += len(blob.read())
    return total


def took(call: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of the processor and on the wall."""
    processor, wall = time.process_time(), time.perf_counter()
    call()
    return 1000 * (time.process_time() - processor), 1000 * (time.perf_counter() - wall)


def timed_reading(db: Database) -> tuple[float, float]:
    """Reading, alone."""
    return took(partial(read_bytes, db))


def timed_loading(db: Database) -> tuple[tuple[float, float], Columns]:
    """Loading, and what was loaded."""
    kept: list[EmbeddingMatrix] = []
    spent = took(lambda: kept.append(load(db, ENCODER.id)))
    return spent, kept[0].columns


def resident() -> float:
    """The most memory that this process had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measure(home: Path) -> dict[str, list[float]]:
    """Load the library of a home, three times in turns with reading its bytes."""
    cache = await Cache.open(home)
    before = resident()
    found: dict[str, list[float]] = {"read every byte": [], "load": [], "cosine of a query": []}
    query = random_unit(1, 7)[0]
    for _ in range(3):
        found["read every byte"] += await cache.read(timed_reading)
        spent, columns = await cache.read(timed_loading)
        found["load"] += spent
        product, kept = partial(operator.matmul, query, columns), columns.bytes / 2**20
        found["cosine of a query"] += min(took(product) for _ in range(3))
        # The next round is not to hold two of them.
        del columns, product
    found["memory"] = [before, resident(), kept]
    await cache.aclose()
    return found


def error_of_halving() -> tuple[float, float]:
    """The mean and the largest difference of a cosine, of vectors with one large number each."""
    rows = random_unit(BLOCK_ROWS, 1)
    rows[:, 0] += 0.5
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    queries, columns = random_unit(100, 2), np.ascontiguousarray(rows.T)
    apart = np.abs(Block.halved(columns).products(queries) - queries @ columns)
    return float(apart.mean()), float(apart.max())


def show(found: dict[str, list[float]], count: int) -> None:
    """Print what a process of its own measured."""
    before, peak, kept = found.pop("memory")
    print(f"{count:,} pictures of {DIM} numbers{'':14} processor      wall")
    for name, times in found.items():
        print(f"  {name:38} {min(times[::2]):10.0f} {min(times[1::2]):9.0f}")
    ratios = [min(found["load"][at::2]) / min(found["read every byte"][at::2]) for at in (0, 1)]
    print(f"  {'load / read':38} {ratios[0]:10.2f} {ratios[1]:9.2f}")
    print(f"  resident: {peak:.0f} MB at the most, {before:.0f} MB before; vectors {kept:.0f} MB")
    mean, most = error_of_halving()
    print(f"  a cosine from 16 bits a number differs by {mean:.1e}, at the most {most:.1e}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Build a library, and measure it in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--measure", type=Path, help="a home that was built")
    asked = parser.parse_args(arguments)
    if asked.measure is not None:
        print(json.dumps(asyncio.run(measure(asked.measure))))
        return
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(build(Path(home), asked.pictures))
        command = [sys.executable, "-m", "tests.bench.bench_memory", "--measure", home]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        show(json.loads(done.stdout), asked.pictures)


if __name__ == "__main__":
    main()
