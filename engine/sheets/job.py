"""The job that paints what the cache lacks of a sheet, in the order that costs least."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Protocol

from cache.content_files import holds
from cache.generated import GeneratedRecord, find_generated
from cache.sheets import put_sheet, set_cell
from cache.store import Cache
from engine.errors import RejectedError
from engine.events import (
    CellDone,
    CellPreview,
    GeneratedPicture,
    GenerationProgress,
    JobEvent,
    JobNote,
    JobPreview,
    JobProgress,
    LibraryChanged,
    PromptScore,
    Report,
)
from engine.generation.job import check_room, picture_of
from engine.generation.recipe import Digests, digest, recipe_of
from engine.generation.request import GenerateRequest, GenerationSpec, resolve
from engine.generation.store import GeneratedStore
from engine.jobs.codec import request_to_json
from engine.jobs.progress import ProgressReporter
from engine.models.generator_info import GeneratorInfo
from engine.models.generator_messages import EventBridge, GeneratedImage
from engine.models.generators import Generators
from engine.models.parameters import GenerationParameters
from engine.sheets.request import Cell, SheetRequest, cells_of, painting_order
from engine.sheets.sheet import Sheet
from engine.states import CellState, Device, GenerationPhase, JobKind, OutputCheck, Unit

_STAGE = "painting the sheet"


async def stored(cache: Cache, request: SheetRequest) -> int:
    """Enter a sheet, if that can be; the same request is the same sheet. Returns its id."""
    if cache.read_only:
        return 0
    text = request_to_json(request)
    write = partial(put_sheet, title=request.title, request=text, size=request.size)
    return await cache.write(write)


class TakesTurn(Protocol):
    """Gives the generator to a job for a block, after whoever waits for it already."""

    def __call__(self, job_id: int) -> AbstractAsyncContextManager[None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPlan:
    """A cell with all that decides its picture."""

    number: int
    source: str
    """The generator."""
    parameters: GenerationParameters
    digests: Digests
    seed: int
    spec: GenerationSpec
    """As a generation of the one picture has it."""


async def known_cell(cache: Cache, home: Path, plan: CellPlan) -> GeneratedRecord | None:
    """What the cache has of a cell; None where its file is gone, or another by now."""
    record = await cache.read(find_generated, home, plan.digests.request_key, plan.seed)
    if record is None or not await asyncio.to_thread(holds, home, record.sha256 or ""):
        return None
    return record


class SheetPlanner:
    """Resolves the cells of a sheet against their generators."""

    def __init__(self, generators: Generators, source: Callable[[GenerateRequest], str]) -> None:
        self._generators = generators
        self._source = source

    async def plan(self, request: SheetRequest) -> list[CellPlan]:
        """The cells in the order in which they are painted.

        Raises RequestError, ModelMissingError or ModelUnusableError for the first that cannot be.
        """
        cells = cells_of(request)
        sources = [self._source(cell.request) for cell in cells]
        infos = {source: await self._generators.describe(source) for source in set(sources)}
        return await asyncio.to_thread(_resolved, cells, sources, infos, request.library)


def _resolved(
    cells: Sequence[Cell],
    sources: Sequence[str],
    infos: Mapping[str, GeneratorInfo],
    library: str,
) -> list[CellPlan]:
    """The cells with nothing left open, in the order in which they are painted."""
    plans = []
    for number in painting_order(cells):
        asked, source = cells[number].request, sources[number]
        parameters = resolve(asked, infos[source])
        seed = asked.seed or 0
        plans.append(
            CellPlan(
                number=number,
                source=source,
                parameters=parameters,
                digests=digest(parameters, library),
                seed=seed,
                spec=GenerationSpec(request=asked, drawn=seed, library=library),
            )
        )
    return plans


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRun:
    """How a sheet is painted; the pictures are the same, but for rounding in batches."""

    batch: int | None = None
    """Cells that differ by their seed alone and are painted together; None is 1 on a CPU, and
    elsewhere what finds room in the device's memory."""
    devices: tuple[str, ...] = ()
    """Each has a generator of its own, such as `cuda:1`; none is the device of the settings."""
    previews: bool = False
    """Report what cells look like while they are painted."""


