"""Figures of single scores: swapped texts told apart, routing by a threshold, calibration.

scikit-learn measures them, except where it is silent (the counts of a reliability diagram) or
spends longer on checking its input than on the figure (the resamples of an area).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from engine.results import IdArray
from engine.uncollected import uncollected

BINS = 15
"""Equal bins of probability in a reliability diagram."""
CURVE_POINTS = 101

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one threshold does: retrieve where the best score reaches it."""

    threshold: float
    precision: float
    """Part of the retrieved queries that some picture answers; 1 where nothing is retrieved."""
    recall: float
    """Part of the answered queries that are retrieved."""
    accuracy: float
    """Part of all queries sent the right way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One bar of a reliability diagram."""

    count: int
    predicted: float
    """Mean probability in the bin; 0 where it is empty."""
    observed: float
    """Part of the pairs in it that belong together."""


@cache
def _metrics() -> ModuleType:
    """scikit-learn's metrics; the import takes a second, so only an evaluation pays for it.

    On a worker thread a collection meanwhile would hold the event loop up for a tenth of a second.
    """
    with uncollected():
        from sklearn import metrics
    return metrics  # type: ignore[no-any-return]


def auc(good: NDArray[np.floating], bad: NDArray[np.floating]) -> float:
    """The probability that a good score exceeds a bad one, ties counting half; 0.5 for none."""
    if not len(good) or not len(bad):
        return 0.5
    label = np.arange(len(good) + len(bad)) < len(good)
    return float(_metrics().roc_auc_score(label, np.concatenate([good, bad])))


def resampled_auc(good: Floats, bad: Floats, draws: Iterable[IdArray]) -> Floats:
    """The area for each draw of rows of pairs [n], from the ranks of the scores drawn.

    Ranks alone (Mann & Whitney 1947) take a tenth of the time that `roc_auc_score` does.
    """
    _metrics()  # imports scipy's statistics too, without the collector
    from scipy.stats import rankdata

    areas = []
    for rows in draws:
        count = len(rows)
        ranks = rankdata(np.concatenate([good[rows], bad[rows]]))
        areas.append((ranks[:count].sum() / count - (count + 1) / 2) / count)
    return np.array(areas)


def decide(best: Floats, present: Bools, threshold: float) -> Decision:
    """What a threshold makes of queries with these best scores [Q]."""
    if not len(best):
        return Decision(threshold=float(threshold), precision=1.0, recall=0.0, accuracy=0.0)
    retrieved, metrics = best >= threshold, _metrics()
    return Decision(
        threshold=float(threshold),
        precision=float(metrics.precision_score(present, retrieved, zero_division=1.0)),
        recall=float(metrics.recall_score(present, retrieved, zero_division=0.0)),
        accuracy=float(metrics.accuracy_score(present, retrieved)),
    )


def curve(best: Floats, present: Bools) -> tuple[tuple[Decision, ...], Decision]:
    """Decisions over all thresholds, thinned to CURVE_POINTS, ascending; and the most accurate.

    Every best score is tried as a threshold; of equally accurate ones the lowest is taken.
    """
    if not len(best):
        return (), decide(best, present, 0.0)
    counted = _metrics().confusion_matrix_at_thresholds(present, best)
    # Thresholds come from the highest down.
    absent_right, wrong, missed, right, thresholds = (column[::-1] for column in counted)
    accuracy = (right + absent_right) / len(best)
    chosen = int(np.argmax(accuracy))
    shown = np.unique(np.linspace(0, len(thresholds) - 1, CURVE_POINTS).round().astype(int))
    is_answered = present.any()

    def at(index: int) -> Decision:
        found = right[index]
        return Decision(
            threshold=float(thresholds[index]),
            precision=float(found / (found + wrong[index])),
            recall=float(found / (found + missed[index])) if is_answered else 0.0,
            accuracy=float(accuracy[index]),
        )

    return tuple(at(int(index)) for index in shown), at(chosen)


def reliability(probability: Floats, label: Bools) -> tuple[Bin, ...]:
    """How often pairs belong together, in BINS equal bins of their probability.

    `sklearn.calibration.calibration_curve` leaves empty bins out and does not tell the counts,
    which the diagram and the expected error need.
    """
    bins = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    predicted = np.bincount(bins, probability, minlength=BINS)
    observed = np.bincount(bins, label.astype(np.float64), minlength=BINS)
    full = np.maximum(count, 1)
    return tuple(
        Bin(count=int(n), predicted=float(p), observed=float(o))
        for n, p, o in zip(count, predicted / full, observed / full, strict=True)
    )


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """Expected calibration error (Guo et al. 2017): the mean gap, weighted by the counts."""
    total = sum(bar.count for bar in bins)
    gaps = (bar.count * abs(bar.predicted - bar.observed) for bar in bins)
    return sum(gaps) / total if total else 0.0


def brier(probability: Floats, label: Bools) -> float:
    """The mean squared error of probabilities (Brier 1950)."""
    return float(_metrics().brier_score_loss(label, probability)) if len(label) else 0.0
