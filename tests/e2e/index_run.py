"""Indexes a folder in a process of its own, telling each step, for a test that kills it."""

import asyncio
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cache.embeddings import Vectors
from cache.store import Cache
from engine.events import JobEvent, LibraryChanged
from engine.jobs.jobs import Jobs
from engine.library.indexing import Indexer
from engine.models.encoders import EncoderPool, PictureEncoders
from engine.requests import IndexRequest
from engine.settings import EngineSettings
from tests.engine.library.pictures import FakeEncoders

BATCH = 8


class TellingEncoders(FakeEncoders):
    """Says how many pictures it has embedded."""

    async def embed_pixels(self, source: str, pixels: NDArray[np.uint8]) -> Vectors:
        vectors = await super().embed_pixels(source, pixels)
        tell("embedded", len(pixels))
        return vectors


def tell(what: str, count: int = 0) -> None:
    """Write a line that is out before anything else happens."""
    sys.stdout.write(f"{what} {count}\n")
    sys.stdout.flush()


def hear(event: JobEvent) -> None:
    """Tell of commits."""
    if isinstance(event, LibraryChanged):
        tell("committed", event.added)


async def main(home: Path, root: Path, devices: int) -> None:
    """Index `root` with the stand-in encoder, or with several of them at once."""
    settings = EngineSettings(home=home, decoders=1)
    cache = await Cache.open(home)
    encoders: PictureEncoders = TellingEncoders()
    if devices > 1:
        encoders = EncoderPool([TellingEncoders() for _ in range(devices)])
    jobs, indexer = Jobs(cache), Indexer(cache, encoders, settings)
    await jobs.recover()
    jobs.subscribe(hear)
    tell("opened")
    request = IndexRequest(folders=(root,), encoder="fake", batch_size=BATCH)
    await jobs.start(indexer.job(request)).wait()
    tell("finished")
    await jobs.aclose()
    await indexer.aclose()
    await cache.aclose()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
