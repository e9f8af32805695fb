"""Scores of a large library out of exact ones of the best and of a sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray, IdArray, Scores
from engine.scoring.columns import Columns
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.match import QueryLogits
from engine.scoring.narrow import Codes, NarrowSpace
from engine.scoring.ranking import top_indices
from engine.search.embedded_query import EmbeddedQuery, pair_scores, placed_scores

SURELY = 1_000
"""No picture that was not scored exactly stands above so many that were."""
_LEVELS = np.float32(65_535)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NarrowLibrary:
    """A library with its codes, and a sample of it."""

    matrix: EmbeddingMatrix
    space: NarrowSpace
    codes: tuple[Codes, ...]
    sample: IdArray
    """Rows, ascending."""
    sampled: EmbeddingMatrix
    """The same as a small library, whose backgrounds stay prepared."""
    offsets: FloatArray
    """What the background takes from the match of every picture (`PreparedBackground`), [N]."""

    def estimates(self, text: FloatArray, scale: float) -> Estimates:
        """What the first pass gives a text [dim]."""
        cosine = self.space.estimates(text, self.codes)
        return Estimates(cosine=cosine, match=np.float32(scale) * cosine - self.offsets)


def some_of(matrix: EmbeddingMatrix, rows: IdArray) -> EmbeddingMatrix:
    """Some pictures as a library."""
    return EmbeddingMatrix(
        revision=matrix.revision,
        picture_ids=matrix.picture_ids[rows],
        columns=Columns.of(matrix.columns.take(rows)),
    )


def narrowed_scores(
    embedded: EmbeddedQuery, rows: IdArray | None, library: NarrowLibrary, candidates: int
) -> Scores:
    """The scores of all pictures, or of some rows: exact ones of the best and of a sample.

    The others, in the order of the first pass, get those of the sample's at the same share of the
    way: so counts and bars are what the sample says, and nothing unseen leads.
    """
    context, matrix = embedded.context, library.matrix
    among = np.arange(matrix.count, dtype=np.int64) if rows is None else rows
    estimates = library.estimates(embedded.vector, context.logit_scale).of(rows)
    head = estimates.best(candidates)
    at = np.minimum(np.searchsorted(among, library.sample), len(among) - 1)
    seen = np.flatnonzero(among[at] == library.sample)
    best = pair_scores(_within(embedded, some_of(matrix, among[head])))
    some = pair_scores(_within(embedded, library.sampled))
    spread = _Spread(len(among), head, at[seen], seen)
    spread_cosine = spread.by(estimates.cosine)
    spread_match = spread.by(estimates.match)
    one, two = best.logits, some.logits
    free = None
    if one.label_free is not None and two.label_free is not None:
        free = spread_match(one.label_free, two.label_free)
    scores = placed_scores(
        embedded,
        matrix.picture_ids[among],
        spread_cosine(best.cosine, some.cosine),
        QueryLogits(match=spread_match(one.match, two.match), label_free=free),
        {name: spread_match(each, some.others[name]) for name, each in best.others.items()},
    )
    return replace(scores, estimated=spread.estimated, candidates=candidates)


def _within(embedded: EmbeddedQuery, matrix: EmbeddingMatrix) -> EmbeddedQuery:
    context = replace(embedded.context, matrix=matrix, matcher_logits=None)
    return replace(embedded, context=context)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimates:
    """What the first pass gives a text for pictures, each but for a constant; [N]."""

    cosine: FloatArray
    match: FloatArray
    """The label-free logits: what a matcher adds is not known before it is asked."""

    def of(self, rows: IdArray | None) -> Estimates:
        """Of some pictures."""
        return self if rows is None else Estimates(cosine=self.cosine[rows], match=self.match[rows])

    def best(self, count: int) -> IdArray:
        """The best so many by cosine, and by match; ascending."""
        return np.union1d(top_indices(self.cosine, count), top_indices(self.match, count))


class _Spread:
    """Scores of all pictures out of those of some."""

    def __init__(self, count: int, head: IdArray, inside: IdArray, seen: IdArray) -> None:
        """The best are at `head`; of the sample those at `seen` are in scope, at `inside`."""
        self._head, self._inside, self._seen = head, inside, seen
        self._beside = ~np.isin(inside, head)
        self.estimated: NDArray[np.bool_] = np.ones(count, np.bool_)
        self.estimated[head] = self.estimated[inside] = False

    def by(self, estimates: FloatArray) -> Callable[[FloatArray, FloatArray], FloatArray]:
        """Takes scores of the best and of the sample to those of all, who stand as estimated."""
        rest = np.flatnonzero(self.estimated)
        low, high = float(estimates.min()), float(estimates.max())
        levels = (estimates[rest] - np.float32(low)) * (_LEVELS / np.float32(max(high - low, 1e-9)))
        # Sorting whole numbers of 16 bits takes a tenth of the time.
        rest = rest[np.argsort(levels.astype(np.uint16), kind="stable")]
        return lambda best, sample: self._joined(rest, estimates, best, sample)

    def _joined(
        self, rest: IdArray, estimates: FloatArray, best: FloatArray, sample: FloatArray
    ) -> FloatArray:
        found = np.empty(len(self.estimated), np.float32)
        beside = sample[self._seen][self._beside]
        inside = estimates[self._inside][self._beside]
        off = _off(beside, inside, estimates[rest])
        beside = np.sort(beside)
        most = np.sort(best)[-min(SURELY, len(best))]
        if len(beside):
            shares = (np.arange(len(rest)) + 0.5) * (len(beside) / max(len(rest), 1))
            found[rest] = np.minimum(beside[shares.astype(np.int64)] + off, most)
        else:
            found[rest] = best.min()
        found[self._inside] = sample[self._seen]
        found[self._head] = best
        return found


def _off(exact: FloatArray, estimates: FloatArray, of_others: FloatArray) -> np.float32:
    """How far the mean of a sample lies from that of the others, as the first pass tells it.

    By the slope of the exact scores over the estimates in the sample (a control variate).
    """
    if not len(exact) or not len(of_others):
        return np.float32(0)
    x, y = estimates.astype(np.float64), exact.astype(np.float64)
    slope = ((x - x.mean()) * (y - y.mean())).mean() / max(x.var(), 1e-12)
    return np.float32(slope * (of_others.mean(dtype=np.float64) - x.mean()))
