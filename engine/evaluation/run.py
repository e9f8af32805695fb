"""Carries an evaluation out: embeddings, scores, figures, and their row in the cache."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from sqlite_utils import Database

from cache.errors import CacheError
from cache.evaluations import add_evaluation
from cache.store import Cache
from engine.errors import RequestError
from engine.evaluation.figures import Figures, Measuring, steps_of
from engine.evaluation.gather import Gathering, Material
from engine.evaluation.ground import check_scorers, make_scorers
from engine.evaluation.request import EvaluateRequest
from engine.evaluation.results import Evaluation
from engine.evaluation.sources import STORYBOOK_WORD
from engine.evaluation.stored import as_body
from engine.events import JobNote, Report
from engine.indexing.indexer import Indexer
from engine.indexing.progress import Progress
from engine.models.encoders import Encoders
from engine.search.texts import Texts
from engine.vectors.pulse import Pulse, on_thread


class Run:
    """One evaluation."""

    def __init__(
        self, cache: Cache, encoders: Encoders, indexer: Indexer, request: EvaluateRequest
    ) -> None:
        self._cache = cache
        self._texts = Texts(cache, encoders)
        self._gathering = Gathering(cache, encoders, indexer, self._texts, request)
        self._request = request

    async def carry_out(self, job_id: int, report: Report) -> Evaluation:
        """Evaluate and keep the result; cancelling keeps the embeddings made so far."""
        began = time.perf_counter()
        check(self._request)
        material = await self._gathering.gather(job_id, report)
        scorers, match = await make_scorers(self._cache, self._texts, material, self._request)
        for note in self._gathering.notes:
            report(JobNote(job_id=job_id, message=note))
        progress, total = Progress(job_id, report), steps_of(material, scorers)
        pulse = Pulse(lambda done: progress.tell("scoring", done, total, unit="texts"))
        progress.tell("scoring", 0, total, unit="texts")

        def work() -> Figures:
            return Measuring(material, self._request, pulse.advance).run(scorers)

        figures = await on_thread(work, pulse, wait=True)
        found = self._evaluation(material, match, figures, time.perf_counter() - began)
        try:
            return await self._cache.write(_add, found)
        except CacheError as error:
            message = f"the result could not be kept: {error.message}"
            report(JobNote(job_id=job_id, message=message))
            return found

    def _evaluation(
        self, material: Material, match: str, figures: Figures, seconds: float
    ) -> Evaluation:
        return Evaluation(
            id=0,
            created_at=time.time(),
            data=material.data.name,
            kind=material.data.kind,
            encoder=material.encoder.id,
            match=match,
            texts=len(material.data.texts),
            pictures=len(material.data.pictures),
            seconds=seconds,
            request=self._request.as_json(),
            notes=tuple(self._gathering.notes),
            retrieval=tuple(figures.retrieval),
            paired=tuple(figures.paired),
            swaps=tuple(figures.swaps),
            routing=tuple(figures.routing),
            calibration=tuple(figures.calibration),
        )


def check(request: EvaluateRequest) -> None:
    """Raise RequestError for numbers and names that make no sense."""
    check_scorers(request.scorers)
    if not request.scorers:
        raise RequestError("an evaluation needs a scorer")
    if not 0 <= request.threshold <= 1:
        raise RequestError(f"the threshold {request.threshold:g} is not between 0 and 1")
    has_captions = request.data != STORYBOOK_WORD and not Path(request.data).is_dir()
    if request.queries == "words" and not has_captions:
        raise RequestError(
            f"class words are looked for in captions, and {request.data} has no file of them"
        )
    if request.language not in ("", "en", "zh"):
        raise RequestError(f"the storybook is not written in {request.language!r}: en or zh")
    if request.resamples < 0 or (request.limit is not None and request.limit < 1):
        raise RequestError("resamples and limit are not to be negative")


def _add(db: Database, found: Evaluation) -> Evaluation:
    number = add_evaluation(
        db,
        created_at=found.created_at,
        data=found.data,
        encoder_id=found.encoder,
        body=as_body(found),
    )
    return replace(found, id=number)
