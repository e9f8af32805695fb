"""Writes batches into a cache until it is killed, printing the number of each once committed."""

import asyncio
import sys
from pathlib import Path

from sqlite_utils import Database

from cache.embeddings import add_embeddings, put_encoder
from cache.jobs import add_job, set_job
from cache.store import Cache
from tests.cache.rows import CLIP, put_picture, unit_vectors

BATCH = 20


def write_batch(db: Database, start: int, folder: str) -> None:
    """Pictures, files, thumbnails and vectors, as a batch of indexing has them."""
    numbers = range(start, start + BATCH)
    ids = [put_picture(db, number, f"/{folder}/{number}.jpg") for number in numbers]
    add_embeddings(db, CLIP.id, ids, unit_vectors(BATCH, seed=start))


async def main(home: Path, first: int, batches: int) -> None:
    cache = await Cache.open(home)
    await cache.write(put_encoder, CLIP)
    job = await cache.write(add_job, "index", "pictures", "{}")
    await cache.write(set_job, job, "running", "")
    for start in range(first, first + batches * BATCH, BATCH):
        await cache.write(write_batch, start, str(first))
        sys.stdout.write(f"{start}\n")
        sys.stdout.flush()
    await cache.aclose()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
