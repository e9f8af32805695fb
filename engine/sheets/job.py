"""The job that paints what the cache lacks of a sheet, in the order that costs least."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
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
    JobPreview,
    JobProgress,
    LibraryChanged,
    PromptScore,
    Report,
)
from engine.generation.job import check_room, picture_of
from engine.generation.painters import Painter
from engine.generation.recipe import Digests, digest, recipe_of
from engine.generation.request import GenerateRequest, GenerationSpec, resolve
from engine.generation.store import GeneratedStore
from engine.jobs.codec import request_to_json
from engine.jobs.progress import ProgressReporter, Warnings
from engine.models.generator_info import GeneratorInfo
from engine.models.generator_messages import EventBridge, GeneratedImage
from engine.models.generators import Generators
from engine.models.parameters import GenerationParameters
from engine.sheets.request import Cell, SheetRequest, cells_of, painting_order
from engine.sheets.sheet import Sheet
from engine.states import CellState, GenerationPhase, JobKind, OutputCheck, Unit

_STAGE = "painting the sheet"
_QUICK_S = 5.0
"""Where cells take less, the next one is asked for before the one at work is done: who waits for
the generator meanwhile waits for two."""
_SCORING_SHARE = 0.02
"""Of the time, that scoring may take while cells are painted: quick cells are scored several at a
time, those of one prompt for the price of one."""
_SCORES_APART_S = 5.0
"""What is stored waits no longer for its score."""
_SCORED_AT_ONCE = 32
_SEEN_AHEAD = 200
"""Cells among which those are looked for that can be painted together."""


async def stored(cache: Cache, request: SheetRequest) -> int:
    """Enter a sheet, if that can be; the same request is the same sheet. Returns its id."""
    if cache.read_only:
        return 0
    text = request_to_json(request)
    write = partial(put_sheet, title=request.title, request=text, size=request.size)
    return await cache.write(write)


class Turns(Protocol):
    """Who has the generator of the settings."""

    def take(self, job_id: int) -> AbstractAsyncContextManager[None]:
        """Give it to a job for a block, after whoever waits for it already."""
        ...

    @property
    def is_wanted(self) -> bool:
        """Somebody waits for it."""
        ...


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

    async def describe(self, source: str) -> GeneratorInfo:
        """What the files of a generator say."""
        return await self._generators.describe(source)

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
    """Cells that differ by seed and texts alone and are painted together; None is 1 on a CPU, and
    elsewhere what finds room in the device's memory."""
    devices: tuple[str, ...] = ()
    """Each has a generator of its own, such as `cuda:1`; none is the device of the settings."""
    previews: bool = False
    """Report what cells look like while they are painted."""


