"""Evaluations that were never made, and an engine that keeps and makes them as a test says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from engine.errors import EngineError, RequestError
from engine.evaluation.results import (
    CalibrationFigures,
    CutFigures,
    Evaluation,
    EvaluationHead,
    GroupFigures,
    PairedDifference,
    RetrievalFigures,
    RoutingFigures,
    SizeCurve,
    SizeFigures,
    SwapFigures,
)
from engine.jobs.codec import request_to_json
from engine.requests import AttachRequest, EvaluateRequest, IndexRequest
from engine.scoring.metrics import Bin, Decision
from engine.scoring.resampling import Interval
from engine.states import Direction, JobKind, QuerySet
from tests.t2itui.fake_library import FakeEngine, FakeJob

EVIL = "\x1b]0;evil\x07"


def interval(value: float) -> Interval:
    return Interval(value=value, low=value - 0.02, high=value + 0.02)


def evaluation(
    number: int, data: str = "storybook", *, cosine: float = 0.412, match: float = 0.634
) -> Evaluation:
    """An evaluation with everything in it, whose recall@1 is given."""
    return Evaluation(
        id=number,
        created_at=1.7e9 + 3600 * number,
        data=data,
        kind="captions",
        encoder="openai/clip-vit-base-patch32",
        match="label-free (318 rivals)",
        texts=5000,
        pictures=1000,
        seconds=12.5,
        request=request_to_json(EvaluateRequest(data=data, limit=number)),
        warnings=(f"3 texts are left out: '{EVIL}'",),
        retrieval=tuple(
            retrieval(name, direction, value)
            for name, value in (("cosine", cosine), ("match", match))
            for direction in Direction
        ),
        paired=(
            PairedDifference(
                one="match",
                other="cosine",
                direction=Direction.TEXT_TO_PICTURE,
                measure="r@1",
                difference=interval(match - cosine),
                p=0.004,
            ),
        ),
        swaps=(
            SwapFigures(
                scorer="match",
                pairs=40,
                auc=interval(0.91),
                told_apart=0.95,
                attributes=(("colour", 30, 0.9), ("place", 10, 0.8)),
            ),
        ),
        routing=(
            routing("cosine", best=decision(0.31, 0.74), at=None),
            routing("match", best=decision(0.93, 0.88), at=decision(0.5, 0.81)),
        ),
        by_size=(by_size("label-free", 0.89), by_size("match", 0.92)),
        calibration=(
            CalibrationFigures(
                scorer="match",
                pairs=400,
                error=0.037,
                brier=0.061,
                bins=tuple(Bin(count=n, predicted=n / 100, observed=n / 110) for n in (5, 50, 95)),
            ),
        ),
    )


def retrieval(scorer: str, direction: str, value: float) -> RetrievalFigures:
    return RetrievalFigures(
        scorer=scorer,
        direction=direction,
        queries=5000,
        candidates=1000,
        r1=interval(value),
        r5=interval(value + 0.1),
        r10=interval(value + 0.2),
        median_rank=interval(2.0),
        mrr=interval(value),
        average_precision=interval(value + 0.05),
        share10=0.5,
        rights=1.0,
        groups=(GroupFigures(name="level 1", queries=9, r1=value, r10=0.9, average_precision=0.5),),
        cuts=tuple(
            CutFigures(k=k, precision=interval(value / k), ndcg=interval(value + k / 100))
            for k in (1, 5, 10)
        ),
        curve=tuple(1 - (1 - value) * level / 10 for level in range(11)),
    )


def decision(threshold: float, accuracy: float) -> Decision:
    return Decision(
        threshold=threshold, precision=accuracy + 0.1, recall=accuracy - 0.1, accuracy=accuracy
    )


def routing(scorer: str, *, best: Decision, at: Decision | None) -> RoutingFigures:
    return RoutingFigures(
        scorer=scorer,
        protocol="left out",
        present=5000,
        absent=5000,
        at=at,
        best=best,
        curve=tuple(decision(n / 100, 0.5 + n / 400) for n in range(101)),
        kinds=(("absent", 5000, 0.7), ("present", 5000, 0.9)),
    )


def by_size(scorer: str, value: float, queries: str = QuerySet.ALL) -> SizeCurve:
    return SizeCurve(
        scorer=scorer,
        queries=queries,
        samples=5,
        threshold=0.5,
        points=tuple(
            SizeFigures(
                pictures=pictures,
                present=80.0 + pictures / 10,
                absent=200.0 - pictures / 10,
                retrieved=interval(value + 0.05 - pictures / 10_000),
                generated=interval(value - 0.05 + pictures / 10_000),
                balanced=interval(value - pictures / 20_000),
            )
            for pictures in (100, 300, 600, 1000)
        ),
    )


@dataclass
class FakeEvaluator:
    """Holds the evaluations that a test made."""

    kept: list[Evaluation] = field(default_factory=list)
    by_job: dict[int, Evaluation] = field(default_factory=dict)
    refusal: EngineError | None = None
    """What is wrong with the next request."""

    async def heads(
        self, limit: int, offset: int = 0, containing: str = ""
    ) -> list[EvaluationHead]:
        found = [EvaluationHead.of(each) for each in reversed(self.kept) if containing in each.data]
        return found[offset : offset + limit]

    async def get(self, evaluation_id: int) -> Evaluation:
        for each in self.kept:
            if each.id == evaluation_id:
                return each
        raise RequestError(f"there is no evaluation {evaluation_id}")

    async def forget(self, evaluation_id: int) -> None:
        self.kept = [each for each in self.kept if each.id != evaluation_id]

    async def check(self, request: EvaluateRequest) -> None:
        if self.refusal is not None:
            raise self.refusal

    def of_job(self, job_id: int) -> tuple[Evaluation, ...]:
        found = self.by_job.get(job_id)
        return () if found is None else (found,)


@dataclass
class EvaluatingEngine(FakeEngine):
    """The parts of an engine that the Evaluate screen talks to."""

    evaluator: FakeEvaluator = field(default_factory=FakeEvaluator)
    asked: list[EvaluateRequest] = field(default_factory=list)

    def start(self, request: IndexRequest | AttachRequest | EvaluateRequest) -> FakeJob:
        if isinstance(request, EvaluateRequest):
            return self.evaluate(request)
        return super().start(request)

    def evaluate(self, request: EvaluateRequest) -> FakeJob:
        self.asked.append(request)
        return self.jobs.begin(
            JobKind.EVALUATE, f"evaluate {request.data}", request_to_json(request)
        )

    def found(self, job_id: int, *, keep: bool = True) -> Evaluation:
        """What a job comes to; it is kept, or cannot be."""
        made = evaluation(len(self.evaluator.kept) + 1, "made now")
        self.evaluator.by_job[job_id] = made if keep else replace(made, id=0)
        if keep:
            self.evaluator.kept.append(made)
        return made
