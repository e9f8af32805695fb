"""Kills, and two instances: no row without its file, no picture lost."""

import asyncio
import io
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlite_utils import Database

from cache.content_files import content_path, contents, write_content
from cache.errors import CacheBusyError
from cache.files import put_files
from cache.generated import NewGenerated, list_generated, reconcile, seen_file, store_generated
from cache.library import counts
from cache.pictures import thumbnails
from cache.store import Cache
from engine.engine import Engine
from engine.events import JobFinished
from engine.generation.png_metadata import encode_png
from engine.generation.recipe import Recipe
from engine.generation.request import GenerateRequest
from engine.generation.store import new_picture, recover_orphans
from engine.settings import EngineSettings
from tests.engine.generation.studio import StudioKit

ROOT = Path(__file__).parents[3]


async def test_a_picture_whose_row_a_kill_prevented_is_in_the_library_after_the_next_start(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    command = [sys.executable, "-m", "tests.engine.generation.killed", str(home)]
    killed = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, check=False)
    assert killed.returncode == -9
    (stray,) = contents(home).paths
    cache = await Cache.open(home)
    held = await cache.read(counts)
    assert held.synthetic == 0
    await cache.aclose()
    async with Engine.open(EngineSettings(home=home)) as engine:
        (record,) = await engine.cache.read(list_generated, home, 9)
        assert (record.path, record.prompt, record.seed) == (stray, "a red ball", 7)
        assert [job.state for job in await engine.jobs.remembered()] == ["lost"]
        studio = StudioKit(engine.cache, engine.settings)
        await studio.jobs.recover()
        job = await studio.generation.again((await studio.generation.unfinished())[0].id)
        assert isinstance(await job.wait(), JobFinished)
        (picture,) = studio.generation.results(job.id)
        assert picture.cached and picture.score is not None
        assert studio.generators.seeds == []
        await studio.jobs.aclose()


@pytest.mark.parametrize("damage", ["cut", "no recipe"])
async def test_a_stray_file_that_is_no_picture_of_ours_makes_no_row(
    studio: StudioKit, damage: str
) -> None:
    home = studio.settings.home
    path = write_content(home, b"not a picture at all")
    if damage == "cut":
        path.write_bytes(b"not a pic")
    assert await recover_orphans(studio.cache, studio.settings) == 0
    assert path.exists()
    assert (await studio.cache.read(counts)).synthetic == 0


async def test_a_stray_picture_is_entered_with_a_thumbnail_of_the_settings_size(
    studio: StudioKit,
) -> None:
    settings = replace(studio.settings, thumbnail_side=24)
    pixels = np.zeros((64, 48, 3), np.uint8)
    write_content(settings.home, encode_png(pixels, Recipe(prompt="x", seed=1, request_key="k")))
    assert await recover_orphans(studio.cache, settings) == 1
    (record,) = await studio.cache.read(list_generated, settings.home, 9)
    (stored,) = (await studio.cache.read(thumbnails, [record.picture_id or 0])).values()
    with Image.open(io.BytesIO(stored)) as small:
        assert small.size == (18, 24)


def test_a_sweep_waits_for_the_instance_that_is_between_file_and_row(tmp_path: Path) -> None:
    asyncio.run(_sweep_beside_a_writer(tmp_path / "home"))


async def _sweep_beside_a_writer(home: Path) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    data = encode_png(pixels, Recipe(prompt="x", seed=1, request_key="k"))
    picture = new_picture(data, pixels, 64)
    written, swept = threading.Event(), threading.Event()

    def slowly(db: Database) -> None:
        path = write_content(home, data)
        written.set()
        assert swept.wait(60)
        store_generated(db, home, _new(), picture, data)
        put_files(db, [(seen_file(path), 1)])

    first = await Cache.open(home)
    second = await Cache.open(home, busy_seconds=0.2)
    writing = asyncio.create_task(first.write(slowly))
    await asyncio.to_thread(written.wait, 60)
    with pytest.raises(CacheBusyError):
        await second.write(reconcile, home)
    assert await recover_orphans(second, EngineSettings(home=home)) == 0
    assert content_path(home, picture.sha256).exists()
    swept.set()
    await writing
    assert await second.write(reconcile, home) == []
    assert len(await second.read(list_generated, home, 9)) == 1
    await first.aclose()
    await second.aclose()


def _new() -> NewGenerated:
    return NewGenerated(
        request_key="k",
        model_id="m",
        prompt="x",
        recipe="{}",
        seed=1,
        verdict="fine",
        library="",
        job_id=1,
        receipt_id=None,
        seconds=1.0,
    )


async def test_two_instances_paint_the_same_request_without_harm(studio: StudioKit) -> None:
    other_cache = await Cache.open(studio.settings.home)
    other = StudioKit(other_cache, studio.settings)
    await other.jobs.recover()
    request = GenerateRequest(prompt="a red ball", seed=7)
    jobs = [await kit.generation.start(request) for kit in (studio, other)]
    for job in jobs:
        assert isinstance(await job.wait(), JobFinished)
    assert len(await studio.generation.pictures()) == 1
    assert (await studio.cache.read(counts)).synthetic == 1
    await other.jobs.aclose()
    await other_cache.aclose()
