"""Carries an evaluation out: embeddings, scores, figures, and their row in the cache."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePath
from typing import Protocol, TypeVar

from sqlite_utils import Database

from cache.errors import CacheError
from cache.evaluations import (
    EvaluationRecord,
    add_evaluation,
    delete_evaluation,
    find_evaluation,
    list_evaluations,
)
from cache.store import Cache
from engine import disk
from engine.collections import BUILT_IN
from engine.errors import ModelMissingError, ModelUnusableError, OfflineError, RequestError
from engine.evaluation.by_size import SizedQueries, SizedRouting, sizes_up_to
from engine.evaluation.context import match_context
from engine.evaluation.embeddings import EmbeddedData, Gathering, in_common
from engine.evaluation.figures import paired
from engine.evaluation.measure import BackgroundScores, Measuring, steps_of
from engine.evaluation.pointing import Patches, PointingGame
from engine.evaluation.results import (
    EncoderDifference,
    Evaluation,
    EvaluationHead,
    PointingFigures,
    as_body,
    from_body,
    head_of_body,
)
from engine.evaluation.sources import choose_encoder, read_raw
from engine.events import JobNote, Report
from engine.jobs.codec import RequestWork, request_to_json
from engine.jobs.jobs import JobWork
from engine.jobs.progress import ProgressReporter, ThreadProgress, on_thread
from engine.library.collections import BuiltInCollection
from engine.library.indexing import Indexer
from engine.models.encoders import Encoders
from engine.requests import EvaluateRequest
from engine.scoring.match import MatchContext
from engine.scoring.registry import check_scorer, evaluated_scorers
from engine.search.text_embedder import TextEmbedder
from engine.search.word_lists import read_words
from engine.states import DataKind, ScorerKind, Unit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Measured:
    """The data under one encoder, and what was measured of it."""

    material: EmbeddedData
    match: str
    """What `match` is, for people."""
    measuring: Measuring
    pointing: PointingFigures | None
    seconds: float


class EvaluationRun:
    """One evaluation."""

    def __init__(
        self,
        cache: Cache,
        encoders: Encoders,
        indexer: Indexer,
        patches: Patches,
        collection: BuiltInCollection,
        request: EvaluateRequest,
    ) -> None:
        self._cache = cache
        self._patches = patches
        self._collection = collection
        self._encoders = encoders
        self._embedder = TextEmbedder(cache, encoders)
        self._gathering = Gathering(cache, encoders, indexer, self._embedder, request)
        self._request = request

    async def carry_out(self, job_id: int, report: Report) -> tuple[Evaluation, ...]:
        """Evaluate and keep the results, one for each encoder; cancelling keeps embeddings."""
        check(self._request)
        encoders = self._request.encoders
        began = time.perf_counter()
        materials = await self._gathered(encoders, job_id, report)
        gathered = (time.perf_counter() - began) / len(materials)
        for warning in self._gathering.warnings:
            report(JobNote(job_id=job_id, message=warning))
        measured = [await self._measured(each, job_id, report) for each in materials]
        beside = tuple(_beside(measured, self._request.scorers))
        found = [self._evaluation(each, beside, gathered) for each in measured]
        try:
            return tuple([await self._cache.write(_add, each) for each in found])
        except CacheError as error:
            message = f"the result could not be kept: {error.message}"
            report(JobNote(job_id=job_id, message=message))
            return tuple(found)

    async def _gathered(
        self, encoders: Sequence[str], job_id: int, report: Report
    ) -> list[EmbeddedData]:
        """The data under each encoder; what is not on this machine is said before any work."""
        if len(encoders) < 2:
            return [await self._gathering.gather(job_id, report)]
        for each in encoders:
            await choose_encoder(self._cache, self._encoders, self._request, each, ())
        materials = []
        for number, each in enumerate(encoders, 1):
            message = f"encoder {number} of {len(encoders)}: {each}"
            report(JobNote(job_id=job_id, message=message))
            materials.append(await self._gathering.gather(job_id, report, each))
        return in_common(materials)

    async def _measured(self, material: EmbeddedData, job_id: int, report: Report) -> _Measured:
        began = time.perf_counter()
        request = self._request
        context, match = await match_context(
            self._cache, self._embedder, material, request.scorers, offline=request.offline
        )
        progress, total = ProgressReporter(job_id, report), steps_of(material, request.scorers)
        pulse = ThreadProgress(
            lambda done: progress.report("scoring", done, total, unit=Unit.TEXTS)
        )
        progress.report("scoring", 0, total, unit=Unit.TEXTS)
        queries, background = SizedQueries.of(material, request.seed), BackgroundScores(context)

        def work() -> Measuring:
            measuring = Measuring(
                material, context, request, pulse.advance, queries.rows, background
            )
            measuring.run(request.scorers)
            return measuring

        measuring = await on_thread(work, pulse, wait=True)
        await self._by_size(queries, context, background, measuring, progress)
        pointing = None
        if material.data.regions:
            pointing = await self._pointing(material, progress, job_id, report)
        return _Measured(
            material=material,
            match=match,
            measuring=measuring,
            pointing=pointing,
            seconds=time.perf_counter() - began,
        )

    async def _pointing(
        self, material: EmbeddedData, progress: ProgressReporter, job_id: int, report: Report
    ) -> PointingFigures | None:
        """The pointing game; where no patches can be had, a warning says why."""
        game = PointingGame(self._cache, self._encoders, self._embedder, self._patches)
        try:
            if self._request.data == self._collection.about.name:
                await self._collection.prepare(asked=True)
            return await game.play(material, self._request, progress)
        except (OfflineError, ModelMissingError, ModelUnusableError, RequestError) as error:
            warning = f"the pointing game is left out: {error.message}"
            self._gathering.warnings.append(warning)
            report(JobNote(job_id=job_id, message=warning))
            return None

    async def _by_size(
        self,
        queries: SizedQueries,
        context: MatchContext,
        background: BackgroundScores,
        measuring: Measuring,
        progress: ProgressReporter,
    ) -> None:
        """Add routing by library size, of each scorer that gives a probability, to the figures."""
        scores = measuring.kept_scores
        if not scores:
            return
        names = _routed_scorers(scores, context)
        count, request = context.matrix.count, self._request

        def show(done: int) -> None:
            progress.report("routing by library size", done, total, unit=Unit.LIBRARIES)

        pulse = ThreadProgress(show)
        sized = SizedRouting(
            queries=queries,
            context=context,
            sizes=sizes_up_to(count),
            threshold=request.threshold,
            resamples=request.resamples,
            seed=request.seed,
            step=pulse.advance,
            background=background,
        )
        total = len(names) * sized.steps
        show(0)

        def work() -> None:
            for name in names:
                sized.measure(name, scores.get(name))
                measuring.figures.by_size.append(sized.curve(name))
            for name in names[1:]:
                difference = sized.against(name, names[0])
                measuring.figures.paired += [] if difference is None else [difference]

        await on_thread(work, pulse, wait=True)

    def _evaluation(
        self, measured: _Measured, beside: tuple[EncoderDifference, ...], gathered: float
    ) -> Evaluation:
        material, figures = measured.material, measured.measuring.figures
        return Evaluation(
            id=0,
            created_at=time.time(),
            data=material.data.name,
            kind=material.data.kind,
            encoder=material.encoder.id,
            match=measured.match,
            texts=len(material.data.texts),
            pictures=len(material.data.pictures),
            seconds=gathered + measured.seconds,
            request=request_to_json(self._request),
            warnings=tuple(self._gathering.warnings),
            retrieval=tuple(figures.retrieval),
            paired=tuple(figures.paired),
            swaps=tuple(figures.swaps),
            routing=tuple(figures.routing),
            calibration=tuple(figures.calibration),
            by_size=tuple(figures.by_size),
            folds=tuple(figures.folds),
            pointing=measured.pointing,
            beside=beside,
        )


def _beside(measured: Sequence[_Measured], scorers: Sequence[str]) -> Iterator[EncoderDifference]:
    """Every other encoder against the first, by each scorer, paired by queries."""
    first, *others = measured
    for scorer in dict.fromkeys(scorers):
        for direction in first.measuring.directions:
            for other in others:
                pair = (other.measuring, first.measuring)
                found = paired(
                    other.material.encoder.id,
                    first.material.encoder.id,
                    (pair[0].ranked(scorer, direction), pair[1].ranked(scorer, direction)),
                    direction,
                )
                for each in found:
                    one, two = (each_of.value(scorer, direction, each.measure) for each_of in pair)
                    yield EncoderDifference(
                        scorer=scorer, one_value=one, other_value=two, paired=each
                    )


def _routed_scorers(asked: Iterable[str], context: MatchContext) -> tuple[str, ...]:
    """The scorers whose routing is told by size: a matcher never without the label-free one."""
    names = dict.fromkeys(asked)
    if ScorerKind.MATCH in names and context.matcher is not None and context.backgrounds:
        names = {str(ScorerKind.LABEL_FREE): None} | names
    return tuple(names)


def check(request: EvaluateRequest) -> None:
    """Raise RequestError for numbers and names that make no sense."""
    for name in request.scorers:
        check_scorer(name, evaluated_scorers(), field="scorers")
    if not request.scorers:
        raise RequestError("an evaluation needs a scorer", field="scorers")
    if not 0 <= request.threshold <= 1:
        raise RequestError(
            f"the threshold {request.threshold:g} is not between 0 and 1", field="threshold"
        )
    has_captions = request.data != BUILT_IN.name and not disk.is_folder(request.data)
    if request.queries == DataKind.WORDS and not has_captions:
        raise RequestError(
            f"class words are looked for in captions, and {request.data} has no file of them",
            field="queries",
        )
    if request.queries == DataKind.WORDS and len(request.encoders) > 1 and request.words is None:
        raise RequestError(
            "several encoders are asked by the same words, which a file has to name",
            hint="--words FILE names them, one a line.",
            field="words",
        )
    if request.language not in ("", *BUILT_IN.languages):
        written = " or ".join(BUILT_IN.languages)
        raise RequestError(
            f"the {BUILT_IN.name} is not written in {request.language!r}: {written}",
            field="language",
        )
    if request.resamples < 0:
        raise RequestError("resamples are not to be negative", field="resamples")
    if request.limit is not None and request.limit < 1:
        raise RequestError("the limit is not to be less than 1", field="limit")


def _add(db: Database, found: Evaluation) -> Evaluation:
    number = add_evaluation(
        db,
        created_at=found.created_at,
        data=found.data,
        encoder_id=found.encoder,
        body=as_body(found),
    )
    return replace(found, id=number)


Read = TypeVar("Read", covariant=True)


class Evaluator:
    """Makes evaluation jobs, remembers what they found, and reads what was found before."""

    def __init__(
        self,
        cache: Cache,
        encoders: Encoders,
        indexer: Indexer,
        patches: Patches,
        collection: BuiltInCollection,
    ) -> None:
        self._cache = cache
        self._collection = collection
        self._encoders = encoders
        self._indexer = indexer
        self._patches = patches
        self._found: dict[int, tuple[Evaluation, ...]] = {}

    def job(self, request: EvaluateRequest) -> JobWork:
        """Return the work of an evaluation; `of_job` has its result once it is done."""
        title = f"evaluate {PurePath(request.data).name or request.data}"
        return RequestWork(title=title, asked=request, work=partial(self.run, request))

    async def run(self, request: EvaluateRequest, job_id: int, report: Report) -> str:
        """Evaluate and return the closing sentence."""
        run = EvaluationRun(
            self._cache, self._encoders, self._indexer, self._patches, self._collection, request
        )
        found = self._found[job_id] = await run.carry_out(job_id, report)
        return "; ".join(map(sentence, found))

    def of_job(self, job_id: int) -> tuple[Evaluation, ...]:
        """What a job of this process found, by encoder; nothing while it has not."""
        return self._found.get(job_id, ())

    async def check(self, request: EvaluateRequest) -> None:
        """Find out before any work whether it can be asked: its data, words and encoder are read.

        Raises RequestError for what makes no sense, and what describing the encoder raises.
        """
        check(request)
        if request.data != BUILT_IN.name:
            await asyncio.to_thread(read_raw, request)
        if request.words is not None:
            await asyncio.to_thread(read_words, request.words)
        for wanted in request.encoders:
            await choose_encoder(self._cache, self._encoders, request, wanted, ())

    async def heads(
        self, limit: int, offset: int = 0, containing: str = ""
    ) -> list[EvaluationHead]:
        """What a list shows of evaluations made before, newest first."""
        return await self._cache.read(_heads, limit, offset, containing)

    async def entries(self, limit: int = 50, containing: str = "") -> list[Evaluation]:
        """Evaluations made before, newest first; those that cannot be read are left out."""
        return await self._cache.read(_entries, limit, containing)

    async def get(self, evaluation_id: int) -> Evaluation:
        """An evaluation made before. Raises RequestError where there is none of that id."""
        return await self._cache.read(_get, evaluation_id)

    async def forget(self, evaluation_id: int) -> None:
        """Drop an evaluation. Raises RequestError where there is none of that id."""
        if not await self._cache.write(delete_evaluation, evaluation_id):
            raise _unknown(evaluation_id)


def sentence(found: Evaluation) -> str:
    """An evaluation in one line."""
    kept = f"evaluation {found.id}: " if found.id else ""
    best: Sequence[str] = [
        f"{each.scorer} r@1 {each.r1.value:.3f}"
        for each in found.retrieval
        if each.direction == found.retrieval[0].direction
    ]
    return (
        f"{kept}{found.texts:,} texts and {found.pictures:,} pictures of {found.data}:"
        f" {', '.join(best)} ({found.seconds:.1f} s)"
    )


def _entries(db: Database, limit: int, containing: str) -> list[Evaluation]:
    return _readable(list_evaluations(db, limit=limit, containing=containing), from_body)


def _heads(db: Database, limit: int, offset: int, containing: str) -> list[EvaluationHead]:
    records = list_evaluations(db, limit=limit, offset=offset, containing=containing)
    return _readable(records, head_of_body)


class _Reader(Protocol[Read]):
    """Makes something of the body of a row."""

    def __call__(self, body: str, *, evaluation_id: int, created_at: float) -> Read: ...


def _readable(records: Sequence[EvaluationRecord], read: _Reader[Read]) -> list[Read]:
    """What rows hold, without those that another version of the program wrote."""
    found = []
    for record in records:
        try:
            found.append(read(record.body, evaluation_id=record.id, created_at=record.created_at))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _get(db: Database, evaluation_id: int) -> Evaluation:
    record = find_evaluation(db, evaluation_id)
    if record is None:
        raise _unknown(evaluation_id)
    try:
        return from_body(record.body, evaluation_id=record.id, created_at=record.created_at)
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"evaluation {evaluation_id} was written by another version of t2itui: {error}",
            hint="Evaluate again.",
        ) from error


def _unknown(evaluation_id: int) -> RequestError:
    return RequestError(
        f"there is no evaluation {evaluation_id}", hint="t2itui eval --list lists them."
    )
