"""Matchers that were never trained, and an engine that holds and trains them as a test says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from engine.events import TrainingProgress
from engine.jobs.codec import request_to_json
from engine.requests import TrainRequest
from engine.results import MatcherRecord
from engine.search.labels import LabelSummary
from engine.states import Direction, FitStage, JobKind, QuerySet
from engine.training.report import VERSION, TrainingReport
from engine.training.run import TrainedMatcher
from tests.engine.matchers import random_matcher
from tests.t2itui.fake_library import FakeEngine, FakeJob
from tests.t2itui.made_up_evaluations import by_size, evaluation, interval, retrieval

CLIP = "openai/clip-vit-base-patch32"
STEPS = 400


def training_report(match: float = 0.63, free: float = 0.57) -> TrainingReport:
    """A report with everything in it, whose recall@1 is given."""
    measured = evaluation(1)
    return TrainingReport(
        version=VERSION,
        data="results",
        encoder=CLIP,
        request=request_to_json(TrainRequest(data="/photos/results.token")),
        pictures=(800, 100, 100),
        texts=(4000, 500, 500),
        epochs=7,
        validation_map=0.66,
        seconds=93.0,
        device="cpu",
        is_better=match > free,
        retrieval=tuple(
            retrieval(name, direction, value)
            for name, value in (("cosine", 0.55), ("label-free", free), ("match", match))
            for direction in Direction
        ),
        against_label_free=tuple(
            replace(each, other="label-free", difference=interval(match - free))
            for each in measured.paired
        ),
        against_cosine=measured.paired,
        swaps=measured.swaps,
        routing=measured.routing[1:],
        calibration=measured.calibration,
        by_size=(
            *measured.by_size,
            *(by_size(each.scorer, 0.85, QuerySet.UNSEEN) for each in measured.by_size),
        ),
    )


def matcher(number: int, report: TrainingReport, encoder: str = CLIP) -> MatcherRecord:
    """A matcher of the cache; its weights do not matter."""
    return MatcherRecord(
        id=number,
        encoder_id=encoder,
        weights=random_matcher("some/clip", 4),
        report=report.as_json(),
        created_at=1.7e9 + 3600 * number,
    )


def fit(job_id: int, steps: int = 160) -> Iterator[TrainingProgress]:
    """What a fit tells: the loss falls, validation rises and stops rising."""
    for step in range(1, steps, 3):
        yield TrainingProgress(
            job_id=job_id,
            what="matcher",
            stage=FitStage.EPOCHS if step % 40 == 1 else FitStage.STEP,
            step=step,
            steps=STEPS,
            epoch=step // 40,
            epochs=10,
            loss=0.1 + 0.6 / (1 + step / 30),
            average_precision=0.7 - 0.2 / (1 + step // 40),
            recall=0.62 - 0.25 / (1 + step // 40),
            swap_auc=0.0,
            best=0.65,
            epochs_without_improvement=2,
            patience=3,
        )


@dataclass
class FakeTraining:
    """Holds the matchers that a test made."""

    kept: list[MatcherRecord] = field(default_factory=list)
    by_job: dict[int, TrainedMatcher] = field(default_factory=dict)
    requests: dict[int, TrainRequest] = field(default_factory=dict)
    troubles: dict[int, str] = field(default_factory=dict)

    async def matchers(self) -> list[MatcherRecord]:
        return list(reversed(self.kept))

    async def unusable(self) -> dict[int, str]:
        return self.troubles

    async def shipped(self) -> int | None:
        return None

    def asked(self, job_id: int) -> TrainRequest | None:
        return self.requests.get(job_id)

    def of_job(self, job_id: int) -> TrainedMatcher | None:
        return self.by_job.get(job_id)


class FakeLabels:
    """Nobody said anything of a picture."""

    async def state(self, encoder_id: str) -> LabelSummary:
        return LabelSummary(encoder_id=encoder_id, fitting=0, not_fitting=0, calibrations=())


@dataclass
class TrainingEngine(FakeEngine):
    """The parts of an engine that the Train screen talks to."""

    training: FakeTraining = field(default_factory=FakeTraining)
    searcher: Any = field(default_factory=lambda: SimpleNamespace(labels=FakeLabels()))

    def train(self, request: TrainRequest) -> FakeJob:
        self.training.requests[len(self.jobs.jobs) + 1] = request
        return self.jobs.begin(
            JobKind.TRAIN, f"train a matcher on {request.data}", request_to_json(request)
        )
