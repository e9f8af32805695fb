"""What an evaluation found: plain values that can be kept, listed and compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from engine.scoring.metrics import Bin, Decision
from engine.scoring.resampling import Interval
from engine.states import Direction, PairedMeasure
from engine.untrusted.documents import parse_object
from engine.untrusted.values import read_as


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFigures:
    """Figures of a part of the queries."""

    name: str
    queries: int
    r1: float
    r10: float
    average_precision: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CutFigures:
    """What the first `k` candidates hold."""

    k: int
    precision: Interval
    """Part of them that are right."""
    ndcg: Interval
    """Normalised discounted cumulative gain: 1 where the right ones come first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalFigures:
    """How one scorer finds the right answers in one direction."""

    scorer: str
    direction: str
    queries: int
    """Those that have a right answer."""
    candidates: int
    r1: Interval
    """Part of the queries with a right answer first: recall@1 as the field reports it, which is
    top-1 accuracy where the answers are classes."""
    r5: Interval
    r10: Interval
    median_rank: Interval
    """Of the best right answer."""
    mrr: Interval
    """Mean reciprocal rank of the best right answer."""
    average_precision: Interval
    """mAP: the mean over queries of the average precision over all right answers."""
    share10: float
    """Part of all right answers among the first ten, mean over queries."""
    rights: float
    """Right answers a query, on average."""
    groups: tuple[GroupFigures, ...] = ()
    cuts: tuple[CutFigures, ...] = ()
    """At the first 1, 5 and 10; evaluations of older versions have none."""
    curve: tuple[float, ...] = ()
    """Interpolated precision at recall 0, 0.1 ... 1, mean over queries; none in older ones."""

    @property
    def area(self) -> float:
        """Under the curve: the mean over its levels, 11-point average precision."""
        return sum(self.curve) / max(len(self.curve), 1)

    @property
    def curve_points(self) -> tuple[tuple[float, float], ...]:
        """Recall and precision of each level."""
        last = max(len(self.curve) - 1, 1)
        return tuple((level / last, value) for level, value in enumerate(self.curve))


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldFigures:
    """The mean of the figures over folds of the pictures, each asked with its own texts alone."""

    scorer: str
    direction: str
    folds: int
    pictures: int
    """Of each fold."""
    queries: float
    """Of a fold, on average."""
    r1: float
    r5: float
    r10: float
    median_rank: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallSum:
    """Rsum of one scorer (Faghri et al. 2018): recall@1, 5 and 10 of both directions in percent,
    added up; 600 at best."""

    scorer: str
    value: float
    folds: int = 0
    """So many folds it is the mean over; 0 where all pictures are asked at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Two scorers on the same queries."""

    one: str
    other: str
    direction: str
    measure: str
    """A PairedMeasure."""
    difference: Interval
    """That of `one` minus that of `other`."""
    p: float

    @property
    def is_routing(self) -> bool:
        """It is about routes, not about the order of pictures."""
        return self.measure in (PairedMeasure.ROUTING, PairedMeasure.UNSEEN_ROUTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapFigures:
    """How one scorer tells true texts from the same with one thing exchanged."""

    scorer: str
    pairs: int
    auc: Interval
    """The probability that some true text scores above some swapped one."""
    told_apart: float
    """Part of the pairs whose true text scores above its own swapped one; ties count half."""
    attributes: tuple[tuple[str, int, float], ...]
    """Of each attribute: name, pairs, told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingFigures:
    """How the best score of a query tells whether some picture answers it."""

    scorer: str
    protocol: str
    """'labelled' where the data says which queries are absent; 'left out' where each text is asked
    with all pictures, and again without its right ones."""
    present: int
    absent: int
    at: Decision | None
    """At the threshold asked for; None for a scorer that gives no probability."""
    best: Decision
    """At the most accurate threshold."""
    curve: tuple[Decision, ...]
    kinds: tuple[tuple[str, int, float], ...]
    """Of each kind of query: name, number, accuracy at `at`, or at `best` where that is None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeFigures:
    """How queries are routed in libraries of one size."""

    pictures: int
    present: float
    """Queries that a library answers, on average."""
    absent: float
    retrieved: Interval
    """Part of the present ones that some picture passes for."""
    generated: Interval
    """Part of the absent ones that none passes for."""
    balanced: Interval
    """The mean of both: balanced accuracy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeCurve:
    """How one scorer routes queries in ever larger libraries."""

    scorer: str
    queries: str
    """All, or those that nothing was learned from."""
    samples: int
    """Seeded samples of each size; of all pictures there is one."""
    threshold: float
    points: tuple[SizeFigures, ...]

    @property
    def mean(self) -> float:
        """The mean balanced accuracy over sizes; 0 where there is none."""
        return sum(point.balanced.value for point in self.points) / max(len(self.points), 1)

    @property
    def drift(self) -> float:
        """The greatest difference of balanced accuracy between two sizes."""
        values = [point.balanced.value for point in self.points]
        return max(values) - min(values) if values else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationFigures:
    """Whether probabilities are what they say, on right pairs and as many wrong ones."""

    scorer: str
    pairs: int
    error: float
    """Expected calibration error."""
    brier: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointingFigures:
    """The pointing game: part of the phrases whose hottest patch lies where they are."""

    phrases: int
    pictures: int
    hit: Interval
    centre: Interval
    """The same of the middle of the picture."""
    random: Interval
    """The same of a random patch."""
    over_centre: Interval
    """What the encoder hits more than the middle of the picture does, paired by phrases."""
    p: float
    kinds: tuple[tuple[str, int, float], ...]
    """Of each kind of phrase: name, number, hits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderDifference:
    """One scorer under two encoders, on the same texts and pictures."""

    scorer: str
    one_value: float
    other_value: float
    paired: PairedDifference
    """`one` and `other` are ids of encoders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationHead:
    """An evaluation in a list: what it was made on, and two figures of each scorer."""

    id: int
    created_at: float
    data: str
    encoder: str
    match: str
    figures: tuple[tuple[str, float, float], ...]
    """Of each scorer: name, recall@1 and mAP, text -> picture."""

    @classmethod
    def of(cls, found: Evaluation) -> EvaluationHead:
        """The head of an evaluation that is at hand."""
        return cls(
            id=found.id,
            created_at=found.created_at,
            data=found.data,
            encoder=found.encoder,
            match=found.match,
            figures=tuple(
                (each.scorer, each.r1.value, each.average_precision.value)
                for each in found.retrieval
                if each.direction == Direction.TEXT_TO_PICTURE
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One evaluation, as it is kept."""

    id: int
    """0 where it could not be kept."""
    created_at: float
    data: str
    kind: str
    encoder: str
    match: str
    """What `match` was: 'label-free (...)', 'matcher N', or the shipped one."""
    texts: int
    pictures: int
    seconds: float
    request: str
    """JSON."""
    warnings: tuple[str, ...]
    """What was left out or cut off."""
    retrieval: tuple[RetrievalFigures, ...]
    paired: tuple[PairedDifference, ...]
    swaps: tuple[SwapFigures, ...]
    routing: tuple[RoutingFigures, ...]
    calibration: tuple[CalibrationFigures, ...]
    by_size: tuple[SizeCurve, ...] = ()
    """Routing by library size; none where no scorer gives a probability."""
    folds: tuple[FoldFigures, ...] = ()
    """Over five folds of 1,000 pictures; none where there are fewer pictures."""
    pointing: PointingFigures | None = None
    """None where the data marks nothing in its pictures, or no patches could be had."""
    beside: tuple[EncoderDifference, ...] = ()
    """Every other encoder of the run against its first one; none where there is one encoder."""

    @property
    def own_beside(self) -> tuple[EncoderDifference, ...]:
        """Those of the encoder of this evaluation; none of the first one."""
        return tuple(each for each in self.beside if each.paired.one == self.encoder)

    @property
    def recall_sums(self) -> tuple[RecallSum, ...]:
        """Rsum of each scorer, then over folds."""
        return recall_sums(self.retrieval, self.folds)


def recall_sums(
    retrieval: Sequence[RetrievalFigures], folds: Sequence[FoldFigures] = ()
) -> tuple[RecallSum, ...]:
    """Rsum of each scorer that has both directions."""
    whole: dict[str, list[float]] = {}
    for each in retrieval:
        parts = (each.r1.value, each.r5.value, each.r10.value)
        whole.setdefault(each.scorer, []).append(sum(parts))
    parted: dict[str, list[float]] = {}
    for fold in folds:
        parted.setdefault(fold.scorer, []).append(fold.r1 + fold.r5 + fold.r10)
    count = folds[0].folds if folds else 0
    return tuple(
        RecallSum(scorer=scorer, value=100 * sum(values), folds=number)
        for sums, number in ((whole, 0), (parted, count))
        for scorer, values in sums.items()
        if len(values) == len(Direction)
    )


def figures_of(found: Evaluation) -> dict[tuple[str, str], float]:
    """The figures of an evaluation by scorer and name."""
    figures: dict[tuple[str, str], float] = {}
    for each in found.retrieval:
        way = Direction(each.direction).words
        for name, value in (
            ("r@1", each.r1),
            ("r@5", each.r5),
            ("r@10", each.r10),
            ("median rank", each.median_rank),
            ("mAP", each.average_precision),
            *((f"nDCG@{cut.k}", cut.ndcg) for cut in each.cuts if cut.k > 1),
        ):
            figures[each.scorer, f"{way}, {name}"] = value.value
    for total in found.recall_sums:
        figures[total.scorer, f"Rsum over {total.folds} folds" if total.folds else "Rsum"] = (
            total.value
        )
    for swap in found.swaps:
        figures[swap.scorer, "swaps, AUC"] = swap.auc.value
    if found.pointing is not None:
        figures[POINTING, "hits"] = found.pointing.hit.value
    for routing in found.routing:
        if routing.at is not None:
            figures[routing.scorer, "routing, accuracy"] = routing.at.accuracy
        figures[routing.scorer, "routing, best accuracy"] = routing.best.accuracy
    for curve in found.by_size:
        for point in curve.points:
            name = f"routing of {point.pictures:,} pictures, balanced accuracy"
            figures[curve.scorer, name] = point.balanced.value
    for calibration in found.calibration:
        figures[calibration.scorer, "calibration error"] = calibration.error
    return figures


POINTING = "pointing game"
LATER = ("paired", "swaps", "routing", "calibration", "by_size", "folds", "beside")
"""What a list does not show: most of a body, and slow to read."""


def as_body(evaluation: Evaluation) -> str:
    """The JSON of an evaluation, without its id and time, which the row holds."""
    values = {_STORED_AS.get(name, name): value for name, value in asdict(evaluation).items()}
    del values["id"], values["created_at"]
    return json.dumps(values, ensure_ascii=False, allow_nan=False)


def from_body(body: str, *, evaluation_id: int, created_at: float) -> Evaluation:
    """The evaluation of a row. Raises ValueError, KeyError or TypeError where it is not one."""
    return read_as(Evaluation, _values_of(body, evaluation_id, created_at))


def head_of_body(body: str, *, evaluation_id: int, created_at: float) -> EvaluationHead:
    """What a list shows of a row. Raises as `from_body` does."""
    values = _values_of(body, evaluation_id, created_at) | {name: [] for name in LATER}
    return EvaluationHead.of(read_as(Evaluation, values))


_STORED_AS = {"warnings": "notes"}
"""The names of fields in a body, where they are others than here."""


def _values_of(body: str, evaluation_id: int, created_at: float) -> dict[str, object]:
    named = {stored: name for name, stored in _STORED_AS.items()}
    found = parse_object(body, with_names=True)
    values = {named.get(name, name): value for name, value in found.items()}
    return {**values, "id": evaluation_id, "created_at": created_at}


Record = tuple[str, dict[str, object]]


def records(evaluation: Evaluation) -> Iterator[Record]:
    """The type and fields of every line: first recall, then paired, swap, routing, routing by
    library size, calibration, folds, Rsum, pointing, beside; last what it was made on."""
    yield from figure_records(
        evaluation.retrieval,
        evaluation.paired,
        evaluation.swaps,
        evaluation.routing,
        evaluation.by_size,
        evaluation.calibration,
    )
    yield from (("folds", asdict(each)) for each in evaluation.folds)
    yield from (("rsum", asdict(each)) for each in evaluation.recall_sums)
    if evaluation.pointing is not None:
        yield "pointing", _pointing(evaluation.pointing)
    yield from (("beside", _beside(each)) for each in evaluation.own_beside)
    yield "evaluation", head(evaluation)


def figure_records(
    retrieval: Iterable[RetrievalFigures],
    paired: Iterable[PairedDifference],
    swaps: Iterable[SwapFigures],
    routing: Iterable[RoutingFigures],
    by_size: Iterable[SizeCurve],
    calibration: Iterable[CalibrationFigures],
) -> Iterator[Record]:
    """The type and fields of the lines of all figures."""
    yield from (("recall", _recall(each)) for each in retrieval)
    yield from (("paired", _paired(each)) for each in paired)
    yield from (("swap", _swap(each)) for each in swaps)
    yield from (("routing", _routing(each)) for each in routing)
    for curve in by_size:
        yield from (("routing_by_size", _sized(curve, point)) for point in curve.points)
    yield from (("calibration", _calibration(each)) for each in calibration)


def head(evaluation: Evaluation) -> dict[str, object]:
    """What the evaluation was made on."""
    return {
        "id": evaluation.id,
        "created_at": evaluation.created_at,
        "data": evaluation.data,
        "kind": evaluation.kind,
        "encoder": evaluation.encoder,
        "match": evaluation.match,
        "texts": evaluation.texts,
        "pictures": evaluation.pictures,
        "seconds": evaluation.seconds,
        "notes": list(evaluation.warnings),
    }


def _recall(found: RetrievalFigures) -> dict[str, object]:
    return {
        "scorer": found.scorer,
        "direction": found.direction,
        "queries": found.queries,
        "candidates": found.candidates,
        **_with_bounds("r@1", found.r1),
        **_with_bounds("r@5", found.r5),
        **_with_bounds("r@10", found.r10),
        **_with_bounds("median_rank", found.median_rank),
        **_with_bounds("mrr", found.mrr),
        **_with_bounds("map", found.average_precision),
        "share@10": found.share10,
        "rights": found.rights,
        **_cuts(found.cuts),
        "curve": [list(point) for point in found.curve_points],
        "groups": [
            {
                "name": group.name,
                "queries": group.queries,
                "r@1": group.r1,
                "r@10": group.r10,
                "map": group.average_precision,
            }
            for group in found.groups
        ],
    }


def _cuts(cuts: Iterable[CutFigures]) -> dict[str, object]:
    values: dict[str, object] = {}
    for cut in cuts:
        values |= _with_bounds(f"precision@{cut.k}", cut.precision)
        values |= _with_bounds(f"ndcg@{cut.k}", cut.ndcg)
    return values


def _paired(found: PairedDifference) -> dict[str, object]:
    return {
        "one": found.one,
        "other": found.other,
        "direction": found.direction,
        "measure": found.measure,
        **_with_bounds("difference", found.difference),
        "p": found.p,
    }


def _beside(found: EncoderDifference) -> dict[str, object]:
    values = {"one_value": found.one_value, "other_value": found.other_value}
    return {"scorer": found.scorer, **_paired(found.paired), **values}


def _swap(found: SwapFigures) -> dict[str, object]:
    return {
        "scorer": found.scorer,
        "pairs": found.pairs,
        **_with_bounds("auc", found.auc),
        "told_apart": found.told_apart,
        "attributes": {
            name: {"pairs": pairs, "told_apart": share} for name, pairs, share in found.attributes
        },
    }


def _routing(found: RoutingFigures) -> dict[str, object]:
    return {
        "scorer": found.scorer,
        "protocol": found.protocol,
        "present": found.present,
        "absent": found.absent,
        **_decision(found.at),
        "best": _decision(found.best),
        "kinds": {
            name: {"queries": queries, "accuracy": accuracy}
            for name, queries, accuracy in found.kinds
        },
        "curve": [
            [point.threshold, point.precision, point.recall, point.accuracy]
            for point in found.curve
        ],
    }


def _pointing(found: PointingFigures) -> dict[str, object]:
    return {
        "phrases": found.phrases,
        "pictures": found.pictures,
        **_with_bounds("hit", found.hit),
        **_with_bounds("centre", found.centre),
        **_with_bounds("random", found.random),
        **_with_bounds("over_centre", found.over_centre),
        "p": found.p,
        "kinds": {name: {"phrases": count, "hit": hit} for name, count, hit in found.kinds},
    }


def _sized(curve: SizeCurve, point: SizeFigures) -> dict[str, object]:
    return {
        "scorer": curve.scorer,
        "queries": curve.queries,
        "threshold": curve.threshold,
        "samples": curve.samples,
        "pictures": point.pictures,
        "present": point.present,
        "absent": point.absent,
        **_with_bounds("present_right", point.retrieved),
        **_with_bounds("absent_right", point.generated),
        **_with_bounds("balanced_accuracy", point.balanced),
    }


def _calibration(found: CalibrationFigures) -> dict[str, object]:
    return {
        "scorer": found.scorer,
        "pairs": found.pairs,
        "ece": found.error,
        "brier": found.brier,
        "bins": [[bar.count, bar.predicted, bar.observed] for bar in found.bins],
    }


def _decision(found: Decision | None) -> dict[str, object]:
    names = ("threshold", "precision", "recall", "accuracy")
    return {name: None if found is None else getattr(found, name) for name in names}


def _with_bounds(name: str, found: Interval) -> dict[str, object]:
    return {name: found.value, f"{name}_interval": [found.low, found.high]}
