"""Rescan of unchanged files against a bare scandir + stat, and what both do to the event loop.

Run it with `python -m tests.bench.bench_rescan`; `--files` sets how many.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlite_utils import Database

from cache.embeddings import EncoderRecord, add_embeddings, put_encoder
from cache.files import SeenFile, known_files, put_files
from cache.pictures import NewPicture, add_picture
from cache.store import Cache
from engine.events import JobFinished
from engine.jobs.jobs import Jobs
from engine.library.indexing import Indexer
from engine.requests import IndexRequest
from engine.settings import EngineSettings
from tests.engine.library.pictures import FakeEncoders, fill

PER_FOLDER = 500
TICK_S = 0.001


def make_files(root: Path, count: int) -> list[SeenFile]:
    """Make files that only look like pictures: a rescan must not open them."""
    seen = []
    for number in range(count):
        folder = root / f"{number // PER_FOLDER:05}"
        if number % PER_FOLDER == 0:
            folder.mkdir(parents=True)
        path = folder / f"IMG_{number:07}.jpg"
        path.touch()
        seen.append(SeenFile(path=str(path), size=0, mtime_ns=path.stat().st_mtime_ns))
    return seen


def enter(db: Database, files: list[SeenFile]) -> None:
    """Put the files into the cache as if they had been indexed."""
    import numpy as np

    put_encoder(db, EncoderRecord(id="fake", dim=6, logit_scale=100.0, source=""))
    ids = [
        add_picture(
            db,
            NewPicture(
                sha256=f"{number:064x}",
                width=9,
                height=9,
                format="jpeg",
                partial=False,
                thumbnail=b"x",
            ),
        )
        for number in range(len(files))
    ]
    put_files(db, zip(files, ids, strict=True))
    add_embeddings(db, "fake", ids, np.ones((len(ids), 6), np.float32))


def bare(root: str) -> int:
    """What no scan can do without: list every folder, stat every file."""
    count, waiting = 0, [root]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    waiting.append(entry.path)
                else:
                    entry.stat()
                    count += 1
    return count


async def stall(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return seconds of `work` and the longest time the loop could not run meanwhile."""
    longest, done = 0.0, False

    async def watch() -> None:
        nonlocal longest
        last = time.perf_counter()
        while not done:
            await asyncio.sleep(TICK_S)
            now = time.perf_counter()
            longest, last = max(longest, now - last - TICK_S), now

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0)
    began = time.perf_counter()
    await work()
    seconds = time.perf_counter() - began
    done = True
    await watcher
    return seconds, longest


async def measure(home: Path, count: int, fresh: int) -> None:
    """Print the figures."""
    root, new = home / "files", home / "new"
    files = make_files(root, count)
    fill(new, fresh)
    cache = await Cache.open(home / "home")
    await cache.write(enter, files)
    indexer = Indexer(cache, FakeEncoders(), EngineSettings(home=home / "home"))
    jobs = Jobs(cache)
    await jobs.recover()

    async def index(folder: Path) -> None:
        request = IndexRequest(folders=(folder,), encoder="fake")
        outcome = await jobs.start(indexer.job(request)).wait()
        assert isinstance(outcome, JobFinished), outcome

    bare(str(root))
    floors, rescans, work = [], [], []
    for _ in range(3):
        began, busy = time.perf_counter(), time.process_time()
        assert bare(str(root)) == count
        floors.append(time.perf_counter() - began)
        bare_work = time.process_time() - busy
        began, busy = time.perf_counter(), time.process_time()
        await index(root)
        rescans.append(time.perf_counter() - began)
        work.append((time.process_time() - busy) / bare_work)
    _, longest = await stall(lambda: index(root))
    began = time.perf_counter()
    await cache.read(known_files, str(root))
    known = time.perf_counter() - began
    print(f"bare scandir + stat of {count} files  {min(floors):6.2f} s")
    print(f"rescan, nothing changed             {min(rescans):6.2f} s", end="")
    print(f"   ratio {min(rescans) / min(floors):.2f} (aim 2.5)")
    print(f"  the same by processor time, which a busy machine leaves alone: {min(work):.2f}")
    print(f"  of that, the known files           {known:5.2f} s")
    print(f"longest stall of the loop, rescan   {longest * 1e3:6.0f} ms (goal 50)")
    seconds, longest = await stall(lambda: index(new))
    print(f"indexing {fresh} new pictures, stand-in encoder  {fresh / seconds:.0f}/s")
    print(f"longest stall of the loop, indexing {longest * 1e3:6.0f} ms (goal 50)")
    await jobs.aclose()
    await indexer.aclose()
    await cache.aclose()


def main() -> None:
    """Make the files in a temporary folder and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--fresh", type=int, default=500)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), asked.files, asked.fresh))


if __name__ == "__main__":
    main()
