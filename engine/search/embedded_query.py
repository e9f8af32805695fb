"""A query in the space of its encoder, and the scores that it gives pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray, IdArray, Scores
from engine.scoring.decision import SAME
from engine.scoring.embedding_matrix import EmbeddingMatrix, WeightedTerm
from engine.scoring.match import MatchContext, QueryLogits, chance, label_free_logits, placed_query
from engine.scoring.ranking import make_scores
from engine.scoring.registry import find_scorer, scored_at_once
from engine.search.zeros import FoundZero
from engine.states import ScorerKind

T = TypeVar("T", bound=np.generic)

_OUTSIDE = np.iinfo(np.int64).max
"""Stands for the id of a picture that the library does not have."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbeddedQuery:
    """A query in the space of its encoder, and what it is held against there."""

    vector: FloatArray
    context: MatchContext
    is_lasting: bool = True
    """Asking again brings no other background."""
    used_model: bool = False
    terms: tuple[WeightedTerm, ...] = ()
    zero: FoundZero | None = None
    """By what the query is placed among the pictures in scope."""

    def without_labels(self) -> EmbeddedQuery:
        """The same without what labels did to `match`."""
        return replace(self, context=replace(self.context, calibrations=()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairScores:
    """What the scorers gave pictures, before `match` is placed."""

    picture_ids: IdArray
    cosine: FloatArray
    logits: QueryLogits
    others: Mapping[str, FloatArray]

    def followed_by(self, other: PairScores) -> PairScores:
        """With other pictures behind these."""

        def joined(own: NDArray[T] | None, its: NDArray[T] | None) -> NDArray[T] | None:
            return None if own is None or its is None else np.concatenate([own, its])

        one, two = self.logits, other.logits
        return PairScores(
            picture_ids=np.concatenate([self.picture_ids, other.picture_ids]),
            cosine=np.concatenate([self.cosine, other.cosine]),
            logits=QueryLogits(
                match=np.concatenate([one.match, two.match]),
                label_free=joined(one.label_free, two.label_free),
                itself=joined(one.itself, two.itself),
            ),
            others={
                name: np.concatenate([values, other.others[name]])
                for name, values in self.others.items()
            },
        )


def scores_of(
    embedded: EmbeddedQuery, rows: IdArray | None, outside: FloatArray | None = None
) -> Scores:
    """The scores of all pictures, or of some rows, and of one that the library does not have."""
    found = pair_scores(embedded, rows)
    if outside is not None:
        alone = replace(
            embedded.context,
            matrix=EmbeddingMatrix.of(outside[None], np.array([_OUTSIDE])),
            own_pictures=None,
            matcher_logits=None,
        )
        found = found.followed_by(pair_scores(replace(embedded, context=alone)))
    return placed_scores(embedded, found.picture_ids, found.cosine, found.logits, found.others)


def pair_scores(embedded: EmbeddedQuery, rows: IdArray | None = None) -> PairScores:
    """What the scorers give all pictures, or some rows."""
    context = embedded.context
    matrix, cosine = context.matrix, embedded.vector @ context.matrix.columns
    found = {}
    for name in scored_at_once():
        logits = find_scorer(name).logits
        assert logits is not None, f"{name} ranks searches and scores nothing"
        found[name] = logits(context, embedded.vector, cosine, "")
    picture_ids = matrix.picture_ids
    free = None
    if embedded.zero is not None and embedded.zero.scorer == ScorerKind.LABEL_FREE:
        free = label_free_logits(context, embedded.vector, cosine, "")
    itself = _itself(embedded)
    if rows is not None:
        picture_ids = picture_ids[rows]
        found = {name: values[rows] for name, values in found.items()}
        free = None if free is None else free[rows]
        itself = None if itself is None else itself[rows]
    cosine, match = found.pop(ScorerKind.COSINE), found.pop(ScorerKind.MATCH)
    return PairScores(
        picture_ids=picture_ids,
        cosine=cosine,
        logits=QueryLogits(match=match, label_free=free, itself=itself),
        others=found,
    )


def placed_scores(
    embedded: EmbeddedQuery,
    picture_ids: IdArray,
    cosine: FloatArray,
    logits: QueryLogits,
    others: Mapping[str, FloatArray],
) -> Scores:
    """Scores out of what the scorers gave pairs, with `match` placed in the library."""
    context, zero = embedded.context, embedded.zero
    match = placed_query(context, ScorerKind.MATCH, embedded.vector, logits)
    scores = make_scores(picture_ids, cosine, match, others, chance(context, ScorerKind.MATCH))
    if zero is None:
        return scores
    return replace(scores, zero=zero.state, zero_pictures=zero.zero.pictures)


def _itself(embedded: EmbeddedQuery) -> NDArray[np.bool_] | None:
    """Which pictures the query is made of, [N]; None where it has none."""
    pictures = [term.vector for term in embedded.terms if term.is_picture]
    if not pictures:
        return None
    found: NDArray[np.bool_] = (np.stack(pictures) @ embedded.context.matrix.columns).max(
        axis=0
    ) >= SAME
    return found
