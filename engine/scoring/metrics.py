"""The ranks that right answers take among all candidates, exactly, and what follows from them.

Equal scores rank in the order of their index, as everywhere in the program.

Figures of single scores: swapped texts told apart, routing by a threshold, calibration.

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

from engine.results import FloatArray, IdArray
from engine.uncollected import uncollected

COUNTED = 2
"""So many right answers are ranked by counting what beats them; more, by sorting the row."""
_BLOCK = 64
_TILE = 128

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RightPairs:
    """The pairs of a text and a picture that belong together, sorted by text, each once."""

    text: IdArray
    """Index of the text, [P]."""
    picture: IdArray
    """Index of the picture, [P]."""

    @classmethod
    def of(cls, text: IdArray | list[int], picture: IdArray | list[int]) -> RightPairs:
        """Sort pairs and drop repeated ones."""
        texts, pictures = np.asarray(text, np.int64), np.asarray(picture, np.int64)
        width = int(pictures.max(initial=0)) + 1
        first, second = np.divmod(np.unique(texts * width + pictures), width)
        return cls(text=first, picture=second)

    def flipped(self) -> RightPairs:
        """The same pairs for picture -> text: texts and pictures change places."""
        return RightPairs.of(self.picture, self.text)

    def mask(self, texts: int, pictures: int) -> NDArray[np.bool_]:
        """The pairs as a matrix, [texts, pictures]."""
        mask = np.zeros((texts, pictures), bool)
        mask[self.text, self.picture] = True
        return mask


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranked:
    """How each query that has a right answer fared."""

    query: IdArray
    """Index of the query, [Q], ascending."""
    first: IdArray
    """Rank, from 1, of the best right answer, [Q]."""
    precision: Floats
    """Average precision over all right answers, [Q]."""
    share: Floats
    """Part of the right answers among the first ten, [Q]."""
    rights: IdArray
    """Number of right answers, [Q]."""
    ranks: IdArray
    """Rank, from 1, of every right answer: query by query, ascending; [P]."""

    @property
    def start(self) -> IdArray:
        """Where the ranks of each query begin, [Q]."""
        start: IdArray = np.cumsum(self.rights) - self.rights
        return start

    @property
    def number(self) -> IdArray:
        """Which right answer of its query each is, best first, from 1; [P]."""
        return np.arange(len(self.ranks)) - np.repeat(self.start, self.rights) + 1

    def summed(self, values: Floats) -> Floats:
        """The sum over the right answers of each query of values [P], [Q]."""
        found: Floats = np.add.reduceat(values, self.start) if len(self.query) else np.zeros(0)
        return found


def rank_queries(scores: FloatArray, right: RightPairs) -> Ranked:
    """Rank the right answers of each row of [queries, candidates]; `right.text` is the row."""
    return summarised(right.text, right_ranks(scores, right))


def summarised(query: IdArray, ranks: IdArray) -> Ranked:
    """Figures of each query from the ranks of its right answers; both [P], sorted by query.

    Average precision is the mean over right answers, best first, of (answers so far) / rank.
    scikit-learn's takes a query and a millisecond a call, and lets ties share a rank; here the
    ranks are there already, and 5,000 queries together take as long as one such call.
    """
    order = np.lexsort((ranks, query))
    query, ranks = query[order], ranks[order]
    queries, start, counts = np.unique(query, return_index=True, return_counts=True)
    number = np.arange(len(query)) - np.repeat(start, counts) + 1
    return Ranked(
        query=queries,
        first=ranks[start],
        precision=np.add.reduceat(number / ranks, start) / counts if len(start) else np.zeros(0),
        share=np.add.reduceat(ranks <= 10, start) / counts if len(start) else np.zeros(0),
        rights=counts.astype(np.int64),
        ranks=ranks,
    )


RECALL_LEVELS = 11
"""Of an interpolated precision-recall curve: 0, 0.1 ... 1."""


def precision_at(ranked: Ranked, k: int) -> Floats:
    """Part of the first `k` candidates that are right, [Q]; Manning, Raghavan & Schütze 2008,
    section 8.4. With fewer than `k` right answers it does not reach 1."""
    return ranked.summed((ranked.ranks <= k).astype(np.float64)) / k


def ndcg_at(ranked: Ranked, k: int) -> Floats:
    """Normalised discounted cumulative gain of the first `k` candidates, [Q].

    Järvelin & Kekäläinen 2002 with the discount 1 / log2(1 + rank) of Burges et al. 2005, as
    scikit-learn has it; a right answer gains 1, so the best order gains min(k, right answers)
    first discounts. Ranks are at hand, and ties are broken by then: scikit-learn would average.
    """
    gain = np.where(ranked.ranks <= k, 1 / np.log2(1.0 + ranked.ranks), 0.0)
    ideal = np.cumsum(1 / np.log2(1.0 + np.arange(1, k + 1)))
    found: Floats = ranked.summed(gain) / ideal[np.minimum(ranked.rights, k) - 1]
    return found


def interpolated_precision(ranked: Ranked) -> Floats:
    """The precision-recall curve: precision at RECALL_LEVELS levels of recall, [Q, levels].

    The precision at a level is the highest at any recall from there on (Manning, Raghavan &
    Schütze 2008, section 8.4), in which mAP is about the area under the curve before that.
    """
    precision = ranked.number / ranked.ranks
    levels = []
    for level in range(RECALL_LEVELS):
        # In whole numbers: 0.3 times 10 right answers are to be three of them.
        needed = -(-level * ranked.rights // (RECALL_LEVELS - 1))
        counts = ranked.number >= np.repeat(needed, ranked.rights)
        some = np.where(counts, precision, 0.0)
        levels.append(np.maximum.reduceat(some, ranked.start) if len(ranked.query) else some)
    return np.stack(levels, axis=1)


def right_ranks(scores: FloatArray, right: RightPairs) -> IdArray:
    """The rank, from 1, of every right pair in its row of [queries, candidates]: [P]."""
    ranks = np.empty(len(right.text), np.int64)
    rows, start, counts = np.unique(right.text, return_index=True, return_counts=True)
    few = counts <= COUNTED
    for number in range(COUNTED):
        chosen = start[few & (counts > number)] + number
        ranks[chosen] = _counted(scores, right.text[chosen], right.picture[chosen])
    for block in np.array_split(np.flatnonzero(~few), max((~few).sum() // _BLOCK, 1)):
        ordered = np.sort(scores[rows[block]], axis=1)
        for line, first, count in zip(ordered, start[block], counts[block], strict=True):
            pairs = slice(first, first + count)
            row = scores[right.text[first]]
            ranks[pairs] = _looked_up(line, row, right.picture[pairs])
    return ranks


def transposed(scores: FloatArray) -> FloatArray:
    """The other direction, contiguous; in tiles, a fifth of the time that numpy takes."""
    rows, columns = scores.shape
    turned = np.empty((columns, rows), scores.dtype)
    for top in range(0, rows, _TILE):
        for left in range(0, columns, _TILE):
            tile = scores[top : top + _TILE, left : left + _TILE]
            turned[left : left + _TILE, top : top + _TILE] = tile.T
    return turned


def _counted(scores: FloatArray, rows: IdArray, columns: IdArray) -> IdArray:
    """Ranks of one candidate in each of some rows, by counting those that beat it."""
    ranks = np.empty(len(rows), np.int64)
    value = scores[rows, columns][:, None]
    everything = len(rows) == len(scores)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        block = scores[part] if everything else scores[rows[part]]
        above = np.count_nonzero(block > value[part], axis=1)
        equal = np.count_nonzero(block >= value[part], axis=1) - above
        for row in np.flatnonzero(equal > 1):
            before = block[row, : columns[start + row]]
            above[row] += np.count_nonzero(before == value[start + row])
        ranks[part] = above + 1
    return ranks


def _looked_up(ordered: FloatArray, row: FloatArray, columns: IdArray) -> IdArray:
    """Ranks of some candidates of one row, whose scores are also given in ascending order."""
    values = row[columns]
    up_to = ordered.searchsorted(values, "right")
    ranks: IdArray = len(ordered) + 1 - up_to
    tied = up_to - ordered.searchsorted(values, "left") > 1
    if tied.any():
        for index in np.flatnonzero(tied):
            ranks[index] += np.count_nonzero(row[: columns[index]] == values[index])
    return ranks


BINS = 15
"""Equal bins of probability in a reliability diagram."""
CURVE_POINTS = 101

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
