"""Generations whose pictures a real generator process makes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cache.collections import leave_collection_out
from cache.errors import CacheFullError
from engine.engine import Engine
from engine.events import (
    GenerationProgress,
    JobEvent,
    JobFailed,
    JobFinished,
    JobStarted,
    PictureStored,
)
from engine.generation.png_metadata import read_recipe
from engine.generation.request import GenerateRequest
from engine.settings import EngineSettings
from engine.states import GenerationPhase
from tests.engine.generation.pipelines.asking import phase_of

RED = GenerateRequest(prompt="a red horse", seed=7, steps=60, preview=False)


def engine_in(home: Path, tiny: Path) -> AbstractAsyncContextManager[Engine]:
    """An engine without a picture, whose generator is small and real."""
    return _open(EngineSettings(home=home, device="cpu", generator=str(tiny / "plain")))


@asynccontextmanager
async def _open(settings: EngineSettings) -> AsyncIterator[Engine]:
    async with Engine.open(settings) as engine:
        await engine.cache.write(leave_collection_out)
        yield engine


async def test_two_jobs_paint_one_after_the_other_and_a_restart_finds_what_was_left(
    tiny: Path, tmp_path: Path
) -> None:
    events: list[JobEvent] = []
    stepped = asyncio.Event()

    def listen(event: JobEvent) -> None:
        events.append(event)
        if phase_of(event) is GenerationPhase.STEP and event.job_id == jobs[1].id:
            stepped.set()

    async with engine_in(tmp_path, tiny) as engine:
        engine.jobs.subscribe(listen)
        jobs = [await engine.generation.start(replace(RED, seed=seed)) for seed in (1, 2, 3)]
        async with asyncio.timeout(120):
            await stepped.wait()
    shown = (JobStarted, GenerationProgress, PictureStored)
    order = [event.job_id for event in events if isinstance(event, shown)]
    assert order == sorted(order), "one job after the other"
    assert [event.job_id for event in events if isinstance(event, JobFinished)] == [jobs[0].id]
    async with engine_in(tmp_path, tiny) as engine:
        left = await engine.generation.unfinished()
        assert [record.id for record in left] == [jobs[2].id, jobs[1].id]
        again = await engine.generation.again(jobs[1].id)
        assert isinstance(await again.wait(), JobFinished)
        assert [picture.seed for picture in engine.generation.results(again.id)] == [2]
        assert [record.id for record in await engine.generation.unfinished()] == [jobs[2].id]


async def test_a_disk_that_is_full_in_the_end_costs_no_picture(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(home: Path, data: bytes) -> Path:
        raise CacheFullError("No room left", hint="Free some.")

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    monkeypatch.setattr("cache.generated.write_content", refuse)
    async with engine_in(tmp_path / "home", tiny) as engine:
        outcome = await (await engine.generation.start(replace(RED, steps=2))).wait()
        assert isinstance(outcome, JobFailed)
        (rescued,) = elsewhere.glob("t2itui-*.png")
        assert str(rescued) in outcome.hint
        assert (read_recipe(rescued).prompt, read_recipe(rescued).seed) == ("a red horse", 7)
        assert await engine.generation.pictures() == []
