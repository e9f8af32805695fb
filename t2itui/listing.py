"""An answer as the Search screen walks through it: order, ranks, and what passes.

Everything here is arrays in memory, so that a key press is answered within its own tick.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from engine.results import IdArray, Scores, SearchResult
from engine.scoring import ranking


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
    ) -> None:
        self.result = result
        self.scores = scores
        self.scorer = scorer
        self.threshold = threshold
        self.hide_below = hide_below
        """List only what passes."""
        self._orders: dict[str, IdArray] = {}
        self._ranks: dict[str, IdArray] = {}

    def prepare(self) -> Listing:
        """Compute both orders and ranks; worth a thread when the library is large."""
        for scorer in ranking.SCORERS:
            self._rank_array(scorer)
        self.lowest_cosine, self.highest_cosine  # noqa: B018
        return self

    def __len__(self) -> int:
        """Pictures in the scope of the query."""
        return len(self.scores.picture_ids)

    @property
    def passed(self) -> int:
        """Pictures at or above the threshold."""
        return ranking.passed(self.scores, self.threshold)

    @property
    def shown(self) -> IdArray:
        """Indices into the scores of the pictures that are listed, best first."""
        order = self._order(self.scorer)
        if not self.hide_below:
            return order
        if self.scorer == "match":
            return order[: self.passed]
        return order[ranking.passing(self.scores, self.threshold)[order]]

    def position(self, index: int) -> int | None:
        """Place of a picture among those shown, from 0; None where it is not shown."""
        found = np.flatnonzero(self.shown == index)
        return int(found[0]) if len(found) else None

    def passes(self, index: int) -> bool:
        """The picture is at or above the threshold."""
        return bool(self.scores.match[index] >= np.float64(self.threshold))

    def rank(self, index: int, scorer: str) -> int:
        """Place of a picture under a scorer, from 1."""
        return int(self._rank_array(scorer)[index]) + 1

    def picture_id(self, index: int) -> int:
        """The picture at an index of the scores."""
        return int(self.scores.picture_ids[index])

    def counts(self, bins: int) -> tuple[int, ...]:
        """How many pictures have their match in each of so many equal bins; 1 is in the last."""
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
