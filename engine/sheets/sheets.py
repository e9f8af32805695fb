"""Sheets as the app and the shell see them: sized, painted, paused, opened again, forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

from cache.generated import GeneratedRecord, list_generated
from cache.sheets import (
    SheetRecord,
    delete_sheet,
    find_sheet,
    list_sheets,
    sheet_cells,
    sheet_of,
)
from cache.store import Cache
from engine.errors import RequestError
from engine.generation.generation import Generation
from engine.generation.job import picture_of
from engine.generation.recipe import from_json
from engine.jobs.codec import request_from_json, request_to_json
from engine.jobs.jobs import Job, Jobs
from engine.models.generators import Generators
from engine.settings import EngineSettings
from engine.sheets.job import SheetJob, SheetPlanner, SheetRun, known_cell, stored
from engine.sheets.request import SheetRequest, checked_sheet
from engine.sheets.sheet import Sheet
from engine.states import JobKind, OutputCheck

AS_EVER = SheetRun()
_REMEMBERED = 20
"""Jobs that are over whose sheets are at hand."""
_RECENT = 500
"""Generations that are looked at for how long a step takes."""
_ENOUGH = 20
"""Of one model, the latest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a sheet will take."""

    cells: int
    to_paint: int
    """Cells that the cache has no picture of."""
    seconds: float | None
    """From what such pictures took before; None where one of its models painted none yet."""


class Sheets:
    """Starts sheets, and keeps what came of them."""

    def __init__(
        self,
        cache: Cache,
        jobs: Jobs,
        generators: Generators,
        generation: Generation,
        settings: EngineSettings,
    ) -> None:
        self._cache = cache
        self._jobs = jobs
        self._generators = generators
        self._generation = generation
        self._settings = settings
        self._home = settings.home
        self._works: dict[int, SheetJob] = {}
        """Of the jobs that are at work, and the last ones."""

    async def prepare(self, request: SheetRequest, library: str | None = None) -> SheetRequest:
        """The request with the library that its pictures join; None finds out which.

        Raises RequestError where its cells cannot be listed.
        """
        joined = await self._generation.library_for(library)
        return checked_sheet(replace(request, library=joined))

    async def estimate(self, request: SheetRequest) -> Estimate:
        """What a sheet will take, asked for before it is started.

        Raises RequestError, ModelMissingError or ModelUnusableError where a cell cannot be painted.
        """
        plans = await self._planner(request).plan(checked_sheet(request))
        todo = [plan for plan in plans if not await known_cell(self._cache, self._home, plan)]
        known = await self._cache.read(list_generated, self._home, _RECENT)
        paces = {model: _pace(model, known) for model in {p.parameters.model_id for p in todo}}
        seconds: float | None = 0.0
        for plan in todo:
            pace, asked = paces[plan.parameters.model_id], plan.parameters
            work = _work(asked.steps, asked.width, asked.height, asked.guidance)
            seconds = None if pace is None or seconds is None else seconds + pace * work
        return Estimate(cells=len(plans), to_paint=len(todo), seconds=seconds)

    async def start(self, request: SheetRequest, run: SheetRun = AS_EVER) -> Job:
        """Queue the painting of a sheet that was prepared; what is painted stays as it is.

        Raises RequestError, ModelMissingError or ModelUnusableError at once.
        """
        await self._planner(request).plan(checked_sheet(request))
        return self._start(Sheet.empty(request, id=await stored(self._cache, request)), run)

    def resume(self, request: SheetRequest) -> Job:
        """Queue what was asked before; what is impossible about it by now fails the job."""
        return self._start(Sheet.empty(request), AS_EVER)

    async def go_on(self, sheet_id: int) -> Job:
        """Paint the cells of a sheet that are not painted."""
        return await self.start((await self.open(sheet_id)).request)

    def pause(self, job_id: int) -> None:
        """End a job of this process after the cells at work."""
        if (work := self._works.get(job_id)) is not None:
            work.pause()

    def of_job(self, job_id: int) -> Sheet | None:
        """The sheet that a job of this process paints, as far as it is."""
        work = self._works.get(job_id)
        return work.sheet if work else None

    async def open(self, sheet_id: int) -> Sheet:
        """A sheet as far as it is painted; no model is needed. Raises RequestError."""
        record = await self._cache.read(find_sheet, sheet_id)
        if record is None:
            hint = "t2itui sheet --list shows those that are."
            raise RequestError(f"there is no sheet {sheet_id}", hint=hint)
        found = await self._cache.read(sheet_cells, self._home, sheet_id)
        return await asyncio.to_thread(_opened, record, found)

    async def find(self, request: SheetRequest) -> int | None:
        """The id of the sheet of a request; None where it is not remembered."""
        return await self._cache.read(sheet_of, request_to_json(request))

    async def list(self, limit: int = 1_000) -> Sequence[SheetRecord]:
        """The sheets, the one used last first."""
        return await self._cache.read(list_sheets, limit)

    async def forget(self, sheet_id: int) -> bool:
        """Forget a sheet; its pictures stay in the library. Whether there was one."""
        return await self._cache.write(delete_sheet, sheet_id)

    def _start(self, sheet: Sheet, run: SheetRun) -> Job:
        request, painters = sheet.request, self._generation.painters
        work = SheetJob(
            sheet,
            cache=self._cache,
            painters=partial(painters.all, run.devices),
            store=self._generation.store,
            planner=self._planner(request),
            turns=_GeneratorTurns(self._jobs) if painters.is_shared(run.devices) else None,
            home=self._home,
            folders=self._generation.folders_of(request.library),
            run=run,
        )
        job = self._jobs.start(work)
        for over in [each for each in self._works if not self._is_at_work(each)][:-_REMEMBERED]:
            del self._works[over]
        self._works[job.id] = work
        return job

    def _is_at_work(self, job_id: int) -> bool:
        job = self._jobs.find(job_id)
        return job is not None and job.state.is_active

    def _planner(self, request: SheetRequest) -> SheetPlanner:
        library = request.library
        return SheetPlanner(self._generators, lambda asked: self._generation.source(asked, library))


@dataclass(frozen=True, slots=True)
class _GeneratorTurns:
    """Turns of the generator among the jobs that paint single pictures; see `Turns`."""

    jobs: Jobs

    def take(self, job_id: int) -> AbstractAsyncContextManager[None]:
        """Wait for the generator, and have it for the block."""
        return self.jobs.turn(JobKind.GENERATE, job_id)

    @property
    def is_wanted(self) -> bool:
        """A single picture waits for it."""
        return bool(self.jobs.waiting(JobKind.GENERATE))


def _opened(record: SheetRecord, found: Mapping[int, GeneratedRecord]) -> Sheet:
    """A stored sheet with the pictures of its cells."""
    request = request_from_json(SheetRequest, record.request)
    sheet = Sheet.empty(request, id=record.id, created_at=record.created_at)
    return sheet.with_cells(
        {
            number: (
                picture_of(generated, cached=True) if generated.picture_id else None,
                OutputCheck(generated.verdict),
            )
            for number, generated in found.items()
        }
    )


def _pace(model_id: str, known: Sequence[GeneratedRecord]) -> float | None:
    """Seconds for a unit of work by what a model painted last; None where that is nothing."""
    paces: list[float] = []
    for record in known:
        if record.model_id != model_id or not record.seconds or len(paces) == _ENOUGH:
            continue
        recipe = from_json(record.recipe, private=True)
        if recipe.steps and recipe.width and recipe.height:
            work = _work(recipe.steps, recipe.width, recipe.height, recipe.guidance or 0.0)
            paces.append(record.seconds / work)
    return median(paces) if paces else None


def _work(steps: int, width: int, height: int, guidance: float) -> float:
    """Pixels that the network sees: twice with guidance; decoding counts as one step."""
    return (steps * (2 if guidance > 1 else 1) + 1) * width * height