class SheetJob:
    """Paints a sheet; see JobWork.

    A picture is stored and scored while the next one is being painted, which is asked for before
    the one at work is done where cells are quick. On an accelerator cells that differ by seed and
    texts alone are painted together: sums over several pictures are rounded in another order, so
    that single pixels may come out a level brighter or darker than alone. On a CPU, where that wins
    nothing, each is painted alone.
    """

    kind = JobKind.SHEET

    def __init__(
        self,
        sheet: Sheet,
        *,
        cache: Cache,
        painters: Callable[[], Awaitable[Sequence[Painter]]],
        store: GeneratedStore,
        planner: SheetPlanner,
        turns: Turns | None,
        home: Path,
        folders: tuple[Path, ...],
        run: SheetRun,
    ) -> None:
        """Each of the painters that `painters` finds takes the next cells as soon as it is free;
        there are no `turns` where nobody else uses them."""
        self.sheet = sheet
        """As far as it is painted."""
        self._cache = cache
        self._painters = painters
        self._store = store
        self._planner = planner
        self._turns = turns
        self._home = home
        self._folders = folders
        self._is_paused = False
        self._run = run
        self._storing = asyncio.Lock()
        self._records: dict[int, GeneratedRecord] = {}
        """Of the cells that have a picture, by their numbers."""
        self._unscored: list[int] = []
        """Cells whose pictures are stored, and not scored yet."""
        self._warnings = Warnings()
        self._scores_next = 0.0

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
        await self._score(job_id, report)
        try:
            await self._paint_all(todo, job_id, report)
            if todo and not self._is_paused:
                # By the library as it is now: what `match` is placed by moves while pictures join
                # it, and bars are compared.
                self._unscored = [*self._records]
        finally:
            rest = _Finishing()
            rest.start(self._score(job_id, report, in_the_end=True))
            await rest.wait()
        return self._closing(len(plans) - len(todo))

    async def _paint_all(self, todo: Sequence[CellPlan], job_id: int, report: Report) -> None:
        """Have each generator paint what is left as soon as it is free."""
        if not todo:
            return
        left = deque(todo)
        painters = await self._painters()
        lanes = [
            asyncio.create_task(self._paint(painter, left, job_id, report))
            for painter in painters[: len(todo)]
        ]
        try:
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)

    async def _paint(
        self, painter: Painter, left: deque[CellPlan], job_id: int, report: Report
    ) -> None:
        """Have one generator paint cells until none is left."""
        finishing = _Finishing()
        progress = _Progress(job_id, report, lambda: self.sheet)
        try:
            while left and not self._is_paused:
                async with nullcontext() if self._turns is None else self._turns.take(job_id):
                    await self._paint_on(painter, left, finishing, progress, report)
        finally:
            await finishing.wait()

    async def _paint_on(
        self,
        painter: Painter,
        left: deque[CellPlan],
        finishing: _Finishing,
        progress: _Progress,
        report: Report,
    ) -> None:
        """Paint cells until none is left, or until somebody else waits for the generator."""
        asked: deque[_Asked] = deque()
        depth, is_wanted = 1, False
        try:
            while True:
                while len(asked) < depth and not (is_wanted or self._is_paused):
                    before = asked[-1].plans[0] if asked else None
                    if not (plans := await self._next(painter, left, before, progress)):
                        break
                    await check_room(self._cache, self._home)
                    painting = asyncio.create_task(self._generate(painter, plans, progress))
                    asked.append(_Asked(plans, painting))
                if not asked:
                    return
                first = asked.popleft()
                images = await first.painting
                await finishing.wait()
                finishing.start(self._finish(first.plans, images, progress, report))
                depth = 2 if sum(image.seconds for image in images) < _QUICK_S else 1
                is_wanted = self._turns is not None and self._turns.is_wanted
        finally:
            for each in asked:
                each.painting.cancel()
            await asyncio.gather(*(each.painting for each in asked), return_exceptions=True)

    async def _next(
        self,
        painter: Painter,
        left: deque[CellPlan],
        before: CellPlan | None,
        progress: _Progress,
    ) -> list[CellPlan]:
        """The cells to ask a generator for next, behind one that it was asked for; mostly one."""
        if left and before is not None and left[0].source != before.source:
            return []  # Another model is loaded when this one's pictures are stored.
        most = self._run.batch or 1
        if left and self._run.batch is None:
            most = await painter.most_together(left[0].source, progress.bridge(left[0]))
        # Another generator may have taken the last ones meanwhile.
        return _alike(left, most)

    async def _score(self, job_id: int, report: Report, *, in_the_end: bool = False) -> None:
        """Score the pictures of cells that wait for it, those of a prompt together."""
        if not self._unscored:
            return
        began = time.monotonic()
        numbers, self._unscored, done = self._unscored, [], 0
        warnings: dict[str, None] = {}
        for some in _by_prompt(numbers, self.sheet):
            if in_the_end:
                progress = JobProgress(
                    job_id=job_id, stage="scoring", done=done, total=len(numbers)
                )
                report(progress)
            done += len(some)
            records = [self._records[number] for number in some]
            found = await self._store.assess_together(records, self._folders)
            warnings |= dict.fromkeys(found[0].warnings)
            if any(each.is_new for each in found):
                report(LibraryChanged(job_id=job_id, added=0))
            for number, assessment in zip(some, found, strict=True):
                before, score = self.sheet.cells[number].picture, assessment.score
                if before is not None and score is not None and _is_other(before.score, score):
                    scored = replace(before, score=score)
                    self._take(number, scored, OutputCheck.FINE, job_id, report)
        self._warnings.tell(warnings, job_id, report)
        now = time.monotonic()
        self._scores_next = now + min((now - began) / _SCORING_SHARE, _SCORES_APART_S)

    async def _notice(self, plans: Sequence[CellPlan], job_id: int, report: Report) -> None:
        """Say once which words a generator never met."""
        notices: list[str] = []
        for plan in plans:
            vocabulary = (await self._planner.describe(plan.source)).vocabulary
            if vocabulary is not None:
                notices.append(vocabulary.notice(plan.parameters.prompt))
        self._warnings.tell(filter(None, notices), job_id, report)

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
                await self._enter(plan.number, record, job_id, report, cached=True)
        return todo

    async def _generate(
        self, painter: Painter, plans: Sequence[CellPlan], progress: _Progress
    ) -> list[GeneratedImage]:
        first, texts = plans[0], [plan.parameters.texts for plan in plans]
        return await painter.generate_batch(
            first.source,
            first.parameters,
            [plan.seed for plan in plans],
            texts=[] if len({*texts}) == 1 else texts,
            preview=self._run.previews,
            bridge=progress.bridge(first),
        )

    async def _finish(
        self,
        plans: Sequence[CellPlan],
        images: Sequence[GeneratedImage],
        progress: _Progress,
        report: Report,
    ) -> None:
        """Store pictures, and score what waits for it, if it is time."""
        job_id = progress.job_id
        self._warnings.tell((each for image in images for each in image.warnings), job_id, report)
        for plan, image in zip(plans, images, strict=True):
            async with self._storing:
                recipe = recipe_of(
                    image, plan.digests, source=plan.source, library=plan.spec.library
                )
                record = await self._store.put(image, recipe, plan.spec, job_id)
                if image.check is OutputCheck.FINE:
                    report(LibraryChanged(job_id=job_id, added=1))
                await self._enter(plan.number, record, job_id, report, cached=False)
                progress.advance()
        async with self._storing:
            if time.monotonic() >= self._scores_next:
                await self._score(job_id, report)

    async def _enter(
        self,
        number: int,
        record: GeneratedRecord,
        job_id: int,
        report: Report,
        *,
        cached: bool,
    ) -> None:
        """Note a stored picture as a cell's; its score comes later."""
        picture: GeneratedPicture | None = None
        if record.picture_id is not None:
            picture = picture_of(record, cached=cached)
            self._records[number] = record
            self._unscored.append(number)
        if self.sheet.id:
            await self._cache.write(set_cell, self.sheet.id, number, record.id)
        self._take(number, picture, OutputCheck(record.verdict), job_id, report)

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


