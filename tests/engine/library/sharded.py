"""Folders of shards for tests: made-up vectors, or made of files in a process that is killed."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cache.embeddings import EncoderRecord, Vectors
from cache.store import Cache
from engine.events import JobEvent, JobFinished
from engine.jobs.jobs import Jobs, Outcome
from engine.library.attachments import Attachments
from engine.library.indexing import Indexer
from engine.library.shards import (
    FORMAT,
    ShardContent,
    ShardManifest,
    ShardRow,
    make_folders,
    write_manifest,
    write_shard,
)
from engine.models.encoders import PictureEncoders
from engine.requests import AttachRequest, IndexRequest
from engine.settings import EngineSettings
from tests.engine.library.pictures import FakeEncoders


def write_shards(
    folder: Path,
    vectors: Vectors,
    names: list[str],
    encoder: EncoderRecord,
    *,
    shard_size: int,
) -> ShardManifest:
    """Write made-up shards: the content of a picture is that of its name."""
    make_folders(folder)
    planned = -(-len(names) // shard_size)
    manifest = ShardManifest(
        format=FORMAT,
        encoder=encoder,
        shard_size=shard_size,
        planned=planned,
        files=len(names),
        max_pixels=1_000_000,
        thumbnail_side=320,
    )
    write_manifest(folder, manifest)
    for number in range(planned):
        part = slice(number * shard_size, (number + 1) * shard_size)
        write_shard(folder, number, content_of(vectors[part], names[part]), encoder.dim)
    return manifest


def content_of(vectors: Vectors, names: list[str]) -> ShardContent:
    """A shard of made-up vectors, whose thumbnails say which picture they are of."""
    return ShardContent(
        rows=[
            ShardRow(
                image_path=name,
                sha256=hashlib.sha256(name.encode()).hexdigest(),
                width=64,
                height=48,
                format="PNG",
                partial=False,
                size=100 + at,
                mtime_ns=1_000_000_000 + at,
            )
            for at, name in enumerate(names)
        ],
        vectors=list(vectors),
        thumbnails=[f"thumbnail of {name}".encode() for name in names],
    )


async def attach(cache: Cache, folder: Path) -> str:
    """Attach a folder and return the closing sentence."""
    return await finished(cache, Attachments(cache), folder)


async def finished(cache: Cache, attachments: Attachments, folder: Path) -> str:
    jobs = Jobs(cache)
    await jobs.recover()
    job = jobs.start(attachments.job(AttachRequest(folder=folder)))
    outcome: Outcome = await job.wait()
    await jobs.aclose()
    assert isinstance(outcome, JobFinished), outcome
    return outcome.message


async def index_shards(
    home: Path,
    root: Path,
    out: Path,
    encoders: PictureEncoders,
    shard_size: int,
    *,
    source: str = "fake",
    cluster: str = "",
    devices: str = "",
    addresses: tuple[str, ...] = (),
    hear: Callable[[JobEvent], None] | None = None,
) -> Outcome:
    """Run `index --shards`, with a stand-in for the encoder or a real one."""
    settings = EngineSettings(
        home=home, decoders=1, max_pixels=1_000_000, device="cpu", dtype="fp32"
    )
    cache = await Cache.open(home)
    jobs, indexer = Jobs(cache), Indexer(cache, encoders, settings)
    await jobs.recover()
    if hear is not None:
        jobs.subscribe(hear)
    request = IndexRequest(
        folders=() if addresses else (root,),
        addresses=addresses,
        encoder=source,
        shards=out,
        shard_size=shard_size,
        cluster=cluster,
        devices=devices,
    )
    outcome = await jobs.start(indexer.job(request)).wait()
    await jobs.aclose()
    await indexer.aclose()
    await cache.aclose()
    return outcome


class SayingEncoders(FakeEncoders):
    """Says each time that it has embedded, so that a test knows when to kill."""

    async def embed_pixels(self, source: str, pixels: NDArray[np.uint8]) -> Vectors:
        vectors = await super().embed_pixels(source, pixels)
        sys.stdout.write("embedded\n")
        sys.stdout.flush()
        return vectors


if __name__ == "__main__":
    home, root, out = (Path(word) for word in sys.argv[1:4])
    asyncio.run(index_shards(home, root, out, SayingEncoders(), int(sys.argv[4])))
