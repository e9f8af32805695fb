"""The job that generates the pictures of one specification, and what it reports."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cache.content_files import holds
from cache.errors import CacheError, CacheFullError
from cache.generated import (
    GeneratedRecord,
    find_generated,
    generated_for,
    note_choice,
    remove_generated,
)
from cache.receipts import SequelRecord, put_sequel
from cache.store import Cache
from engine.errors import RejectedError
from engine.events import (
    GeneratedPicture,
    JobNote,
    JobProgress,
    LibraryChanged,
    PictureRejected,
    PictureScored,
    PictureStored,
    PromptScore,
    Report,
)
from engine.generation.painters import Painter
from engine.generation.recipe import Digests, digest, from_json, recipe_of
from engine.generation.request import GenerationSpec, resolve
from engine.generation.store import GeneratedStore
from engine.generation.word_masks import WordMasks
from engine.jobs.codec import request_to_json
from engine.jobs.progress import Warnings
from engine.models.generator_messages import EventBridge
from engine.models.generators import Generators
from engine.models.parameters import GenerationParameters
from engine.settings import DEFAULT_THRESHOLD
from engine.states import JobKind, OutputCheck

ROOM = 20_000_000
"""Bytes that must be free before minutes are spent on a picture."""


def picture_of(
    record: GeneratedRecord, score: PromptScore | None = None, *, cached: bool
) -> GeneratedPicture:
    """A stored picture as it is handed out, with the score that was noted unless there is one."""
    if score is None and record.cosine is not None and record.match is not None:
        score = PromptScore(
            encoder_id=record.encoder_id,
            matcher=record.matcher,
            cosine=record.cosine,
            match=record.match,
        )
    before = None
    if record.before_cosine is not None and record.before_match is not None:
        before = PromptScore(
            encoder_id=record.encoder_id,
            matcher=record.matcher,
            cosine=record.before_cosine,
            match=record.before_match,
        )
    return GeneratedPicture(
        picture_id=record.picture_id or 0,
        path=record.path,
        sha256=record.sha256 or "",
        seed=record.seed,
        width=record.width,
        height=record.height,
        seconds=record.seconds,
        cached=cached,
        score=score,
        before=before,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    parameters: GenerationParameters
    digests: Digests
    notice: str
    """On words that the generator never met; empty where there are none."""


class GenerationJob:
    """Generates the pictures of a specification; see JobWork."""

    kind = JobKind.GENERATE

    def __init__(
        self,
        cache: Cache,
        generators: Generators,
        painter: Callable[[], Painter],
        store: GeneratedStore,
        spec: GenerationSpec,
        *,
        home: Path,
        source: str,
        masks: WordMasks,
        folders: tuple[Path, ...] = (),
        threshold: float = DEFAULT_THRESHOLD,
    ) -> None:
        self.spec = spec
        self.reason = ""
        """Why the picture was kept of those that were tried; empty where all are kept."""
        self.pictures: list[GeneratedPicture] = []
        """What has been done so far."""
        self.rejected: list[OutputCheck] = []
        """What was found in each picture that came to nothing."""
        self._warnings = Warnings()
        self._cache = cache
        self._generators = generators
        self._painter = painter
        self._store = store
        self._home = home
        self._source = source
        self._masks = masks
        self._folders = folders
        self._threshold = threshold

    @property
    def title(self) -> str:
        """What is generated, for people: untrusted text."""
        return f"paint {self.spec.request.prompt}"

    @property
    def request(self) -> str:
        """JSON, enough to start it again."""
        return request_to_json(self.spec)

    async def run(self, job_id: int, report: Report) -> str:
        """Generate; RejectedError where nothing came of it, and what models and cache raise."""
        await self._link_receipt(SequelRecord(job_id=job_id))
        plan = await self._plan()
        if plan.notice:
            report(JobNote(job_id=job_id, message=plan.notice))
        known = await self._known(plan)
        before = await self._before(plan)
        for index, seed in enumerate(self._seeds(known), 1):
            record = known.get(seed) or await self._generate(plan, index, seed, job_id, report)
            if record is None:
                continue
            await self._finish(record, before, index, seed in known, job_id, report)
            if self.spec.request.until_pass is not None and self._is_enough(record):
                break
        if self.spec.request.until_pass is not None:
            await self._store_best(job_id, report)
        return self._closing()

    def _is_enough(self, record: GeneratedRecord) -> bool:
        """Whether no more seeds are tried: a picture passes, or was the best of as many before."""
        tries = self.spec.request.until_pass or 0
        score = self.pictures[-1].score
        if score is None or score.match >= self._threshold:
            return True
        return (from_json(record.recipe, private=True).tries or 0) >= tries

    async def _store_best(self, job_id: int, report: Report) -> None:
        """Keep of the pictures that were tried the one that fits best, and write down why."""
        if not self.pictures:
            return
        tried = len(self.pictures) + len(self.rejected)
        best = max(self.pictures, key=lambda each: each.score.match if each.score else -1.0)
        others = [each.picture_id for each in self.pictures if each is not best and not each.cached]
        self.reason = _reason(best, tried, self._threshold)
        if not best.cached:
            most = self.spec.request.until_pass
            await self._cache.write(note_choice, best.picture_id, tries=most, chosen=self.reason)
        if others:
            await self._cache.write(remove_generated, self._home, others)
            report(LibraryChanged(job_id=job_id, added=-len(others)))
        self.pictures[:] = [best]
        await self._link_receipt(SequelRecord(job_id=job_id, result=best.sha256))

    async def _plan(self) -> _Plan:
        info = await self._generators.describe(self._source)
        parameters = await asyncio.to_thread(resolve, self.spec.request, info)
        parameters = await self._masks.fill(parameters, grow=self.spec.request.mask_grow)
        digests = await asyncio.to_thread(digest, parameters, self.spec.library)
        vocabulary = info.vocabulary
        notice = "" if vocabulary is None else vocabulary.notice(parameters.prompt, full=True)
        return _Plan(parameters=parameters, digests=digests, notice=notice)

    async def _known(self, plan: _Plan) -> dict[int, GeneratedRecord]:
        """The pictures that the cache has of this request, by seed; any if none is named."""
        if self.spec.fresh:
            return {}
        cache, home, key = self._cache, self._home, plan.digests.request_key
        if self.spec.request.seed is None:
            found: Sequence[GeneratedRecord | None] = await cache.read(
                generated_for, home, key, self.spec.request.count
            )
        else:
            found = [
                await cache.read(find_generated, home, key, seed) for seed in self.spec.seeds()
            ]
        return {
            record.seed: record
            for record in found
            if record is not None and await asyncio.to_thread(holds, home, record.sha256 or "")
        }

    def _seeds(self, known: dict[int, GeneratedRecord]) -> list[int]:
        if self.spec.request.seed is not None:
            return self.spec.seeds()
        new = [seed for seed in self.spec.seeds() if seed not in known]
        return [*known, *new][: self.spec.most_pictures]

    async def _generate(
        self, plan: _Plan, index: int, seed: int, job_id: int, report: Report
    ) -> GeneratedRecord | None:
        """Generate and store a picture; None where it is rejected."""
        request, count = self.spec.request, self.spec.most_pictures
        await check_room(self._cache, self._home)
        (image,) = await self._painter().generate_batch(
            self._source,
            plan.parameters,
            [seed],
            preview=request.preview,
            bridge=EventBridge(report=report, job_id=job_id, picture=index, pictures=count),
        )
        self._warnings.tell(image.warnings, job_id, report)
        recipe = recipe_of(image, plan.digests, source=self._source, library=self.spec.library)
        record = await self._store.put(image, recipe, self.spec, job_id)
        if image.check is OutputCheck.FINE:
            report(LibraryChanged(job_id=job_id, added=1))
            return record
        self.rejected.append(image.check)
        report(
            PictureRejected(job_id=job_id, index=index, count=count, seed=seed, check=image.check)
        )
        return None

    async def _before(self, plan: _Plan) -> PromptScore | None:
        """How the picture that it starts from fits the prompt; None where no one can tell."""
        prompt, start = plan.parameters.prompt, plan.parameters.start_picture
        if start is None or not prompt:
            return None
        return await self._store.score_file(prompt, start, self._folders)

    async def _finish(
        self,
        record: GeneratedRecord,
        before: PromptScore | None,
        index: int,
        cached: bool,
        job_id: int,
        report: Report,
    ) -> None:
        """Report a stored picture, and score it."""
        count, start = self.spec.most_pictures, self.spec.request.start_picture
        picture = picture_of(record, cached=cached)
        report(PictureStored(job_id=job_id, index=index, count=count, picture=picture))
        await self._link_receipt(SequelRecord(job_id=job_id, result=record.sha256))
        report(JobProgress(job_id=job_id, stage="scoring", done=0, total=0))
        assessment = await self._store.assess(record, self._folders)
        self._warnings.tell(assessment.warnings, job_id, report)
        if assessment.is_new:
            report(LibraryChanged(job_id=job_id, added=0))
        picture = replace(
            picture_of(record, assessment.score, cached=cached),
            start_path="" if start is None else str(start),
        )
        if before is not None:
            picture = replace(picture, before=before)
            await self._store.note_before(record, before)
        if picture.score is not None:
            report(PictureScored(job_id=job_id, picture=picture, score=picture.score))
        self.pictures.append(picture)

    async def _link_receipt(self, sequel: SequelRecord) -> None:
        if self.spec.receipt_id is not None and not self._cache.read_only:
            with suppress(CacheError):
                # The link is worth less than the picture.
                await self._cache.write(put_sequel, self.spec.receipt_id, sequel)

    def _closing(self) -> str:
        done, count = self.pictures, self.spec.request.count
        if not done:
            reasons = ", ".join(check.message for check in dict.fromkeys(self.rejected))
            raise RejectedError(
                f"no picture: {reasons}", hint="Another seed or another prompt may do better."
            )
        new = [picture for picture in done if not picture.cached]
        parts = []
        if new:
            # Not what loading, scoring, and waiting for another instance took.
            seconds = sum(picture.seconds for picture in new)
            parts.append(f"painted {_pictures(len(new))} in {seconds:.1f} s")
        if len(done) > len(new):
            parts.append(f"{_pictures(len(done) - len(new))} from the cache")
        if self.rejected:
            parts.append(f"{len(self.rejected)} of {count} came to nothing")
        matches = [picture.score.match for picture in done if picture.score is not None]
        if matches:
            parts.append(f"match {max(matches):.2f}")
        if done[0].before is not None:
            parts.append(f"{done[0].before.match:.2f} before")
        if self.reason:
            parts.append(self.reason)
        return ", ".join(parts)


def _reason(best: GeneratedPicture, tried: int, threshold: float) -> str:
    """Why a picture was kept of those that were tried."""
    seeds = f"{tried} seed{'' if tried == 1 else 's'}"
    if best.score is None:
        return f"kept after {seeds}, as nothing could score it"
    if best.score.match >= threshold:
        return f"kept as it passes {threshold:.2f}, after {seeds}"
    return f"kept as the best of {seeds}, none of which passes {threshold:.2f}"


async def check_room(cache: Cache, home: Path) -> None:
    """Fail before the work rather than after it, where no picture could be stored."""
    await cache.write(_nothing)
    free = (await asyncio.to_thread(shutil.disk_usage, home)).free
    if free < ROOM:
        raise CacheFullError(
            f"Only {free / 1e6:.0f} MB are free on the disk that holds {home}",
            hint="Free some space before a picture is painted.",
        )


def _nothing(db: object) -> None:
    """A transaction that shows whether there can be one."""


def _pictures(count: int) -> str:
    return f"{count} picture{'' if count == 1 else 's'}"