def _by_prompt(numbers: Sequence[int], sheet: Sheet) -> Iterator[Sequence[int]]:
    """Cells in groups of one prompt, of at most _SCORED_AT_ONCE."""
    rows: dict[int, list[int]] = {}
    for number in numbers:
        rows.setdefault(sheet.cells[number].cell.row, []).append(number)
    for row in rows.values():
        for start in range(0, len(row), _SCORED_AT_ONCE):
            yield row[start : start + _SCORED_AT_ONCE]


def _alike(left: deque[CellPlan], most: int) -> list[CellPlan]:
    """Take the next cell, and those that can be painted with it; none where none is left."""
    if not left:
        return []
    first = left[0]
    same = (
        plan
        for plan in islice(left, _SEEN_AHEAD)
        if plan.source == first.source and first.parameters.joins(plan.parameters)
    )
    taken = [*islice(same, most)]
    for plan in taken:
        left.remove(plan)
    return taken


@dataclass(frozen=True, slots=True)
class _Asked:
    """Cells that a generator was asked for together."""

    plans: list[CellPlan]
    painting: asyncio.Task[list[GeneratedImage]]


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

    def bridge(self, plan: CellPlan) -> EventBridge:
        """What takes the messages of a generator about a cell."""
        return EventBridge(report=partial(self.pass_on, plan.number), job_id=self.job_id)

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
