"""Carries a training out: data, split, fit in a model process, report, and what is kept."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from cache.matchers import add_matcher
from cache.store import Cache
from engine.evaluation.figures import Measuring
from engine.evaluation.gather import Gathering, Material
from engine.evaluation.ground import label_free_scorer, shipped_matcher
from engine.evaluation.scorers import CosineScorer, GivenScorer, MatcherScorer, Scorer
from engine.events import JobNote, JobProgress, Report, TrainingProgress
from engine.indexing.indexer import Indexer
from engine.models.encoders import Encoders
from engine.models.process import WorkerProcess
from engine.scoring.matcher import Matcher, read_matcher
from engine.search.texts import Texts
from engine.settings import EngineSettings
from engine.training.report import Sizes, TrainingReport, make_report
from engine.training.request import TrainRequest
from engine.training.split import Parts, as_arrays, split
from engine.vectors.pulse import Pulse, on_thread
from engine.wire import Json, Reply

MODULE = "engine.workers.trainer"
SILENCE_S = 600.0
TWO_BRANCH, SHIPPED = "two-branch", "shipped"
"""Scorers that only a report of a training has: a rival network, and the matcher that ships."""
_STAGES = {"starting": "starting the trainer", "measuring": "measuring"}
"""What the trainer does besides learning, in words."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """A matcher with what was measured of it, kept or not."""

    id: int | None
    """In the cache; None where it was not kept."""
    weights: bytes
    report: TrainingReport


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Learned:
    """What a fit came to, before it was measured."""

    fitted: Reply
    rival: Reply | None
    """A two-branch network's scores of what is held out."""
    held_out: Material
    sizes: Sizes


class Run:
    """One training."""

    def __init__(
        self,
        cache: Cache,
        encoders: Encoders,
        indexer: Indexer,
        settings: EngineSettings,
        request: TrainRequest,
    ) -> None:
        self._cache = cache
        self._encoders = encoders
        self._settings = settings
        self._request = request
        self._texts = Texts(cache, encoders)
        evaluation = request.as_evaluation()
        self._gathering = Gathering(cache, encoders, indexer, self._texts, evaluation)

    async def carry_out(self, job_id: int, report: Report) -> Trained:
        """Train, measure on the held-out pictures, and keep what does better than no training."""
        began = time.perf_counter()
        material = await self._gathering.gather(job_id, report)
        for note in self._gathering.notes:
            report(JobNote(job_id=job_id, message=note))
        learned = await self._learn(material, job_id, report)
        encoder_id = material.encoder.id
        matcher = read_matcher(_file(learned.fitted, encoder_id, "{}"), encoder_id)
        scorers = await self._scorers(learned.held_out, matcher, learned.rival)
        measuring = await self._measure(scorers, learned.held_out, job_id, report)
        found = make_report(
            self._request,
            learned.held_out,
            learned.sizes,
            learned.fitted,
            measuring,
            time.perf_counter() - began,
        )
        return await self._keep(found, learned.fitted, encoder_id)

    async def _learn(self, material: Material, job_id: int, report: Report) -> _Learned:
        """Learn from a part of the data, hold another one out."""
        request = self._request
        parts = split(material, request.validation, request.held_out, request.seed)
        rival = None
        async with self._worker() as worker:
            fitted = await self._fit(worker, "matcher", parts, job_id, report)
            if request.with_two_branch:
                rival = await self._fit(worker, TWO_BRANCH, parts, job_id, report)
        return _Learned(fitted=fitted, rival=rival, held_out=parts.held_out, sizes=Sizes.of(parts))

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
        self, worker: WorkerProcess, kind: str, parts: Parts, job_id: int, report: Report
    ) -> Reply:
        settings = self._fit_settings()
        arrays = [
            *as_arrays(parts.train),
            *as_arrays(parts.validation),
            parts.held_out.texts,
            parts.held_out.pictures,
        ]
        key = _key(kind, settings, arrays)
        checkpoint = str(self._settings.home / "training" / f"{key}.safetensors")
        fields: dict[str, Json] = {"kind": kind, "settings": settings, "checkpoint": checkpoint}

        def hear(event: Mapping[str, Json]) -> None:
            _pass_on(event, kind, job_id, report)

        return await worker.call("fit", fields, arrays, on_event=hear)

    async def _scorers(self, part: Material, matcher: Matcher, rival: Reply | None) -> list[Scorer]:
        columns = np.ascontiguousarray(part.pictures.T)
        label_free = await label_free_scorer(
            self._texts, part, columns, "label-free", offline=self._request.offline
        )
        scorers: list[Scorer] = [
            CosineScorer(columns=columns),
            label_free,
            MatcherScorer(columns=columns, matcher=matcher),
        ]
        shipped = await asyncio.to_thread(shipped_matcher, part.encoder.id)
        if shipped is not None:
            scorers.append(MatcherScorer(columns=columns, matcher=shipped, name=SHIPPED))
        if rival is not None:
            scores = np.asarray(rival.arrays[-1], np.float32)
            scorers.append(GivenScorer(texts=part.texts, scores=scores, name=TWO_BRANCH))
        return scorers

    async def _measure(
        self, scorers: Sequence[Scorer], part: Material, job_id: int, report: Report
    ) -> Measuring:
        names = (*(scorer.name for scorer in scorers), "fusion")
        pulse = Pulse(lambda _: None)
        report(JobProgress(job_id=job_id, stage="measuring", done=0, total=0))
        asked = self._request.as_evaluation()

        def work() -> Measuring:
            measuring = Measuring(part, asked, pulse.advance, names=names)
            measuring.run(scorers)
            return measuring

        return await on_thread(work, pulse, wait=True)

    async def _keep(self, found: TrainingReport, fitted: Reply, encoder_id: str) -> Trained:
        text = found.as_json()
        weights = _file(fitted, encoder_id, text)
        kept = None
        if found.is_better or self._request.force:
            kept = await self._cache.write(add_matcher, encoder_id, weights, text)
        return Trained(id=kept, weights=weights, report=found)


