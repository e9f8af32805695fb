"""Paints while the disk of the home folder is full, and prints what was kept; see test_full."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import engine.generation.job as job_module
from cache.connection import quick_check
from cache.content_files import contents
from cache.generated import list_generated
from cache.store import Cache
from engine.events import JobCancelled, JobFailed, JobFinished
from engine.generation.request import GenerateRequest
from engine.settings import EngineSettings
from tests.cache.full_disk import take_the_rest
from tests.engine.generation.studio import StudioKit

REQUEST = GenerateRequest(prompt="a red ball", width=512, height=512)


async def paint(studio: StudioKit, seed: int) -> JobFinished | JobFailed | JobCancelled:
    """Paint one picture."""
    return await (await studio.generation.start(replace(REQUEST, seed=seed))).wait()


async def main(disk: Path) -> dict[str, object]:
    """What happens as the disk fills, and after some room was made."""
    filler, home = disk / "filler", disk / "home"
    # Else a job would refuse before it meets the full disk.
    job_module.ROOM = 0
    cache = await Cache.open(home)
    studio = StudioKit(cache, EngineSettings(home=home))
    await studio.jobs.recover()
    await studio.fill()
    first = await paint(studio, 1)
    take_the_rest(filler)
    failed = await paint(studio, 2)
    assert isinstance(failed, JobFailed), failed
    records = await cache.read(list_generated, home, -1)
    found = {
        "first": type(first).__name__,
        "message": failed.message,
        "hint": failed.hint,
        "rows": len(records),
        "whole": sum(Path(record.path).is_file() for record in records),
        "partial": sum(path.endswith(".partial") for path in contents(home).paths),
        "damage": await cache.read(quick_check),
    }
    filler.unlink()
    found["freed"] = type(await paint(studio, 2)).__name__
    await studio.jobs.aclose()
    await cache.aclose()
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(Path(sys.argv[1])))))
