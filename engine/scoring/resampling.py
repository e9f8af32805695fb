"""How sure a figure is: intervals by resampling, and a paired test between two scorers.

Queries of one cluster (the five captions of a picture) stand or fall together, so clusters are
drawn, not queries (Efron & Tibshirani 1993, chapter 8). `scipy.stats.bootstrap` and
`permutation_test` know no clusters, and draw anew for every figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.results import IdArray

RESAMPLES = 1000
CONFIDENCE = 0.95
_CELLS = 4_000_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A figure with the bounds that hold 95 % of its resamples."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draws:
    """The clusters of queries, and how often each was drawn: the same draws for every scorer."""

    cluster: IdArray
    """Index of the cluster of each query, [Q]."""
    weights: NDArray[np.float32]
    """How often each cluster is in each resample, [R, C]."""
    seed: int


def draw(cluster: IdArray, resamples: int = RESAMPLES, seed: int = 0) -> Draws:
    """Draw clusters with replacement, as many as there are; `cluster` may hold any numbers."""
    _, index = np.unique(cluster, return_inverse=True)
    count = int(index.max(initial=-1)) + 1
    return Draws(
        cluster=index.astype(np.int64), weights=resample_weights(count, resamples, seed), seed=seed
    )


@lru_cache(maxsize=2)
def resample_weights(count: int, resamples: int, seed: int) -> NDArray[np.float32]:
    """How often each of `count` things is in each resample, [resamples, count]; read-only.

    The last ones are kept: both directions, and every scorer, take the same.
    """
    random = np.random.default_rng(seed)
    weights = np.zeros((resamples, count), np.float32)
    for part in _parts(resamples, count):
        size = len(range(*part.indices(resamples)))
        drawn = random.integers(0, count, (size, count), dtype=np.int32)
        drawn += np.arange(size, dtype=np.int32)[:, None] * count
        weights[part] = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
    weights.flags.writeable = False
    return weights


def means(values: Sequence[Floats], draws: Draws) -> list[Interval]:
    """The mean of each list of values [Q] over all queries, with its interval."""
    if not len(draws.cluster):
        return [Interval(value=0.0, low=0.0, high=0.0) for _ in values]
    sums = _sums([*values, np.ones(len(draws.cluster))], draws)
    # Only the resamples are in single precision: a millionth of an interval's width.
    resampled = (draws.weights @ sums.astype(np.float32)).astype(np.float64)
    resampled = resampled[:, :-1] / resampled[:, -1:]
    return [
        _interval(float(np.mean(some)), resampled[:, column]) for column, some in enumerate(values)
    ]


def median(values: IdArray, draws: Draws) -> Interval:
    """The median of values [Q], with its interval."""
    if not len(values):
        return Interval(value=0.0, low=0.0, high=0.0)
    distinct, place = np.unique(values, return_inverse=True)
    cells = draws.cluster * len(distinct) + place
    size = draws.weights.shape[1] * len(distinct)
    table = np.bincount(cells, minlength=size).reshape(-1, len(distinct)).astype(np.float32)
    counts = np.cumsum(draws.weights @ table, axis=1)
    total = counts[:, -1:]
    lower = np.argmax(counts >= np.ceil(total / 2), axis=1)
    upper = np.argmax(counts >= np.floor(total / 2) + 1, axis=1)
    resampled = (distinct[lower] + distinct[upper]) / 2
    return _interval(float(np.median(values)), resampled)


def paired_difference(one: Floats, other: Floats, draws: Draws) -> tuple[Interval, float]:
    """The mean of `one` minus that of `other`, with its interval, and the two-sided p value.

    The p value is that of the randomisation test in which the difference of each cluster changes
    sign at random (Fisher 1935): the share of such worlds with a difference as large.
    """
    apart = one - other
    (interval,) = means([apart], draws)
    sums = _sums([apart], draws)[:, 0]
    observed = abs(float(sums.sum()))
    rounds, as_large = max(len(draws.weights), 1), 0
    random = np.random.default_rng(draws.seed + 1)
    for part in _parts(rounds, len(sums)):
        size = len(range(*part.indices(rounds)))
        signs = 1.0 - 2.0 * random.integers(0, 2, (size, len(sums)), dtype=np.int8)
        as_large += int(np.count_nonzero(np.abs(signs @ sums) >= observed * (1 - 1e-12)))
    return interval, (1 + as_large) / (1 + rounds)


def ratios(parts: Sequence[tuple[Floats, Floats]], draws: Draws) -> list[Floats]:
    """The sum of hits [Q] over that of counts [Q], for each pair of them, in each resample; [R].

    Where a resample counts nothing, it is the ratio of all.
    """
    resampled = []
    for hits, counts in parts:
        sums = draws.weights @ _sums([hits, counts], draws).astype(np.float32)
        whole = float(hits.sum() / counts.sum())
        ratio: Floats = np.full(len(sums), whole)
        np.divide(sums[:, 0], sums[:, 1], out=ratio, where=sums[:, 1] > 0, casting="unsafe")
        resampled.append(ratio)
    return resampled


def of_resamples(value: float, resampled: Floats) -> Interval:
    """A figure with the interval that its resampled values span."""
    return _interval(value, resampled)


def _sums(values: Sequence[Floats], draws: Draws) -> Floats:
    """The sum of each list of values [Q] in each cluster, [C, k]."""
    count = draws.weights.shape[1]
    columns = [np.bincount(draws.cluster, some, minlength=count) for some in values]
    return np.stack(columns, axis=1)


def _interval(value: float, resampled: NDArray[np.floating]) -> Interval:
    tail = (1 - CONFIDENCE) / 2
    if not len(resampled):
        return Interval(value=value, low=value, high=value)
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(value=value, low=float(low), high=float(high))


def _parts(rows: int, columns: int) -> Iterator[slice]:
    step = max(_CELLS // max(columns, 1), 1)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
