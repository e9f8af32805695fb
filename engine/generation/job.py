"""What the generator reports, as events of a job."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cache.errors import CacheError, CacheFullError
from cache.generated import GeneratedRecord, find_generated, painted_for
from cache.receipts import SequelRecord, put_sequel
from cache.store import Cache
from engine.errors import SpoiltError
from engine.events import (
    JobDecoding,
    JobKept,
    JobLoading,
    JobNote,
    JobPreview,
    JobProgress,
    JobScored,
    JobSpoilt,
    JobStep,
    JobSteppedDown,
    JobWaiting,
    LibraryChanged,
    Report,
)
from engine.generation.parameters import Settled, settle
from engine.generation.recipe import Digests, digest, recipe_of
from engine.generation.store import Keeper
from engine.jobs.codec import Order, order_to_json
from engine.models.generators import Generators
from engine.models.progress import (
    Decoding,
    Loading,
    Painted,
    PaintEvent,
    Preview,
    Step,
    SteppedDown,
    Waiting,
)
from engine.search.prompt_scores import PromptScore
from engine.states import JobKind, OutputCheck

WAITS = "waiting for another t2itui that paints"
PREVIEW_S = 0.1
"""Previews that come sooner after one another are dropped."""


class Relay:
    """Turns the reports on one picture into events of a job."""

    def __init__(
        self,
        job_id: int,
        report: Report,
        *,
        picture: int,
        pictures: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._job_id = job_id
        self._report = report
        self._picture = picture
        self._pictures = pictures
        self._clock = clock
        self._previewed = -PREVIEW_S
        self._steps = 0
        self._is_waiting = False

    def take(self, event: PaintEvent) -> None:
        """Pass one report on."""
        was_waiting, self._is_waiting = self._is_waiting, isinstance(event, Waiting)
        match event:
            case Waiting() if not was_waiting:
                self._report(JobWaiting(job_id=self._job_id, stage=WAITS, done=0, total=0))
            case Loading():
                self._loading(event)
            case Step():
                self._step(event)
            case Preview():
                self._preview(event)
            case Decoding():
                self._decoding()
            case SteppedDown(what=what, why=why):
                message = f"{what}: {why}" if why else what
                self._report(JobSteppedDown(job_id=self._job_id, message=message, what=what))

    def _loading(self, event: Loading) -> None:
        self._report(
            JobLoading(
                job_id=self._job_id,
                stage=event.stage,
                done=event.done,
                total=event.total,
                unit="bytes",
            )
        )

    def _step(self, event: Step) -> None:
        self._steps = event.total
        self._report(
            JobStep(
                job_id=self._job_id,
                stage=self._numbered("painting"),
                done=event.step,
                total=event.total,
                unit="steps",
                rate=1 / event.seconds_a_step if event.seconds_a_step > 0 else 0.0,
                eta_s=event.eta_s,
                picture=self._picture,
                pictures=self._pictures,
                seconds_a_step=event.seconds_a_step,
            )
        )

    def _preview(self, event: Preview) -> None:
        now = self._clock()
        if now - self._previewed >= PREVIEW_S:
            self._previewed = now
            self._report(
                JobPreview(
                    job_id=self._job_id, rgb=event.rgb, width=event.width, height=event.height
                )
            )

    def _decoding(self) -> None:
        self._report(
            JobDecoding(
                job_id=self._job_id,
                stage=self._numbered("decoding"),
                done=self._steps,
                total=self._steps,
                unit="steps",
            )
        )

    def _numbered(self, stage: str) -> str:
        if self._pictures == 1:
            return stage
        return f"{stage} {self._picture} of {self._pictures}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintedPicture:
    """One picture of a job, when all was done about it."""

    picture_id: int
    path: str
    sha256: str
    seed: int
    width: int
    height: int
    cosine: float | None
    """With its prompt; None where no encoder could be asked."""
    match: float | None
    seconds: float
    """What painting took, whenever that was."""
    cached: bool


def kept(
    record: GeneratedRecord, job_id: int, report: Report, place: int, count: int, *, cached: bool
) -> None:
    """Tell that a picture is in the library."""
    report(
        JobKept(
            job_id=job_id,
            picture=place,
            pictures=count,
            picture_id=record.picture_id or 0,
            path=record.path,
            seed=record.seed,
            width=record.width,
            height=record.height,
            seconds=record.seconds,
            cached=cached,
        )
    )


def spoilt(painted: Painted, job_id: int, report: Report, place: int, count: int) -> None:
    """Tell that a picture came to nothing."""
    report(
        JobSpoilt(
            job_id=job_id,
            picture=place,
            pictures=count,
            seed=painted.seed,
            verdict=painted.verdict,
            message=painted.verdict.message,
        )
    )


def scored(
    record: GeneratedRecord, verdict: PromptScore | None, job_id: int, report: Report
) -> None:
    """Tell how a picture fits its prompt: by now, or as it was noted before."""
    if verdict is None and record.match is None:
        return
    best = verdict.best if verdict else None
    report(
        JobScored(
            job_id=job_id,
            picture_id=record.picture_id or 0,
            seed=record.seed,
            encoder=verdict.encoder_id if verdict else record.encoder_id,
            matcher=verdict.matcher if verdict else record.matcher,
            cosine=(verdict.cosine if verdict else record.cosine) or 0.0,
            match=(verdict.match if verdict else record.match) or 0.0,
            best_picture_id=best.picture_id if best else None,
            best_path=best.path if best else "",
            best_cosine=best.cosine if best else 0.0,
            best_match=best.match if best else 0.0,
        )
    )


def finished(
    record: GeneratedRecord, verdict: PromptScore | None, *, cached: bool
) -> PaintedPicture:
    """A picture when all was done about it."""
    return PaintedPicture(
        picture_id=record.picture_id or 0,
        path=record.path,
        sha256=record.sha256 or "",
        seed=record.seed,
        width=record.width,
        height=record.height,
        cosine=verdict.cosine if verdict else record.cosine,
        match=verdict.match if verdict else record.match,
        seconds=record.seconds,
        cached=cached,
    )


ROOM = 20_000_000
"""Bytes that must be free before minutes are spent on a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """What painting needs."""

    cache: Cache
    generators: Generators
    keeper: Keeper
    home: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    settled: Settled
    digests: Digests


