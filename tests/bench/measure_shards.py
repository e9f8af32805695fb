"""What shards cost: bytes, attaching, reading into memory, and a query.

python -m tests.bench.measure_shards [PICTURES]

Made-up unit vectors of 512 numbers, as many as the first argument says (100,000), in shards of
50,000. Times are processor time, so that a busy machine does little to them; what waits for a disk
or a network comes on top.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from cache.embeddings import EncoderRecord, load_matrix
from cache.mapped import UsedBlock, used_blocks
from cache.store import Cache
from engine.cluster.shard_search import SearchActor, SentQuery
from engine.scoring.label_free import Background
from engine.scoring.parts import PartQuery
from tests.engine.library.sharded import attach, write_shards
from tests.engine.search.libraries import noise

ENCODER = EncoderRecord(id="made-up/512", dim=512, logit_scale=100.0, source="")
SHARD = 50_000
T = TypeVar("T")


def say(what: str, value: float, unit: str) -> None:
    print(f"{what:<56} {value:12,.2f} {unit}")


def timed(what: str, pictures: int, call: Callable[[], T]) -> T:
    """Say what a call takes for a million pictures."""
    began = time.process_time()
    found = call()
    say(what, (time.process_time() - began) * 1e6 / pictures, "s a million pictures")
    return found


async def main(pictures: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        names = [f"/storage/photos/{n // 1000:06}/{n:09}.jpg" for n in range(pictures)]
        vectors = noise(pictures, 512)
        timed(
            "write shards (without reading and embedding)",
            pictures,
            lambda: write_shards(out, vectors, names, ENCODER, shard_size=SHARD),
        )
        for part in ("img_emb", "metadata"):
            size = sum(path.stat().st_size for path in (out / part).iterdir())
            say(f"{part} on storage", size / pictures, "bytes a picture")
        cache = await Cache.open(Path(folder) / "home")
        began = time.process_time()
        await attach(cache, out)
        say("attach", (time.process_time() - began) * 1e6 / pictures, "s a million pictures")
        say("the cache", cache.path.stat().st_size / pictures, "bytes a picture")
        began = time.process_time()
        await cache.read(load_matrix, ENCODER.id)
        say("load here", (time.process_time() - began) * 1e6 / pictures, "s a million pictures")
        measure_part(pictures, await cache.read(used_blocks, ENCODER.id))
        await cache.aclose()


def measure_part(pictures: int, blocks: Sequence[UsedBlock]) -> None:
    """What an actor of a cluster does, in this process."""
    actor, shards = SearchActor(), range(len(blocks))

    def load() -> None:
        for shard, used in enumerate(blocks):
            actor.load(shard, used.block, used.rows)

    timed("load in an actor", pictures, load)
    texts = noise(200, 512, seed=5)
    background = Background(
        vectors=texts[:107], random=texts, has_surroundings=True, are_rivals=True, key="texts"
    )
    sent = SentQuery(query=PartQuery(vector=texts[0], background=background, logit_scale=100.0))
    timed("the first query (weighs the rivals)", pictures, lambda: actor.scores(shards, sent))
    found = timed("every further query", pictures, lambda: actor.scores(shards, sent))
    crossing = sum(array.nbytes for each in found.values() for array in each.arrays())
    say("crosses the network for a query", crossing / pictures, "bytes a picture")
    timed(
        "what is reached by chance, once a library",
        pictures,
        lambda: actor.tallies(dict.fromkeys(shards), sent),
    )


if __name__ == "__main__":
    np.seterr(over="ignore")
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
