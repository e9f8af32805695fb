"""What was measured on the same data again and again, from the first evaluation to the last."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from engine.evaluation.results import Evaluation

Figures: TypeAlias = dict[tuple[str, str], float]
"""Of a scorer and a name in MEASURES."""

_THERE, _BACK = "text -> picture", "picture -> text"
MEASURES = MappingProxyType(
    {
        "r@1": f"{_THERE}, r@1",
        "r@5": f"{_THERE}, r@5",
        "r@10": f"{_THERE}, r@10",
        "median-rank": f"{_THERE}, median rank",
        "map": f"{_THERE}, mAP",
        "back-r@1": f"{_BACK}, r@1",
        "back-r@5": f"{_BACK}, r@5",
        "back-r@10": f"{_BACK}, r@10",
        "back-median-rank": f"{_BACK}, median rank",
        "back-map": f"{_BACK}, mAP",
        "swaps-auc": "swaps, AUC",
        "routing": "routing, accuracy",
        "routing-best": "routing, best accuracy",
        "calibration": "calibration error",
    }
)
"""Short names of figures, and what they are called in full."""

_SAME = ("queries", "words", "split", "language")
"""Parts of a request that say which texts and pictures of the data are asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One evaluation of the data."""

    id: int
    created_at: float
    """Unix time, seconds."""
    encoder: str
    match: str
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class OverTime:
    """Evaluations of the same texts and pictures, the oldest first."""

    data: str
    texts: int
    pictures: int
    moments: tuple[Moment, ...]

    @property
    def measures(self) -> tuple[str, ...]:
        """The short names of what was measured, in the order of MEASURES."""
        known = {measure for moment in self.moments for _, measure in moment.figures}
        return tuple(name for name in MEASURES if name in known)

    def series(self, measure: str) -> dict[str, list[tuple[float, float]]]:
        """Of each scorer that has the figure: when, in Unix time, and what was measured."""
        found: dict[str, list[tuple[float, float]]] = {}
        for moment in self.moments:
            for (scorer, name), value in moment.figures.items():
                if name == measure:
                    found.setdefault(scorer, []).append((moment.created_at, value))
        return found


def over_time(found: Evaluation, others: Iterable[Evaluation]) -> OverTime:
    """An evaluation among those that asked the same texts of the same pictures."""
    asked = _asked(found)
    same = {each.id: each for each in others if _asked(each) == asked} | {found.id: found}
    return OverTime(
        data=found.data,
        texts=found.texts,
        pictures=found.pictures,
        moments=tuple(_moment(same[number]) for number in sorted(same)),
    )


def figures_of(found: Evaluation) -> Figures:
    """The figures of an evaluation."""
    figures: Figures = {}
    for each in found.retrieval:
        start = "" if each.direction == "text_to_picture" else "back-"
        for name, value in (
            ("r@1", each.r1),
            ("r@5", each.r5),
            ("r@10", each.r10),
            ("median-rank", each.median_rank),
            ("map", each.average_precision),
        ):
            figures[each.scorer, start + name] = value.value
    for swap in found.swaps:
        figures[swap.scorer, "swaps-auc"] = swap.auc.value
    for routing in found.routing:
        if routing.at is not None:
            figures[routing.scorer, "routing"] = routing.at.accuracy
        figures[routing.scorer, "routing-best"] = routing.best.accuracy
    for calibration in found.calibration:
        figures[calibration.scorer, "calibration"] = calibration.error
    return figures


def _moment(found: Evaluation) -> Moment:
    return Moment(
        id=found.id,
        created_at=found.created_at,
        encoder=found.encoder,
        match=found.match,
        figures=figures_of(found),
    )


def _asked(found: Evaluation) -> tuple[object, ...]:
    """What two evaluations of the same texts and pictures have in common."""
    try:
        request = dict(json.loads(found.request))
    except (ValueError, TypeError):
        request = {}
    parts = (request.get(name) for name in _SAME)
    drawn_by = request.get("seed") if request.get("limit") else 0
    return (found.data, found.kind, found.texts, found.pictures, *parts, drawn_by)
