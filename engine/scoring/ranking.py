"""What follows from the scores alone: order, counts, histogram and route.

Nothing here reads or waits: the app calls it at every press of a key.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.results import HISTOGRAM_BINS, Chance, FloatArray, IdArray, Scores
from engine.scoring.calibration import probability
from engine.states import Route, ScorerKind

FUSION_CONSTANT = 60
"""The k of reciprocal rank fusion (Cormack et al. 2009)."""

NEAR_EVEN = 1.0
"""Log odds of the best picture within which a decision is uncertain: a `match` of .27 to .73.

A fifth of the words that the decision was tuned with lie there, among them half of the absent ones
that pass and seven in eight of the present ones that are lost.
"""
UNCERTAIN = "uncertain: the odds are near even"

_INDEX_BITS = np.uint64(32)
_INDEX_MASK = np.uint64(0xFFFF_FFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteDecision:
    """What is to be done about a query, and the figures that say so."""

    route: Route
    reason: str
    """A sentence for people."""
    passed: int
    best_cosine: float
    """0 where there is no picture, as is `best_match`."""
    best_match: float
    is_uncertain: bool
    """The odds that the library shows what was asked are near even, as far as they are measured."""


def make_scores(
    picture_ids: IdArray,
    cosine: FloatArray,
    match_logit: FloatArray,
    others: Mapping[str, FloatArray] | None = None,
    chance: Chance | None = None,
) -> Scores:
    """Bind the scores of N pictures, sorted by id, as read-only arrays of shape (N,).

    A score that is not a number becomes the worst there is, so that it ranks last and never
    passes. `others` holds those of further scorers, by name, and `chance` the `match` that texts
    reach which the library does not show.
    """
    cosine = np.nan_to_num(cosine.astype(np.float32, copy=False), nan=-1, posinf=-1, neginf=-1)
    logit = _never_nan(match_logit)
    scores = Scores(
        picture_ids=picture_ids,
        cosine=cosine,
        match=probability(logit),
        match_logit=logit,
        others={name: _never_nan(values) for name, values in (others or {}).items()},
        chance=chance,
    )
    for array in (scores.cosine, scores.match, scores.match_logit, *scores.others.values()):
        array.flags.writeable = False
    return scores


def _never_nan(values: FloatArray) -> FloatArray:
    values = values.astype(np.float32, copy=True)
    values[np.isnan(values)] = -np.inf
    return values


ALWAYS_SCORED = (ScorerKind.COSINE, ScorerKind.MATCH)
"""The scorers whose scores every answer and every row of a receipt has."""


def scorers_of(scores: Scores) -> tuple[str, ...]:
    """The names of the scorers that pictures can be ranked by."""
    return (*ALWAYS_SCORED, *scores.others)


BELOW = np.float32(2)
"""More than any cosine lies above 0."""


def ranked_values(scores: Scores, scorer: str) -> FloatArray:
    """What `scorer` sorts by: cosines, or logits. Raises ValueError where it scored nothing.

    What a scorer that looks at the best alone has not scored comes below, in the order of cosines.
    """
    if scorer == ScorerKind.COSINE:
        return _estimates_below(scores, scores.cosine)
    if scorer == ScorerKind.MATCH:
        return _estimates_below(scores, scores.match_logit)
    if scorer not in scores.others:
        raise ValueError(f"no scorer is called {scorer!r}")
    values = scores.others[scorer]
    looked = np.isfinite(values)
    if looked.all():
        return _estimates_below(scores, values)
    lowest = values[looked].min() if looked.any() else np.float32(0)
    below = _estimates_below(scores, scores.cosine)
    return np.where(looked, values, below + (lowest - BELOW))


def _estimates_below(scores: Scores, values: FloatArray) -> FloatArray:
    """What was not scored exactly stands below what was, in its own order."""
    if scores.estimated is None or not scores.estimated.any():
        return values
    exact, estimates = values[~scores.estimated], values[scores.estimated]
    finite = exact[np.isfinite(exact)]
    if not len(finite):
        return values
    found = values.copy()
    found[scores.estimated] = estimates - max(0.0, float(estimates.max() - finite.min()) + 1.0)
    return found


def order(scores: Scores, scorer: str) -> IdArray:
    """Indices of all pictures, best first; equal scores in picture-id order. Shape (N,)."""
    return _indices(np.sort(_keys(ranked_values(scores, scorer))))


def top(scores: Scores, scorer: str, k: int) -> IdArray:
    """The first k of `order`, without sorting the rest; all of them for k = 0."""
    return top_indices(ranked_values(scores, scorer), k)


def top_indices(values: FloatArray, k: int) -> IdArray:
    """Indices of the k largest float32 values, best first, ties by index; all for k = 0."""
    keys = _keys(values)
    if 0 < k < len(keys):
        keys = np.partition(keys, k - 1)[:k]
    return _indices(np.sort(keys))


def rank_of(scores: Scores, scorer: str, index: int) -> int:
    """The rank, from 1, that the picture at `index` has under `scorer`."""
    values = ranked_values(scores, scorer)
    value = values[index]
    return int(np.count_nonzero(values > value) + np.count_nonzero(values[:index] == value)) + 1


def fused(one: FloatArray, other: FloatArray) -> FloatArray:
    """Reciprocal rank fusion of the rows of two [queries, candidates] score matrices."""
    total = np.zeros(one.shape, np.float32)
    for scores in (one, other):
        order = np.argsort(-scores, axis=1, kind="stable")
        ranks: IdArray = np.empty_like(order)
        np.put_along_axis(ranks, order, np.arange(1, scores.shape[1] + 1)[None, :], axis=1)
        total += (1 / (FUSION_CONSTANT + ranks)).astype(np.float32)
    return total


def passing(scores: Scores, threshold: float) -> NDArray[np.bool_]:
    """Which pictures have a `match` at or above `threshold`. Shape (N,)."""
    # A float64 scalar makes the comparison the same as that of the numbers a receipt holds.
    return scores.match >= np.float64(threshold)


def passed(scores: Scores, threshold: float) -> int:
    """How many pictures have a `match` at or above `threshold`."""
    return int(np.count_nonzero(passing(scores, threshold)))


def histogram(scores: Scores) -> tuple[int, ...]:
    """Counts of `match` in HISTOGRAM_BINS equal bins over [0, 1]; 1 falls into the last."""
    bins = np.minimum((scores.match * HISTOGRAM_BINS).astype(np.int64), HISTOGRAM_BINS - 1)
    return tuple(np.bincount(bins, minlength=HISTOGRAM_BINS).tolist())


def route(scores: Scores, threshold: float) -> RouteDecision:
    """Decide: pictures at or above the threshold answer the query; if none, one is generated."""
    count = len(scores.picture_ids)
    passes = passed(scores, threshold)
    best_match = float(scores.match.max()) if count else 0.0
    if passes:
        is_about = scores.estimated is not None and bool(
            (passing(scores, threshold) & scores.estimated).any()
        )
        reason = f"{'about ' if is_about else ''}{passes} of {_pictures(count)}"
        reason += f" {'has' if passes == 1 else 'have'} "
        reason += f"a match of {threshold:.2f} or more"
        if scores.chance is not None:
            reason += f": the best {best_match:.2f}"
    else:
        shown_best, shown_threshold = _with_enough_digits(best_match, threshold)
        reason = f"none of {_pictures(count)} has a match of {shown_threshold}: "
        reason += f"the best is {shown_best}"
    is_uncertain = _is_uncertain(scores)
    if scores.chance is not None:
        reason += f"; by chance {scores.chance.half:.2f}"
    if is_uncertain:
        reason += f"; {UNCERTAIN}"
    return RouteDecision(
        route=Route.RETRIEVE if passes else Route.GENERATE,
        reason=reason,
        passed=passes,
        best_cosine=float(scores.cosine.max()) if count else 0.0,
        best_match=best_match,
        is_uncertain=is_uncertain,
    )


def _is_uncertain(scores: Scores) -> bool:
    """The best picture has nearly even odds, where 0.5 means those of the library.

    The threshold has no part in it: it says what a person wants, and not what is known.
    """
    if scores.chance is None or not len(scores.match_logit):
        return False
    return abs(float(scores.match_logit.max())) < NEAR_EVEN


def _keys(values: FloatArray) -> NDArray[np.uint64]:
    """Distinct integers that ascend as values descend, and by index where values are equal.

    The bits of a float32 are the high half and the index the low half, so that an unstable sort
    (which numpy vectorises) is exact about ties. NaN comes last.
    """
    bits = (np.where(np.isnan(values), -np.inf, values).astype(np.float32) + 0.0).view(np.uint32)
    sign = np.uint32(0x8000_0000)
    descending = np.where(bits & sign, bits, ~(bits | sign)).astype(np.uint64)
    index = np.arange(len(values), dtype=np.uint64)
    keys: NDArray[np.uint64] = (descending << _INDEX_BITS) | index
    return keys


def _indices(keys: NDArray[np.uint64]) -> IdArray:
    return (keys & _INDEX_MASK).astype(np.int64)


def _pictures(count: int) -> str:
    return f"{count:,} picture{'' if count == 1 else 's'}"


def _with_enough_digits(low: float, high: float) -> tuple[str, str]:
    """Both numbers with two digits, or as many more as it takes to see that they differ."""
    for digits in range(2, 9):
        if f"{low:.{digits}f}" != f"{high:.{digits}f}":
            break
    return f"{low:.{digits}f}", f"{high:.{digits}f}"
