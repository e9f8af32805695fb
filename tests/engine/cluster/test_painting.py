"""Pictures painted on a real cluster of three machines, some of which are lost meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.engine import Engine
from engine.events import (
    CellPreview,
    GenerationProgress,
    JobCancelled,
    JobEvent,
    JobFailed,
    JobFinished,
    JobNote,
    JobPreview,
)
from engine.generation.request import GenerateRequest
from engine.jobs.jobs import Job
from engine.settings import EngineSettings
from engine.sheets.job import SheetRun
from engine.sheets.prompts import SheetPrompt
from engine.sheets.request import SheetRequest, read_axis
from engine.sheets.sheet import Sheet
from engine.states import GenerationPhase
from tests.engine.cluster.conftest import Nodes
from tests.tiny_diffusion import save_tiny_diffusion

CELLS = 4


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_diffusion(tmp_path_factory.mktemp("models") / "tiny")


@asynccontextmanager
async def studio(home: Path, tiny: Path, address: str = "") -> AsyncIterator[Engine]:
    """A program that paints on a cluster, or here."""
    settings = EngineSettings(
        home=home, generator=str(tiny), device="cpu", dtype="fp32", paint_cluster=address
    )
    async with Engine.open(settings) as engine:
        yield engine


def sheet_of(tiny: Path, steps: int = 2) -> SheetRequest:
    return SheetRequest(
        prompts=(SheetPrompt(prompt="a red horse"),),
        axes=(read_axis(f"seed=1..{CELLS}"),),
        settings=GenerateRequest(prompt="", steps=steps, model=str(tiny)),
    )


async def started(engine: Engine, request: SheetRequest) -> Job:
    prepared = await engine.sheets.prepare(request, "storybook")
    return await engine.sheets.start(prepared, SheetRun(previews=True))


def pixels_of(sheet: Sheet | None) -> list[np.ndarray]:
    assert sheet is not None
    found = []
    for cell in sheet.cells:
        assert cell.picture is not None
        with Image.open(cell.picture.path) as image:
            found.append(np.asarray(image.convert("RGB")))
    return found


async def test_the_cells_of_a_cluster_are_those_of_one_machine(
    nodes: Nodes, tiny: Path, tmp_path: Path
) -> None:
    async with studio(tmp_path / "here", tiny) as engine:
        job = await started(engine, sheet_of(tiny))
        assert isinstance(await job.wait(), JobFinished)
        here = pixels_of(engine.sheets.of_job(job.id))
    events: list[JobEvent] = []
    async with studio(tmp_path / "there", tiny, nodes.address) as engine:
        engine.jobs.subscribe(events.append)
        job = await started(engine, sheet_of(tiny))
        outcome = await job.wait()
        assert isinstance(outcome, JobFinished), outcome
        there = pixels_of(engine.sheets.of_job(job.id))
        assert engine.generators.state().pid is None, "nothing was painted here"
        # A single picture comes from there as well, with what its generator reports.
        single = await engine.generate(
            GenerateRequest(prompt="a cat", seed=9, steps=3, preview=True), library="storybook"
        )
        assert isinstance(await single.wait(), JobFinished)
    for one, other in zip(here, there, strict=True):
        assert int(np.abs(one.astype(int) - other.astype(int)).max()) <= 1
    assert {e.number for e in events if isinstance(e, CellPreview)} == set(range(CELLS))
    own = [event for event in events if event.job_id == single.id]
    phases = {event.phase for event in own if isinstance(event, GenerationProgress)}
    assert {GenerationPhase.STEP, GenerationPhase.DECODING} <= phases
    assert any(isinstance(event, JobPreview) for event in own)


@pytest.mark.slow
async def test_a_cell_that_is_lost_with_its_machine_is_painted_by_another(
    nodes: Nodes, tiny: Path, tmp_path: Path
) -> None:
    events: list[JobEvent] = []
    painting = asyncio.Event()

    def hear(event: JobEvent) -> None:
        events.append(event)
        if isinstance(event, CellPreview):
            painting.set()

    async with studio(tmp_path / "home", tiny, nodes.address) as engine:
        engine.jobs.subscribe(hear)
        job = await started(engine, sheet_of(tiny, steps=400))
        await asyncio.wait_for(painting.wait(), 240)
        for line in ("kill 0", "kill 1", "add", "add"):
            await asyncio.to_thread(nodes.tell, line)
        outcome = await job.wait()
        assert isinstance(outcome, JobFinished), outcome
        assert len(pixels_of(engine.sheets.of_job(job.id))) == CELLS
    notes = [event.message for event in events if isinstance(event, JobNote)]
    assert "a picture was lost with its machine, and is painted again" in notes


@pytest.mark.slow
async def test_a_cancel_frees_the_caller_at_once_and_the_machines_go_on_with_the_next(
    nodes: Nodes, tiny: Path, tmp_path: Path
) -> None:
    painting = asyncio.Event()

    def hear(event: JobEvent) -> None:
        if isinstance(event, CellPreview):
            painting.set()

    async with studio(tmp_path / "home", tiny, nodes.address) as engine:
        engine.jobs.subscribe(hear)
        job = await started(engine, sheet_of(tiny, steps=500))
        await asyncio.wait_for(painting.wait(), 240)
        job.cancel()
        outcome = await job.wait()
        assert isinstance(outcome, JobCancelled) and outcome.seconds < 2
        job = await started(engine, sheet_of(tiny, steps=3))
        assert isinstance(await job.wait(), JobFinished)


@pytest.mark.slow
async def test_what_stands_in_the_way_on_a_machine_is_told_with_its_name(
    nodes: Nodes, tiny: Path, tmp_path: Path
) -> None:
    async with studio(tmp_path / "home", tiny, nodes.address) as engine:
        request = sheet_of(tiny)
        prepared = await engine.sheets.prepare(request, "storybook")
        job = await engine.sheets.start(prepared)
        found = engine.sheets.of_job(job.id)
        assert found is not None
        # The files are gone before a machine reads them.
        (tiny / "unet" / "diffusion_pytorch_model.safetensors").rename(tmp_path / "unet")
        try:
            outcome = await job.wait()
        finally:
            (tmp_path / "unet").rename(tiny / "unet" / "diffusion_pytorch_model.safetensors")
        assert isinstance(outcome, JobFailed), outcome
        assert ": " in outcome.message and outcome.error != "ClusterError"


async def test_where_no_cluster_is_it_is_said(tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    async with studio(tmp_path / "home", tiny, "127.0.0.1:1") as engine:
        job = await started(engine, sheet_of(tiny))
        outcome = await job.wait()
    assert isinstance(outcome, JobFailed)
    assert "there is no Ray cluster at 127.0.0.1:1" in outcome.message
