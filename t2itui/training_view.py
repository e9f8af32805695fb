"""A training as the screens show it, folded out of its events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from engine.events import JobEvent, TrainingProgress

MOST_POINTS = 400
"""Of a curve; with more of them every second one goes."""

Points: TypeAlias = tuple[tuple[float, float], ...]
"""Steps and values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingView:
    """The curves of what is being fitted at the moment, and its last figures."""

    last: TrainingProgress | None = None
    """None while nothing was reported."""
    resumed_at: int = 0
    """Epochs that an earlier, stopped run had done."""
    losses: Points = ()
    precisions: Points = ()
    """Validation mAP."""
    recalls: Points = ()
    """Validation recall@1."""

    def after(self, event: JobEvent) -> TrainingView:
        """Take an event into account."""
        if not isinstance(event, TrainingProgress):
            return self
        view = self if _goes_on(self.last, event) else TrainingView()
        if event.stage == "resumed":
            view = replace(view, resumed_at=event.epoch)
        losses = view.losses
        if event.loss:
            losses = _thinned((*losses, (event.step, event.loss)))
        precisions, recalls = view.precisions, view.recalls
        measured = (event.average_precision, event.recall)
        if event.stage == "epochs" or not precisions or _last(precisions, recalls) != measured:
            precisions = _thinned((*precisions, (event.step, event.average_precision)))
            recalls = _thinned((*recalls, (event.step, event.recall)))
        return replace(view, last=event, losses=losses, precisions=precisions, recalls=recalls)


NOTHING_TRAINED = TrainingView()


def _goes_on(before: TrainingProgress | None, event: TrainingProgress) -> bool:
    """Whether an event belongs to the curves so far; metric and epochs count steps apart."""
    if before is None or before.what != event.what:
        return before is None
    return (before.stage == "metric") == (event.stage == "metric")


def _last(precisions: Points, recalls: Points) -> tuple[float, float]:
    return precisions[-1][1], recalls[-1][1]


def _thinned(points: Points) -> Points:
    return points if len(points) <= MOST_POINTS else (*points[:-1:2], points[-1])
