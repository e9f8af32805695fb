"""A library in parts: what each part says of a query, and how that joins.

Each part holds some of the pictures, on this machine or another, and scores them by the code that
scores a whole library. What hangs on all pictures at once (what the query is placed by, order,
counts, route) is made of the joined scores, where they come together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray, IdArray
from engine.scoring.decision import SAME
from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.evidence import TAIL, Floats, Tally
from engine.scoring.label_free import Background, rough_logits
from engine.scoring.match import (
    MatchContext,
    background_logits,
    blocks,
    label_free_logits,
    match_logits,
)
from engine.scoring.matcher import Matcher
from engine.states import ScorerKind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PartQuery:
    """What a part needs to know of a query."""

    vector: FloatArray
    """Unit length, [dim]."""
    background: Background
    logit_scale: float
    matcher: Matcher | None = None
    wants_label_free: bool = False
    """The label-free logits too: their zero stands in for that of the matcher."""
    pictures: tuple[FloatArray, ...] = ()
    """Those that the query is made of, [dim] each."""

    @property
    def is_rough(self) -> bool:
        """`match` hangs on the mean of all cosines, and so on all parts at once."""
        return self.background.is_rough and self.matcher is None

    def context(self, matrix: EmbeddingMatrix) -> MatchContext:
        """What scorers work from in a part."""
        return MatchContext(
            matrix=matrix,
            logit_scale=self.logit_scale,
            matcher=self.matcher,
            backgrounds={"": self.background},
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PartScores:
    """The scores of the pictures of a part, [n] each, in the order of the part."""

    cosine: FloatArray
    match: FloatArray
    """Logits, as pairs."""
    label_free: FloatArray | None = None
    nearest: FloatArray | None = None
    """The largest cosine to a picture that the query is made of."""

    def arrays(self) -> list[FloatArray]:
        """What crosses from one process to another."""
        found = (self.cosine, self.match, self.label_free, self.nearest)
        return [each for each in found if each is not None]

    @classmethod
    def joined(cls, parts: Sequence[PartScores], order: IdArray) -> PartScores:
        """The scores of several parts, one after the other and then in a new order."""

        def join(arrays: Sequence[FloatArray | None]) -> FloatArray | None:
            there = [each for each in arrays if each is not None]
            return np.concatenate(there)[order] if len(there) == len(parts) and parts else None

        empty = np.zeros(0, np.float32)
        cosine, match = join([each.cosine for each in parts]), join([e.match for e in parts])
        return cls(
            cosine=empty if cosine is None else cosine,
            match=empty if match is None else match,
            label_free=join([each.label_free for each in parts]),
            nearest=join([each.nearest for each in parts]),
        )


def part_scores(query: PartQuery, matrix: EmbeddingMatrix) -> PartScores:
    """Score the pictures of a part."""
    context, cosine = query.context(matrix), query.vector @ matrix.columns
    match = cosine if query.is_rough else match_logits(context, query.vector, cosine, "")
    free = nearest = None
    if query.wants_label_free:
        free = label_free_logits(context, query.vector, cosine, "")
    if query.pictures:
        nearest = (np.stack(query.pictures) @ matrix.columns).max(axis=0)
    return PartScores(cosine=cosine, match=match, label_free=free, nearest=nearest)


def completed(query: PartQuery, joined: PartScores) -> PartScores:
    """With what no part could say by itself."""
    if not query.is_rough:
        return joined
    logits = rough_logits(joined.cosine, query.logit_scale)
    return PartScores(cosine=joined.cosine, match=logits, nearest=joined.nearest)


def is_itself(joined: PartScores) -> NDArray[np.bool_] | None:
    """Which pictures the query is made of; None where it has none."""
    return None if joined.nearest is None else joined.nearest >= SAME


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PartTally:
    """Logits of T background texts over pictures of a part, in so far as evidence needs them."""

    top: FloatArray
    """The largest ones of each text, as a tally keeps them, [T, TAIL]."""
    total: Floats
    """The sum of those of each text that say something, [T]."""
    said: Floats
    """How many these are, [T]."""
    seen: int
    """Pictures scored."""

    def arrays(self) -> list[NDArray[np.generic]]:
        """What crosses from one process to another, beside `seen`."""
        return [self.top, self.total, self.said]


def part_tally(query: PartQuery, matrix: EmbeddingMatrix, rows: IdArray | None) -> PartTally:
    """What background texts reach among the pictures of a part, or some of them."""
    context, scorer = query.context(matrix), ScorerKind.MATCH
    rows = np.arange(matrix.count, dtype=np.int64) if rows is None else rows
    texts = len(query.background.random)
    tally, total, said = Tally.empty(texts), np.zeros(texts), np.zeros(texts)
    for block in blocks(context, scorer, rows):
        logits = background_logits(context, scorer, "", block)
        says = np.isfinite(logits)
        tally = tally.joined(logits)
        total += logits.sum(axis=1, dtype=np.float64, where=says)
        said += says.sum(axis=1)
    return PartTally(top=tally.top, total=total, said=said, seen=tally.seen)


def joined_tally(parts: Sequence[PartTally], texts: int) -> Tally:
    """What background texts reach in several parts together."""
    top, total = Tally.empty(texts).top, np.zeros(texts)
    said, seen = np.zeros(texts), 0
    for each in parts:
        top = -np.sort(-np.concatenate([top, each.top], axis=1), axis=1)[:, :TAIL]
        total, said, seen = total + each.total, said + each.said, seen + each.seen
    return Tally(top=top, total=total * seen / np.maximum(said, 1), seen=seen)
