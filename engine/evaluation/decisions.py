"""Figures of single scores: swapped texts told apart, routing by a threshold, calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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


def auc(good: NDArray[np.floating], bad: NDArray[np.floating]) -> float:
    """The probability that a good score exceeds a bad one, ties counting half; 0.5 for none."""
    if not len(good) or not len(bad):
        return 0.5
    every = np.sort(bad)
    below = np.searchsorted(every, good, side="left")
    up_to = np.searchsorted(every, good, side="right")
    return float(np.mean((below + up_to) / 2) / len(every))


def decide(best: Floats, present: Bools, threshold: float) -> Decision:
    """What a threshold makes of queries with these best scores [Q]."""
    retrieved = best >= threshold
    right = int(np.count_nonzero(retrieved & present))
    count, answered = int(np.count_nonzero(retrieved)), int(np.count_nonzero(present))
    return Decision(
        threshold=float(threshold),
        precision=right / count if count else 1.0,
        recall=right / answered if answered else 0.0,
        accuracy=float(np.mean(retrieved == present)) if len(best) else 0.0,
    )


def curve(best: Floats, present: Bools) -> tuple[tuple[Decision, ...], Decision]:
    """Decisions over all thresholds, thinned to CURVE_POINTS, ascending; and the most accurate.

    Every best score is tried as a threshold; of equally accurate ones the lowest is taken.
    """
    if not len(best):
        return (), decide(best, present, 0.0)
    order = np.argsort(best, kind="stable")
    scores, found = best[order], present[order]
    thresholds, start = np.unique(scores, return_index=True)
    answered = int(found.sum())
    below = np.concatenate([[0], np.cumsum(found)])[start]
    right = answered - below
    retrieved = len(scores) - start
    accuracy = (right + (start - below)) / len(scores)
    chosen = int(np.argmax(accuracy))
    shown = np.unique(np.linspace(0, len(thresholds) - 1, CURVE_POINTS).round().astype(int))

    def at(index: int) -> Decision:
        return Decision(
            threshold=float(thresholds[index]),
            precision=float(right[index] / retrieved[index]),
            recall=float(right[index] / answered) if answered else 0.0,
            accuracy=float(accuracy[index]),
        )

    return tuple(at(int(index)) for index in shown), at(chosen)


def reliability(probability: Floats, label: Bools) -> tuple[Bin, ...]:
    """How often pairs belong together, in BINS equal bins of their probability."""
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
    return float(np.mean((probability - label) ** 2)) if len(label) else 0.0
