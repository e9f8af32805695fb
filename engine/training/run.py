"""One training: its data, fitted in a model process, measured, and kept where it does better."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from cache.matchers import add_matcher
from cache.store import Cache
from engine.evaluation.context import shipped_matcher, text_backgrounds
from engine.evaluation.embeddings import EmbeddedData, Gathering
from engine.evaluation.measure import BackgroundScores, Measuring
from engine.events import JobNote, JobProgress, Report, TrainingProgress
from engine.jobs.progress import ProgressReporter, ThreadProgress, on_thread
from engine.library.indexing import Indexer
from engine.local.states import LocalStates
from engine.models.encoders import Encoders
from engine.models.messages import Json, Reply
from engine.models.process import WorkerProcess
from engine.requests import TrainRequest
from engine.scoring.columns import Columns
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.heads import HEADS
from engine.scoring.match import MatchContext
from engine.scoring.matcher import Matcher, about_matcher, read_matcher
from engine.search.text_embedder import TextEmbedder
from engine.settings import EngineSettings
from engine.states import DataKind, FitStage, HeadKind, ScorerKind, Unit
from engine.training.patches import with_states
from engine.training.report import RoutedTexts, TrainingReport, make_report, route_texts
from engine.training.split import DataSplit, SplitSizes, as_arrays, split

MODULE = "engine.workers.trainer"
SILENCE_S = 600.0
_STAGES = {"starting": "starting the trainer", "measuring": "measuring"}
"""What the trainer does besides learning, in words."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedMatcher:
    """A matcher with what was measured of it, kept or not."""

    id: int | None
    """In the cache; None where it was not kept."""
    weights: bytes
    report: TrainingReport


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fitted:
    """What a fit came to, before it was measured."""

    matcher: Reply
    beside: dict[HeadKind, Reply]
    """Other heads, for the report alone."""
    parts: DataSplit

    @property
    def held_out(self) -> EmbeddedData:
        """What the report is made on."""
        return self.parts.held_out


class TrainingRun:
    """One training."""

    def __init__(
        self,
        cache: Cache,
        encoders: Encoders,
        indexer: Indexer,
        settings: EngineSettings,
        request: TrainRequest,
        states: LocalStates | None = None,
    ) -> None:
        self._states = states
        self._cache = cache
        self._encoders = encoders
        self._settings = settings
        self._request = request
        self._embedder = TextEmbedder(cache, encoders)
        evaluation = request.as_evaluation()
        self._gathering = Gathering(cache, encoders, indexer, self._embedder, evaluation)

    async def carry_out(self, job_id: int, report: Report) -> TrainedMatcher:
        """Train, measure on the held-out pictures, and keep what does better than no training."""
        began = time.perf_counter()
        material = await self._gathering.gather(job_id, report)
        for warning in self._gathering.warnings:
            report(JobNote(job_id=job_id, message=warning))
        if any(HEADS[HeadKind(head)].reads_patches for head in self._heads()):
            material = await with_states(
                material, self._states, self._request, ProgressReporter(job_id, report)
            )
        fitted = await self._fitted(material, job_id, report)
        encoder_id = material.encoder.id
        head = HeadKind(self._request.head)
        matcher = read_matcher(_file(fitted.matcher, head, fitted.parts, "{}"), encoder_id)
        context = await self._context(fitted.held_out, matcher)
        background = BackgroundScores(context)
        measuring = await self._measure(fitted, context, background, job_id, report)
        routed = await self._route(fitted.parts, context, background, job_id, report)
        found = make_report(
            self._request,
            fitted.held_out,
            SplitSizes.of(fitted.parts),
            fitted.matcher,
            measuring,
            routed,
            time.perf_counter() - began,
        )
        return await self._store(found, fitted, encoder_id)

    def _heads(self) -> tuple[str, ...]:
        return self._request.head, *self._request.beside

    async def _fitted(self, material: EmbeddedData, job_id: int, report: Report) -> _Fitted:
        """Learn from a part of the data, hold another one out."""
        request = self._request
        parts = split(material, request.validation, request.held_out, request.seed)
        beside = {}
        async with self._worker() as worker:
            head = HeadKind(request.head)
            matcher = await self._fit(worker, head, request.loss, parts, job_id, report)
            for other in map(HeadKind, request.beside):
                loss = HEADS[other].losses[0]
                beside[other] = await self._fit(worker, other, loss, parts, job_id, report)
        return _Fitted(matcher=matcher, beside=beside, parts=parts)

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[WorkerProcess]:
        worker = WorkerProcess(
            MODULE,
            args=(self._settings.device,),
            log=self._settings.home / "logs" / "trainer.log",
            silence_s=SILENCE_S,
        )
        try:
            yield worker
        finally:
            await worker.aclose()

    def _fit_settings(self) -> dict[str, Json]:
        request = self._request
        return {"hidden": request.hidden, "epochs": request.epochs, "seed": request.seed}

    async def _fit(
        self,
        worker: WorkerProcess,
        head: HeadKind,
        loss: str,
        parts: DataSplit,
        job_id: int,
        report: Report,
    ) -> Reply:
        arrays = [*as_arrays(parts.train), *as_arrays(parts.validation)]
        asked: dict[str, Json] = {"head": head, "loss": loss, "settings": self._fit_settings()}
        checkpoint = str(self._settings.home / "training" / f"{_key(asked, arrays)}.safetensors")
        fields: dict[str, Json] = {**asked, "checkpoint": checkpoint}

        def hear(event: Mapping[str, Json]) -> None:
            _pass_on(event, head, job_id, report)

        return await worker.call("fit", fields, arrays, on_event=hear)

    async def _context(self, part: EmbeddedData, matcher: Matcher) -> MatchContext:
        offline, matrix = self._request.offline, EmbeddingMatrix.of(part.pictures)
        return MatchContext(
            matrix=matrix,
            logit_scale=part.encoder.logit_scale,
            matcher=matcher,
            own_pictures=await asyncio.to_thread(_own_pictures, matcher, part),
            backgrounds=await text_backgrounds(
                self._embedder, part.encoder, matrix, offline=offline
            ),
        )

    async def _measure(
        self,
        fitted: _Fitted,
        context: MatchContext,
        background: BackgroundScores,
        job_id: int,
        report: Report,
    ) -> Measuring:
        pulse = ThreadProgress(lambda _: None)
        report(JobProgress(job_id=job_id, stage="measuring", done=0, total=0))
        asked = self._request.as_evaluation()
        encoder_id = fitted.held_out.encoder.id
        others: dict[str, Matcher] = {
            head: read_matcher(_file(reply, head, fitted.parts, "{}"), encoder_id)
            for head, reply in fitted.beside.items()
        }
        shipped = await asyncio.to_thread(shipped_matcher, encoder_id)
        if shipped is not None:
            others[ScorerKind.SHIPPED] = shipped

        def work() -> Measuring:
            measuring = Measuring(
                fitted.held_out, context, asked, pulse.advance, background=background
            )
            measuring.run((*asked.scorers, ScorerKind.FUSION))
            for name, matcher in others.items():
                own = _own_pictures(matcher, fitted.held_out)
                beside = replace(context, matcher=matcher, own_pictures=own)
                other = Measuring(fitted.held_out, beside, asked, pulse.advance)
                other.run((ScorerKind.MATCH,))
                measuring.figures.add(other.figures, name)
            return measuring

        return await on_thread(work, pulse, wait=True)

    async def _route(
        self,
        parts: DataSplit,
        context: MatchContext,
        background: BackgroundScores,
        job_id: int,
        report: Report,
    ) -> RoutedTexts:
        """Route by `match` and without labels, at three sizes of the held-out pictures."""
        pulse = ThreadProgress(lambda _: None)
        report(JobProgress(job_id=job_id, stage="measuring routing", done=0, total=0))
        asked = self._request.as_evaluation()

        def work() -> RoutedTexts:
            return route_texts(parts, context, asked, pulse.advance, background)

        return await on_thread(work, pulse, wait=True)

    async def _store(
        self, found: TrainingReport, fitted: _Fitted, encoder_id: str
    ) -> TrainedMatcher:
        text = found.as_json()
        head = HeadKind(self._request.head)
        weights = _file(fitted.matcher, head, fitted.parts, text)
        kept = None
        if found.is_better or self._request.force:
            kept = await self._cache.write(add_matcher, encoder_id, weights, text)
        return TrainedMatcher(id=kept, weights=weights, report=found)