def _file(fitted: Reply, encoder_id: str, report: str) -> bytes:
    """A matcher's whole safetensors file, with the report inside."""
    names = fitted.texts("names")
    arrays = {
        name: np.ascontiguousarray(array, np.float32)
        for name, array in zip(names, fitted.arrays[:-1], strict=True)
    }
    return safetensors.numpy.save(arrays, {"encoder_id": encoder_id, "report": report})


def _key(kind: str, settings: Mapping[str, Json], arrays: Sequence[NDArray[np.generic]]) -> str:
    """The same for the same training: what a checkpoint is found by."""
    digest = hashlib.sha256(json.dumps([kind, dict(settings)], sort_keys=True).encode())
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def _pass_on(event: Mapping[str, Json], kind: str, job_id: int, report: Report) -> None:
    stage = str(event.get("stage", ""))
    if stage in _STAGES:
        report(JobProgress(job_id=job_id, stage=_STAGES[stage], done=0, total=0))
        return
    told = _progress(event, kind, job_id)
    report(
        JobProgress(
            job_id=job_id,
            stage=f"fitting the {kind}" if stage == "metric" else f"fitting the {kind}, epochs",
            done=told.step,
            total=told.steps,
            unit="steps",
            detail=f"loss {told.loss:.3f}, validation mAP {told.average_precision:.3f}",
        )
    )
    report(told)


def _progress(event: Mapping[str, Json], kind: str, job_id: int) -> TrainingProgress:
    numbers = {n: float(v) for n, v in event.items() if isinstance(v, int | float)}
    return TrainingProgress(
        job_id=job_id,
        what=kind,
        stage=str(event["stage"]),
        step=int(numbers["step"]),
        steps=int(numbers["steps"]),
        epoch=int(numbers["epoch"]),
        epochs=int(numbers["epochs"]),
        loss=numbers["loss"],
        average_precision=numbers["average_precision"],
        recall=numbers["recall"],
        apart=numbers["apart"],
        best=numbers["best"],
        since=int(numbers["since"]),
        patience=int(numbers["patience"]),
    )