class SheetJob:
    """Paints a sheet; see JobWork.

    On an accelerator a picture is stored and scored while the next one is being painted, and cells
    that differ by their seed alone are painted together: sums over several pictures are rounded in
    another order, so that single pixels may come out a level brighter or darker than alone. On a
    CPU, where that wins nothing, each is painted alone.
    """

    kind = JobKind.SHEET

    def __init__(
        self,
        sheet: Sheet,
        *,
        cache: Cache,
        painters: Sequence[Generators],
        store: GeneratedStore,
        planner: SheetPlanner,
        turn: TakesTurn | None,
        home: Path,
        folders: tuple[Path, ...],
        run: SheetRun,
    ) -> None:
        """Each of the `painters` takes the next cells as soon as it is free; there is no `turn`
        where nobody else uses them."""
        self.sheet = sheet
        """As far as it is painted."""
        self._cache = cache
        self._painters = painters
        self._store = store
        self._planner = planner
        self._turn = turn
        self._home = home
        self._folders = folders
        self._is_paused = False
        self._run = run
        self._storing = asyncio.Lock()
        self._records: dict[int, GeneratedRecord] = {}
        """Of the cells that have a picture, by their numbers."""

    @property
    def title(self) -> str:
        """What is painted, for people: untrusted text."""
        return f"paint {self.sheet.request.title}"

    @property
    def request(self) -> str:
        """JSON, enough to start it again."""
        return request_to_json(self.sheet.request)

    def pause(self) -> None:
        """End after the cells at work; whoever starts the sheet again goes on from there."""
        self._is_paused = True

    async def run(self, job_id: int, report: Report) -> str:
        """Paint what is not painted; RejectedError where nothing came of any cell."""
        if not self.sheet.id:
            self.sheet = replace(self.sheet, id=await stored(self._cache, self.sheet.request))
        plans = await self._planner.plan(self.sheet.request)
        await self._notice(plans, job_id, report)
        todo = await self._take_known(plans, job_id, report)
        left = deque(todo)
        lanes = [
            asyncio.create_task(self._paint(painter, left, job_id, report))
            for painter in self._painters[: max(1, len(todo))]
        ]
        try:
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
        if todo and not self._is_paused:
            await self._score_alike(job_id, report)
        return self._closing(len(plans) - len(todo))

    async def _paint(
        self, painter: Generators, left: deque[CellPlan], job_id: int, report: Report
    ) -> None:
        """Have one generator paint cells until none is left."""
        finishing = _Finishing()
        progress = _Progress(job_id, report, lambda: self.sheet)
        try:
            while left and not self._is_paused:
                async with nullcontext() if self._turn is None else self._turn(job_id):
                    most = await self._most_together(painter, left, job_id, report)
                    # Another generator may have taken the last ones meanwhile.
                    plans = _alike(left, most)
                    if not plans:
                        break
                    images = await self._generate(painter, plans, progress)
                await finishing.wait()
                finishing.start(self._finish(plans, images, job_id, report, progress))
                if images[0].device == Device.CPU:
                    # Two processes with a thread a core each take twice as long as in turn.
                    await finishing.wait()
        finally:
            await finishing.wait()

    async def _most_together(
        self, painter: Generators, left: Sequence[CellPlan], job_id: int, report: Report
    ) -> int:
        """How many cells a generator paints at once."""
        if self._run.batch is not None or not left:
            return self._run.batch or 1
        bridge = EventBridge(report=report, job_id=job_id)
        return await painter.most_together(left[0].source, bridge)

    async def _score_alike(self, job_id: int, report: Report) -> None:
        """Score all pictures once more, by the library as it is now.

        What `match` is placed by moves while pictures join the library, and bars are compared.
        """
        for done, (number, record) in enumerate(self._records.items()):
            report(JobProgress(job_id=job_id, stage="scoring", done=done, total=len(self._records)))
            before = self.sheet.cells[number].picture
            score = (await self._store.assess(record, self._folders)).score
            if before is not None and score is not None and _is_other(before.score, score):
                self._take(number, replace(before, score=score), OutputCheck.FINE, job_id, report)

    async def _notice(self, plans: Sequence[CellPlan], job_id: int, report: Report) -> None:
        """Say once which words a generator never met."""
        notices: list[str] = []
        for plan in plans:
            vocabulary = (await self._painters[0].describe(plan.source)).vocabulary
            if vocabulary is not None:
                notices.append(vocabulary.notice(plan.parameters.prompt))
        for notice in filter(None, dict.fromkeys(notices)):
            report(JobNote(job_id=job_id, message=notice))

    async def _take_known(
        self, plans: Sequence[CellPlan], job_id: int, report: Report
    ) -> list[CellPlan]:
        """Take the pictures that the cache has; returns the cells that it has not."""
        todo = []
        for plan in plans:
            record = await known_cell(self._cache, self._home, plan)
            if record is None:
                todo.append(plan)
            else:
                await self._enter(plan, record, job_id, report, cached=True)
        return todo

    async def _generate(
        self, painter: Generators, plans: Sequence[CellPlan], progress: _Progress
    ) -> list[GeneratedImage]:
        await check_room(self._cache, self._home)
        first = plans[0]
        report = partial(progress.pass_on, first.number)
        return await painter.generate_batch(
            first.source,
            first.parameters,
            [plan.seed for plan in plans],
            preview=self._run.previews,
            bridge=EventBridge(report=report, job_id=progress.job_id),
        )

    async def _finish(
        self,
        plans: Sequence[CellPlan],
        images: Sequence[GeneratedImage],
        job_id: int,
        report: Report,
        progress: _Progress,
    ) -> None:
        """Store pictures, and score them."""
        for warning in dict.fromkeys(each for image in images for each in image.warnings):
            report(JobNote(job_id=job_id, message=warning))
        for plan, image in zip(plans, images, strict=True):
            async with self._storing:
                recipe = recipe_of(
                    image, plan.digests, source=plan.source, library=plan.spec.library
                )
                record = await self._store.put(image, recipe, plan.spec, job_id)
                if image.check is OutputCheck.FINE:
                    report(LibraryChanged(job_id=job_id, added=1))
                await self._enter(plan, record, job_id, report, cached=False)
                progress.advance()

    async def _enter(
        self,
        plan: CellPlan,
        record: GeneratedRecord,
        job_id: int,
        report: Report,
        *,
        cached: bool,
    ) -> None:
        """Score a stored picture, and note it as the cell's."""
        picture: GeneratedPicture | None = None
        if record.picture_id is not None:
            assessment = await self._store.assess(record, self._folders)
            for warning in assessment.warnings:
                report(JobNote(job_id=job_id, message=warning))
            if assessment.is_new:
                report(LibraryChanged(job_id=job_id, added=0))
            picture = picture_of(record, assessment.score, cached=cached)
            self._records[plan.number] = record
        if self.sheet.id:
            await self._cache.write(set_cell, self.sheet.id, plan.number, record.id)
        self._take(plan.number, picture, OutputCheck(record.verdict), job_id, report)

    def _take(
        self,
        number: int,
        picture: GeneratedPicture | None,
        check: OutputCheck,
        job_id: int,
        report: Report,
    ) -> None:
        """Say what has become of a cell."""
        self.sheet = self.sheet.with_cell(number, picture, check)
        report(
            CellDone(
                job_id=job_id,
                sheet_id=self.sheet.id,
                number=number,
                picture=picture,
                check=check,
            )
        )

    def _closing(self, cached: int) -> str:
        sheet, size = self.sheet, len(self.sheet.cells)
        if sheet.done < size:
            return f"paused: {sheet.done} of {size} cells are done"
        pictures = [cell.picture for cell in sheet.filled if cell.picture is not None]
        if not pictures:
            raise RejectedError(
                "no picture came of any cell", hint="Other prompts or another model may do better."
            )
        new = [picture for picture in pictures if not picture.cached]
        seconds = sum(picture.seconds for picture in new)
        parts = [f"painted {len(new)} of {size} cells in {seconds:.1f} s"] if new else []
        parts += [f"{cached} from the cache"] if cached else []
        rejected = sum(cell.state is CellState.REJECTED for cell in sheet.cells)
        parts += [f"{rejected} came to nothing"] if rejected else []
        matches = [picture.score.match for picture in pictures if picture.score is not None]
        parts += [f"match {fmean(matches):.2f} on average"] if matches else []
        return ", ".join(parts)


