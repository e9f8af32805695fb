"""Trainings as jobs, and matchers in and out of files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import TypeAlias

from cache.collections import find_collection
from cache.embeddings import find_encoder
from cache.matchers import MatcherRecord, add_matcher, matchers, remove_matcher
from cache.store import Cache
from engine.errors import EngineError, ModelUnusableError, RequestError
from engine.events import Report
from engine.files import replaced
from engine.jobs.codec import RequestWork
from engine.jobs.jobs import JobWork
from engine.library.indexing import Indexer, Measure
from engine.local.states import LocalStates
from engine.models.encoders import Encoders
from engine.requests import TrainRequest
from engine.scoring.heads import check_head, check_loss
from engine.scoring.matcher import Matcher, read_matcher
from engine.settings import EngineSettings
from engine.training.report import read_report, summary
from engine.training.run import TrainedMatcher, TrainingRun
from engine.untrusted.arrays import tensors_header
from engine.untrusted.documents import read_bytes

Refit: TypeAlias = Callable[[str], Awaitable[None]]
"""Called with an encoder's id."""
MOST_BYTES = 256 << 20
"""Of a matcher's file; one of 4,096 hidden units for vectors of 1,024 numbers has 64 MB."""


class MatcherTraining:
    """Makes training jobs, and looks after the matchers that were kept."""

    def __init__(
        self,
        cache: Cache,
        encoders: Encoders,
        indexer: Indexer,
        settings: EngineSettings,
        refit: Refit,
        measure: Measure | None = None,
        states: LocalStates | None = None,
    ) -> None:
        """`refit` gets the encoder of which another matcher came into force, and `measure` the one
        that a training is done for, before. Without `states` no head is trained that reads
        patches."""
        self._states = states
        self._refit = refit
        self._measure = measure
        self._cache = cache
        self._encoders = encoders
        self._indexer = indexer
        self._settings = settings
        self._trained: dict[int, TrainedMatcher] = {}
        self._asked: dict[int, TrainRequest] = {}

    def job(self, request: TrainRequest) -> JobWork:
        """Return the work of a training; `of_job` has its result once it is done."""
        title = f"train a matcher on {PurePath(request.data).name or request.data}"
        return RequestWork(title=title, asked=request, work=partial(self.run, request))

    async def run(self, request: TrainRequest, job_id: int, report: Report) -> str:
        """Train and return the closing sentence."""
        check(request)
        self._asked[job_id] = request
        run = TrainingRun(
            self._cache, self._encoders, self._indexer, self._settings, request, self._states
        )
        found = self._trained[job_id] = await run.carry_out(job_id, report)
        told = summary(found.report.as_json())
        if found.id is None:
            return f"not kept: {told}. It {found.report.shortfall}; --force keeps it"
        if self._measure is not None:
            await self._measure(found.report.encoder, job_id, report)
        await self._refit(found.report.encoder)
        return f"matcher {found.id} is in force for {found.report.encoder}: {told}"

    def of_job(self, job_id: int) -> TrainedMatcher | None:
        """What a job of this process trained; None while it has not."""
        return self._trained.get(job_id)

    def asked(self, job_id: int) -> TrainRequest | None:
        """What a job of this process was asked for; None for one that has not begun."""
        return self._asked.get(job_id)

    async def store(self, job_id: int) -> int:
        """Keep what a job of this process trained, even if it does no better than none.

        It is in force then; returns its id. Raises RequestError where there is nothing to keep.
        """
        found = self._trained.get(job_id)
        if found is None:
            raise RequestError(f"job {job_id} has trained nothing", hint="Train again.")
        if found.id is None:
            encoder_id, text = found.report.encoder, found.report.as_json()
            kept = await self._cache.write(add_matcher, encoder_id, found.weights, text)
            found = self._trained[job_id] = replace(found, id=kept)
            await self._refit(encoder_id)
        assert found.id is not None
        return found.id

    async def remove(self, matcher_id: int) -> None:
        """Drop a matcher; the one kept before it is in force then. Raises RequestError."""
        encoder_id = await self._cache.write(remove_matcher, matcher_id)
        if encoder_id is None:
            raise RequestError(
                f"there is no matcher {matcher_id}", hint="t2itui models lists them."
            )
        await self._refit(encoder_id)

    async def matchers(self) -> list[MatcherRecord]:
        """Every matcher, newest first; the newest of an encoder is in force."""
        return await self._cache.read(matchers)

    async def shipped(self) -> int | None:
        """The id of the matcher that ships; None where its collection is left out."""
        entered = await self._cache.read(find_collection)
        return None if entered is None else entered.matcher_id

    async def export(self, matcher_id: int, target: Path) -> None:
        """Write a matcher, its report inside, as safetensors. Raises RequestError, EngineError."""
        found = next((each for each in await self.matchers() if each.id == matcher_id), None)
        if found is None:
            raise RequestError(
                f"there is no matcher {matcher_id}", hint="t2itui models lists them."
            )
        await asyncio.to_thread(write_file, found.weights, target)

    async def unusable(self) -> dict[int, str]:
        """Why a matcher of the cache cannot be used, by its id; most have no entry."""
        return await asyncio.to_thread(_unusable, await self.matchers())

    async def take_in(self, source: Path) -> int:
        """Keep a matcher from a file and put it in force; returns its id.

        Raises RequestError for a file that cannot be read or an encoder that the cache does not
        know, ModelUnusableError for one that is no matcher, or whose report is damaged.
        """
        try:
            weights = await asyncio.to_thread(read_bytes, source, MOST_BYTES)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise RequestError(f"{source} cannot be read: {reason}") from error
        encoder_id = _encoder_of(weights)
        matcher = read_whole(weights, encoder_id)
        encoder = await self._cache.read(find_encoder, encoder_id)
        if encoder is None:
            raise RequestError(
                f"the matcher is for {encoder_id}, which the cache knows nothing of",
                hint=f"Index with it first: t2itui index DIR --encoder {encoder_id}",
            )
        if matcher.dim != encoder.dim:
            raise ModelUnusableError(
                f"the matcher takes vectors of {matcher.dim} numbers, and {encoder_id} makes"
                f" {encoder.dim}"
            )
        kept = await self._cache.write(add_matcher, encoder_id, weights, matcher.report)
        await self._refit(encoder_id)
        return kept