def _own_pictures(matcher: Matcher, part: EmbeddedData) -> Columns | None:
    """The pictures as a matcher sees them that reads patches; None for another."""
    if not matcher.reads_patches:
        return None
    return Columns.of(matcher.head.see(np.ascontiguousarray(part.pictures.T), part.states))


def _file(fitted: Reply, head: HeadKind, parts: DataSplit, report: str) -> bytes:
    """A matcher's whole safetensors file, with the report inside."""
    arrays = {
        name: np.ascontiguousarray(array, np.float32)
        for name, array in zip(fitted.texts("names"), fitted.arrays, strict=True)
    }
    # Scenes are learned from with false texts of the kind that they are asked.
    knows = parts.held_out.data.kind == DataKind.STORYBOOK
    encoder_id = parts.held_out.encoder.id
    about = about_matcher(encoder_id, report, knows_false_texts=knows, head=head)
    return safetensors.numpy.save(arrays, about)


def _key(asked: Mapping[str, Json], arrays: Sequence[NDArray[np.generic]]) -> str:
    """The same for the same training: what a checkpoint is found by."""
    digest = hashlib.sha256(json.dumps(dict(asked), sort_keys=True).encode())
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def _pass_on(event: Mapping[str, Json], head: HeadKind, job_id: int, report: Report) -> None:
    stage = str(event.get("stage", ""))
    if stage in _STAGES:
        report(JobProgress(job_id=job_id, stage=_STAGES[stage], done=0, total=0))
        return
    progress = _progress(event, head, job_id)
    report(
        JobProgress(
            job_id=job_id,
            stage=f"fitting the {head} head"
            if progress.stage is FitStage.METRIC
            else f"fitting the {head} head, epochs",
            done=progress.step,
            total=progress.steps,
            unit=Unit.STEPS,
            detail=f"loss {progress.loss:.3f}, validation mAP {progress.average_precision:.3f}",
        )
    )
    report(progress)


def _progress(event: Mapping[str, Json], head: HeadKind, job_id: int) -> TrainingProgress:
    numbers = {n: float(v) for n, v in event.items() if isinstance(v, int | float)}
    return TrainingProgress(
        job_id=job_id,
        what=head,
        stage=FitStage(str(event["stage"])),
        step=int(numbers["step"]),
        steps=int(numbers["steps"]),
        epoch=int(numbers["epoch"]),
        epochs=int(numbers["epochs"]),
        loss=numbers["loss"],
        average_precision=numbers["average_precision"],
        recall=numbers["recall"],
        swap_auc=numbers["swap_auc"],
        best=numbers["best"],
        epochs_without_improvement=int(numbers["epochs_without_improvement"]),
        patience=int(numbers["patience"]),
    )
