"""The ranks that right answers take among all candidates, exactly, and what follows from them.

Equal scores rank in the order of their index, as everywhere in the program.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.data import Right
from engine.results import FloatArray, IdArray

COUNTED = 2
"""So many right answers are ranked by counting what beats them; more, by sorting the row."""
_BLOCK = 64
_TILE = 128

Floats = NDArray[np.float64]


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


def rank_queries(scores: FloatArray, right: Right) -> Ranked:
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
    )


def right_ranks(scores: FloatArray, right: Right) -> IdArray:
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
