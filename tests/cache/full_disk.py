"""Fills the disk that holds a cache, and prints what the cache says; run on a tiny file system."""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

from sqlite_utils import Database

from cache.connection import quick_check
from cache.errors import CacheError
from cache.library import counts
from cache.pictures import NewPicture, add_picture
from cache.store import Cache


def add_batch(db: Database, batch: int) -> None:
    """Ten pictures of 20 KB each."""
    for number in range(batch * 10, batch * 10 + 10):
        add_picture(
            db,
            NewPicture(
                sha256=f"{number:064x}",
                width=1,
                height=1,
                format="JPEG",
                partial=False,
                thumbnail=bytes(20_000),
            ),
        )


async def fill(cache: Cache) -> tuple[int, CacheError]:
    """Batches committed, and the error that ended it."""
    for batch in range(10_000):
        try:
            await cache.write(add_batch, batch)
        except CacheError as error:
            return batch, error
    raise AssertionError("the disk never filled")


def take_the_rest(filler: Path) -> None:
    """Use up what the cache left."""
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(512)):
            pass


async def reopen(home: Path) -> tuple[int, str, str]:
    """Pictures that can be read, the kind of error that a write meets, and damage found."""
    cache = await Cache.open(home)
    try:
        await cache.write(add_batch, 99_999)
        refused = ""
    except CacheError as error:
        refused = type(error).__name__
    seen, damage = (await cache.read(counts)).pictures, await cache.read(quick_check)
    await cache.aclose()
    return seen, refused, damage


async def main(disk: Path) -> dict[str, object]:
    """What happens as the disk fills, while it is full, and after some room was made."""
    ballast, filler, home = disk / "ballast", disk / "filler", disk / "home"
    ballast.write_bytes(bytes(400_000))
    cache = await Cache.open(home)
    batches, error = await fill(cache)
    after = await cache.read(counts)
    await cache.aclose()
    take_the_rest(filler)
    full = await reopen(home)
    ballast.unlink()
    filler.unlink(missing_ok=True)
    freed = await reopen(home)
    return {
        "error": type(error).__name__,
        "message": error.message,
        "committed": batches * 10,
        "after": after.pictures,
        "full": full,
        "freed": freed,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(Path(sys.argv[1])))))