def _is_other(before: PromptScore | None, after: PromptScore) -> bool:
    """Whether a picture has another score than before."""
    return before is None or (before.cosine, before.match) != (after.cosine, after.match)


def _alike(left: deque[CellPlan], most: int) -> list[CellPlan]:
    """Take the next cells, as far as they differ by their seed alone; none where none is left."""
    taken: list[CellPlan] = []
    while left and len(taken) < most:
        plan = left[0]
        if taken and (plan.source, plan.parameters) != (taken[0].source, taken[0].parameters):
            break
        taken.append(left.popleft())
    return taken


class _Finishing:
    """Pictures that are being stored while the next ones are painted."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Begin to store pictures; those before them were waited for."""
        self._task = asyncio.create_task(work)

    async def wait(self) -> None:
        """Wait for the pictures that are being stored, also while the job is being stopped."""
        task, self._task = self._task, None
        if task is None:
            return
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            # Stopped once more: the program ends, and its cache with it.
            task.cancel()
            raise
        task.result()


class _Progress:
    """Says how far a sheet is: in cells, with the step of those at work."""

    def __init__(self, job_id: int, report: Report, sheet: Callable[[], Sheet]) -> None:
        self.job_id = job_id
        self._sheet = sheet
        self._report = report
        self._reporter = ProgressReporter(job_id, report)
        self.advance()

    def advance(self, detail: str = "") -> None:
        """Say how many cells are done."""
        done, size = self._sheet().done, len(self._sheet().cells)
        self._reporter.report(_STAGE, done, size, unit=Unit.PICTURES, detail=detail)

    def pass_on(self, number: int, event: JobEvent) -> None:
        """Pass on what a generation of a cell reports; its steps as a detail of the whole."""
        match event:
            case JobPreview():
                self._report(
                    CellPreview(
                        job_id=event.job_id,
                        sheet_id=self._sheet().id,
                        number=number,
                        preview=event,
                    )
                )
            case GenerationProgress(phase=GenerationPhase.STEP, done=done, total=total):
                self.advance(f"step {done} of {total}")
            case GenerationProgress(phase=GenerationPhase.DECODING):
                self.advance("decoding")
            case GenerationProgress():
                self._report(
                    JobProgress(
                        job_id=event.job_id,
                        stage=event.stage,
                        done=event.done,
                        total=event.total,
                        unit=event.unit,
                    )
                )
            case _:
                self._report(event)