def write_file(weights: bytes, target: Path) -> None:
    """Write a matcher as a whole file or not at all. Raises RequestError, EngineError."""
    try:
        with replaced(target) as temporary:
            temporary.write_bytes(weights)
    except OSError as error:
        raise EngineError(f"{target} cannot be written: {error.strerror or error}") from error


def check(request: TrainRequest) -> None:
    """Raise RequestError for numbers that make no sense."""
    for field in ("validation", "held_out"):
        if not 0 < getattr(request, field) < 1:
            message = "the validation and held-out parts lie between 0 and 1"
            raise RequestError(message, field=field)
    if request.validation + request.held_out > 0.9:
        message = "the validation and held-out parts leave nothing to learn from"
        raise RequestError(message, field="held_out")
    check_loss(request.head, request.loss)
    for head in request.beside:
        check_head(head, field="beside")
    for field, least in (("hidden", 4), ("epochs", 0)):
        if getattr(request, field) < least:
            message = "a matcher needs 4 hidden units or more, and no negative epochs"
            raise RequestError(message, field=field)


def read_whole(weights: bytes, encoder_id: str) -> Matcher:
    """A matcher whose report can be read, too. Raises ModelUnusableError."""
    matcher = read_matcher(weights, encoder_id)
    try:
        read_report(matcher.report)
    except ValueError as error:
        raise ModelUnusableError(f"the matcher is damaged: {error}") from error
    return matcher


def _unusable(records: Sequence[MatcherRecord]) -> dict[int, str]:
    found = {}
    for record in records:
        try:
            read_whole(record.weights, record.encoder_id)
            read_report(record.report)
        except (ModelUnusableError, ValueError) as error:
            found[record.id] = str(error)
    return found


def _encoder_of(weights: bytes) -> str:
    """The encoder id in a safetensors header. Raises ModelUnusableError where there is none."""
    try:
        return tensors_header(weights).metadata["encoder_id"]
    except ValueError as error:
        raise ModelUnusableError(f"the file is no matcher: {error}") from error
    except KeyError as error:
        raise ModelUnusableError("the file is no matcher: it names no encoder") from error
