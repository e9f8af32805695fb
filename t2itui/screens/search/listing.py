"""An answer as the Search screen walks through it: order, ranks, and what passes.

Everything here is arrays in memory, so that a key press is answered within its own tick.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from engine.results import IdArray, Scores, SearchResult
from engine.scoring import ranking
from engine.states import ScorerKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ThirdScore:
    """What the scorer that ranks gave a picture, where it is neither match nor cosine."""

    name: str
    score: float
    share: float
    """Of a bar: the probability where it is placed, else the score."""
    rank: int
    """From 1; 0 where it is not known."""


class Listing:
    """The pictures of one answer under a threshold and a ranking scorer that may change."""

    def __init__(
        self,
        result: SearchResult,
        scores: Scores,
        *,
        scorer: str,
        threshold: float,
        hide_below: bool = False,
        is_first: bool = False,
    ) -> None:
        self.is_first = is_first
        """It stands in while the scorer that was asked for is at work, and is no decision."""
        self.result = result
        self.scores = scores
        self.scorer = scorer
        self.threshold = threshold
        self.hide_below = hide_below
        """List only what passes."""
        self._orders: dict[str, IdArray] = {}
        self._ranks: dict[str, IdArray] = {}

    @classmethod
    def of(cls, result: SearchResult, *, hide_below: bool, is_first: bool = False) -> Listing:
        """List an answer as it was given; one read from its receipt has only its first rows."""
        receipt = result.receipt
        listing = cls(
            result,
            result.scores or _scores_of_rows(result),
            scorer=receipt.ranked_by,
            threshold=receipt.threshold,
            hide_below=hide_below,
            is_first=is_first,
        )
        return listing.prepare()

    def prepare(self) -> Listing:
        """Compute both orders and ranks; worth a thread when the library is large."""
        for scorer in ranking.scorers_of(self.scores):
            self._rank_array(scorer)
        self.lowest_cosine, self.highest_cosine  # noqa: B018
        return self

    def __len__(self) -> int:
        """Pictures that can be listed."""
        return len(self.scores.picture_ids)

    @property
    def is_stored(self) -> bool:
        """Only what the receipt keeps is here: another threshold needs another search."""
        return self.result.scores is None

    @property
    def total(self) -> int:
        """Pictures in the scope of the query."""
        return self.result.receipt.considered if self.is_stored else len(self)

    @property
    def passed(self) -> int:
        """Pictures at or above the threshold."""
        if self.is_stored:
            return self.result.receipt.passed
        return ranking.passed(self.scores, self.threshold)

    @property
    def routing(self) -> ranking.RouteDecision:
        """The route under the threshold as it stands."""
        if not self.is_stored:
            return ranking.route(self.scores, self.threshold)
        receipt = self.result.receipt
        return ranking.RouteDecision(
            route=receipt.route,
            reason=receipt.reason,
            passed=receipt.passed,
            best_cosine=receipt.best_cosine,
            best_match=receipt.best_match,
            is_uncertain=receipt.uncertain,
        )

    @property
    def shown(self) -> IdArray:
        """Indices into the scores of the pictures that are listed, best first."""
        order = self._order(self.scorer)
        if not self.hide_below:
            return order
        if self.scorer == ScorerKind.MATCH:
            return order[: self.passed]
        return order[ranking.passing(self.scores, self.threshold)[order]]

    def position(self, index: int) -> int | None:
        """Place of a picture among those shown, from 0; None where it is not shown."""
        found = np.flatnonzero(self.shown == index)
        return int(found[0]) if len(found) else None

    def index_of(self, picture_id: int) -> int | None:
        """Index into the scores of a picture; None where it is not in the answer."""
        at = int(np.searchsorted(self.scores.picture_ids, picture_id))
        found = at < len(self) and self.picture_id(at) == picture_id
        return at if found else None

    def passes(self, index: int) -> bool:
        """The picture is at or above the threshold."""
        return bool(self.scores.match[index] >= np.float64(self.threshold))

    def rank(self, index: int, scorer: str) -> int:
        """Place of a picture under a scorer, from 1."""
        return int(self._rank_array(scorer)[index]) + 1

    def rank_in_library(self, index: int, scorer: str) -> int:
        """The same over all pictures in scope; 0 where only the receipt's rows are known."""
        known = not self.is_stored or scorer == self.result.receipt.ranked_by
        return self.rank(index, scorer) if known else 0

    def has_scores_of(self, scorer: str) -> bool:
        """The pictures can be ranked by a scorer without another search."""
        return not self.is_stored and scorer in ranking.scorers_of(self.scores)

    def third_score(self, index: int) -> ThirdScore | None:
        """What a third scorer that ranks gave a picture; None where there is none."""
        values = self.scores.others.get(self.scorer)
        if values is None or not -1 <= values[index] <= 1:
            return None
        placed = self.scores.placed.get(self.scorer, values)
        return ThirdScore(
            name=self.scorer,
            score=float(values[index]),
            share=float(placed[index]),
            rank=self.rank_in_library(index, self.scorer),
        )

    def picture_id(self, index: int) -> int:
        """The picture at an index of the scores."""
        return int(self.scores.picture_ids[index])

    def counts(self, bins: int) -> tuple[int, ...]:
        """How many pictures have their match in each of so many equal bins; 1 is in the last."""
        if self.is_stored:
            stored = self.result.receipt.histogram
            return tuple(stored[place * len(stored) // bins] for place in range(bins))
        places = np.minimum((self.scores.match * bins).astype(np.int64), bins - 1)
        return tuple(np.bincount(places, minlength=bins).tolist())

    @cached_property
    def lowest_cosine(self) -> float:
        """Where the bars of cosines begin."""
        return float(self.scores.cosine.min()) if len(self) else 0.0

    @cached_property
    def highest_cosine(self) -> float:
        """Where the bars of cosines end."""
        return float(self.scores.cosine.max()) if len(self) else 1.0

    def cosine_share(self, index: int) -> float:
        """Where a cosine lies between the lowest and the highest of the answer, 0 to 1."""
        span = self.highest_cosine - self.lowest_cosine
        return (float(self.scores.cosine[index]) - self.lowest_cosine) / span if span else 1.0

    def _order(self, scorer: str) -> IdArray:
        if scorer not in self._orders:
            self._orders[scorer] = ranking.order(self.scores, scorer)
        return self._orders[scorer]

    def _rank_array(self, scorer: str) -> IdArray:
        if scorer not in self._ranks:
            order = self._order(scorer)
            ranks = np.empty(len(order), dtype=np.int64)
            ranks[order] = np.arange(len(order))
            self._ranks[scorer] = ranks
        return self._ranks[scorer]


def _scores_of_rows(result: SearchResult) -> Scores:
    """The scores of the rows that a receipt keeps, in picture-id order."""
    rows = sorted(result.rows, key=lambda row: row.picture_id)
    match = np.array([row.match for row in rows], dtype=np.float64)
    with np.errstate(divide="ignore"):
        logit = np.log(match) - np.log1p(-match)
    ranked_by = result.receipt.ranked_by
    others, placed = (
        np.array([found.get(ranked_by, -np.inf) for found in each], dtype=np.float32)
        for each in ([row.others for row in rows], [row.placed for row in rows])
    )
    if not np.isfinite(others).any():
        # Receipts that keep cosine and match alone have the ranks of another scorer.
        others = np.array([-row.rank for row in rows], dtype=np.float32)
    scores = ranking.make_scores(
        np.array([row.picture_id for row in rows], dtype=np.int64),
        np.array([row.cosine for row in rows], dtype=np.float32),
        logit.astype(np.float32),
        {} if ranked_by in ranking.ALWAYS_SCORED else {ranked_by: others},
        result.receipt.by_chance,
    )
    return replace(scores, placed={ranked_by: placed}) if np.isfinite(placed).any() else scores