class PaintWork:
    """Paints the pictures of one order; see JobWork."""

    kind = JobKind.GENERATE

    def __init__(
        self, studio: Studio, order: Order, *, source: str, folders: tuple[Path, ...] = ()
    ) -> None:
        self.order = order
        self.pictures: list[PaintedPicture] = []
        """What has been done so far."""
        self.spoilt: list[OutputCheck] = []
        """What was found in each picture that came to nothing."""
        self._studio = studio
        self._source = source
        self._folders = folders

    @property
    def title(self) -> str:
        """What is painted, for people: untrusted text."""
        return f"paint {self.order.request.prompt}"

    @property
    def request(self) -> str:
        """JSON, enough to start it again."""
        return order_to_json(self.order)

    async def run(self, job_id: int, report: Report) -> str:
        """Paint; raises SpoiltError where nothing came of it, and what models and cache raise."""
        await self._tell_receipt(SequelRecord(job_id=job_id))
        plan = await self._plan()
        known = await self._known(plan)
        for place, seed in enumerate(self._seeds(known), 1):
            record = known.get(seed) or await self._paint(plan, place, seed, job_id, report)
            if record is not None:
                await self._finish(record, place, seed in known, job_id, report)
        return self._closing()

    async def _plan(self) -> _Plan:
        facts = await self._studio.generators.describe(self._source)
        settled = await asyncio.to_thread(settle, self.order.request, facts)
        return _Plan(settled=settled, digests=await asyncio.to_thread(digest, self.order, settled))

    async def _known(self, plan: _Plan) -> dict[int, GeneratedRecord]:
        """The pictures that the cache has of this order, by seed; any if none is named."""
        if self.order.fresh:
            return {}
        cache, home, key = self._studio.cache, self._studio.home, plan.digests.request_key
        if self.order.request.seed is None:
            found: Sequence[GeneratedRecord | None] = await cache.read(
                painted_for, home, key, self.order.request.count
            )
        else:
            found = [
                await cache.read(find_generated, home, key, seed) for seed in self.order.seeds()
            ]
        return {r.seed: r for r in found if r is not None and await asyncio.to_thread(_is_there, r)}

    def _seeds(self, known: dict[int, GeneratedRecord]) -> list[int]:
        if self.order.request.seed is not None:
            return self.order.seeds()
        new = [seed for seed in self.order.seeds() if seed not in known]
        return [*known, *new][: self.order.request.count]

    async def _paint(
        self, plan: _Plan, place: int, seed: int, job_id: int, report: Report
    ) -> GeneratedRecord | None:
        """Paint and keep a picture; None where it is spoilt."""
        studio, count = self._studio, self.order.request.count
        await self._check_room()
        relay = Relay(job_id, report, picture=place, pictures=count)
        request = replace(self.order.request, model=self._source)
        painted = await studio.generators.paint(request, seed, relay.take)
        for note in painted.notes:
            report(JobNote(job_id=job_id, message=note))
        recipe = recipe_of(
            plan.settled,
            painted,
            plan.digests,
            source=self._source,
            library=self.order.library,
        )
        record = await studio.keeper.keep(painted, recipe, self.order, job_id)
        if painted.verdict is OutputCheck.FINE:
            report(LibraryChanged(job_id=job_id, added=1))
            return record
        self.spoilt.append(painted.verdict)
        spoilt(painted, job_id, report, place, count)
        return None

    async def _finish(
        self, record: GeneratedRecord, place: int, cached: bool, job_id: int, report: Report
    ) -> None:
        """Tell of a kept picture, and score it."""
        kept(record, job_id, report, place, self.order.request.count, cached=cached)
        await self._tell_receipt(SequelRecord(job_id=job_id, result=record.sha256))
        report(JobProgress(job_id=job_id, stage="scoring", done=0, total=0))
        judged = await self._studio.keeper.judge(record, self._folders)
        for remark in judged.remarks:
            report(JobNote(job_id=job_id, message=remark))
        if judged.is_new:
            report(LibraryChanged(job_id=job_id, added=0))
        scored(record, judged.verdict, job_id, report)
        self.pictures.append(finished(record, judged.verdict, cached=cached))

    async def _check_room(self) -> None:
        """Fail before the work rather than after it, where nothing could be kept."""
        cache = self._studio.cache
        await cache.write(_nothing)
        free = (await asyncio.to_thread(shutil.disk_usage, self._studio.home)).free
        if free < ROOM:
            raise CacheFullError(
                f"Only {free / 1e6:.0f} MB are free on the disk that holds {self._studio.home}",
                hint="Free some space before a picture is painted.",
            )

    async def _tell_receipt(self, sequel: SequelRecord) -> None:
        if self.order.receipt_id is not None and not self._studio.cache.read_only:
            with suppress(CacheError):
                # The link is worth less than the picture.
                await self._studio.cache.write(put_sequel, self.order.receipt_id, sequel)

    def _closing(self) -> str:
        done, count = self.pictures, self.order.request.count
        if not done:
            reasons = ", ".join(check.message for check in dict.fromkeys(self.spoilt))
            raise SpoiltError(
                f"no picture: {reasons}", hint="Another seed or another prompt may do better."
            )
        painted = [picture for picture in done if not picture.cached]
        parts = []
        if painted:
            # Not what loading, scoring, and waiting for another instance took.
            seconds = sum(picture.seconds for picture in painted)
            parts.append(f"painted {_pictures(len(painted))} in {seconds:.1f} s")
        if len(done) > len(painted):
            parts.append(f"{_pictures(len(done) - len(painted))} from the cache")
        if self.spoilt:
            parts.append(f"{len(self.spoilt)} of {count} came to nothing")
        matches = [picture.match for picture in done if picture.match is not None]
        if matches:
            parts.append(f"match {max(matches):.2f}")
        return ", ".join(parts)


def _nothing(db: object) -> None:
    """A transaction that shows whether there can be one."""


def _is_there(record: GeneratedRecord) -> bool:
    return Path(record.path).is_file()


def _pictures(count: int) -> str:
    return f"{count} picture{'' if count == 1 else 's'}"
