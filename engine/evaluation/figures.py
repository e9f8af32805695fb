"""All figures of an evaluation, scorer after scorer, on one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.evaluation import measure
from engine.evaluation.embed import matrix
from engine.evaluation.gather import Material
from engine.evaluation.measure import Direction
from engine.evaluation.ranks import Ranked, transposed
from engine.evaluation.request import COSINE, FUSION, MATCH, EvaluateRequest
from engine.evaluation.results import Calibration, Paired, Retrieval, Routing, Swap
from engine.evaluation.scorers import GivenScorer, Scorer, fused
from engine.language import language_of
from engine.results import FloatArray
from engine.scoring.ranking import probability

Step = Callable[[int], None]


@dataclass(slots=True, kw_only=True)
class Figures:
    """What was measured so far."""

    retrieval: list[Retrieval] = field(default_factory=list)
    paired: list[Paired] = field(default_factory=list)
    swaps: list[Swap] = field(default_factory=list)
    routing: list[Routing] = field(default_factory=list)
    calibration: list[Calibration] = field(default_factory=list)


def steps_of(material: Material, scorers: Sequence[Scorer]) -> int:
    """How many texts all scorers together have to score."""
    asked = Asked.of(material)
    return len(scorers) * (len(asked.vectors) + 2 * len(asked.swapped))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """The texts that are scored against every picture: those of the data, then other queries."""

    vectors: FloatArray
    languages: tuple[str, ...]
    texts: int
    """So many first ones are the data's."""
    queries: tuple[int, ...]
    """The row of each labelled query whose text could be embedded."""
    present: NDArray[np.bool_]
    kinds: tuple[str, ...]
    swapped: tuple[int, ...]
    """Indices of the swapped pairs of which both texts could be embedded."""

    @classmethod
    def of(cls, material: Material) -> Asked:
        """Take the texts together."""
        data, spoken = material.data, material.spoken
        rows = {} if data.wordings else {text: row for row, text in enumerate(data.texts)}
        queries = [query for query in data.queries if query.text in rows or query.text in spoken]
        more = [text for text in dict.fromkeys(q.text for q in queries) if text not in rows]
        rows |= {text: len(data.texts) + number for number, text in enumerate(more)}
        extra = matrix([spoken[text] for text in more], material.texts.shape[1])
        return cls(
            vectors=np.concatenate([material.texts, extra]),
            languages=(*material.languages, *map(language_of, more)),
            texts=len(data.texts),
            queries=tuple(rows[query.text] for query in queries),
            present=np.array([query.present for query in queries], bool),
            kinds=tuple(query.kind for query in queries),
            swapped=tuple(
                number
                for number, pair in enumerate(data.swapped)
                if pair.true in spoken and pair.false in spoken
            ),
        )


class Measuring:
    """Scores and measures; `step` hears how many texts were scored and may raise to stop."""

    def __init__(
        self,
        material: Material,
        request: EvaluateRequest,
        step: Step,
        names: Sequence[str] | None = None,
    ) -> None:
        self._names = tuple(request.scorers if names is None else names)
        self._material = material
        self._request = request
        self._step = step
        self._asked = Asked.of(material)
        data = material.data
        self._directions = (
            Direction.texts(data, request.resamples, request.seed),
            Direction.pictures(data, request.resamples, request.seed),
        )
        self._ranks: dict[tuple[str, str], Ranked] = {}
        self.figures = Figures()

    def run(self, scorers: Sequence[Scorer]) -> Figures:
        """Everything, for every scorer."""
        kept: dict[str, FloatArray] = {}
        for scorer in scorers:
            is_given = isinstance(scorer, GivenScorer)
            count = self._asked.texts if is_given else len(self._asked.vectors)
            vectors, languages = self._asked.vectors[:count], self._asked.languages[:count]
            scores = scorer.score(vectors, languages, self._step)
            own = scores[: self._asked.texts]
            if scorer.name in self._names:
                self._retrieval(scorer.name, own, transposed(own))
                if not is_given:
                    self._decisions(scorer, scores)
            if FUSION in self._names and scorer.name in (COSINE, MATCH):
                kept[scorer.name] = own
        if len(kept) == 2:
            there = fused(kept[COSINE], kept[MATCH])
            back = fused(transposed(kept[COSINE]), transposed(kept[MATCH]))
            self._retrieval(FUSION, there, back)
        self._compare()
        return self.figures

    def _retrieval(self, name: str, there: FloatArray, back: FloatArray) -> None:
        for scores, direction in zip((there, back), self._directions, strict=True):
            found, ranked = measure.retrieval(name, scores, direction)
            self.figures.retrieval.append(found)
            self._ranks[name, direction.name] = ranked

    def _compare(self) -> None:
        """Every scorer against the first."""
        first, *others = self._names
        for direction in self._directions:
            for other in others:
                self.figures.paired += self.against(other, first, direction)

    def against(self, one: str, other: str, direction: Direction) -> tuple[Paired, ...]:
        """Two scorers on the same queries."""
        ranks = self._ranks[one, direction.name], self._ranks[other, direction.name]
        return measure.paired(one, other, ranks, direction)

    @property
    def directions(self) -> tuple[Direction, Direction]:
        """Text -> picture and picture -> text."""
        return self._directions

    def _decisions(self, scorer: Scorer, scores: FloatArray) -> None:
        data, request = self._material.data, self._request
        self._swaps(scorer)
        self._route(scorer, scores)
        if scorer.is_probability:
            own, right = scores[: self._asked.texts], data.right
            found = measure.calibration(scorer.name, own, right, request.seed)
            self.figures.calibration.append(found)

    def _route(self, scorer: Scorer, scores: FloatArray) -> None:
        asked, data = self._asked, self._material.data
        if asked.present.any() and not asked.present.all():
            best = scores[list(asked.queries)].max(axis=1).astype(np.float64)
            present, kinds, protocol = asked.present, list(asked.kinds), "labelled"
        else:
            own = scores[: asked.texts]
            best, present, kinds = measure.left_out(own, data.right)
            protocol = "left out"
        if scorer.is_probability:
            best = probability(best.astype(np.float32)).astype(np.float64)
        threshold = self._request.threshold if scorer.is_probability else None
        self.figures.routing.append(
            measure.routing(
                scorer.name, best, present, kinds, protocol=protocol, threshold=threshold
            )
        )

    def _swaps(self, scorer: Scorer) -> None:
        pairs = [self._material.data.swapped[number] for number in self._asked.swapped]
        if not pairs:
            return
        spoken = self._material.spoken
        pictures = np.array([pair.picture for pair in pairs], np.int64)
        scored = []
        for texts in ([pair.true for pair in pairs], [pair.false for pair in pairs]):
            vectors = np.stack([spoken[text] for text in texts])
            languages = [language_of(text) for text in texts]
            found = scorer.pairs(vectors, languages, pictures, self._step)
            scored.append(found.astype(np.float64))
        good, bad = scored
        request = self._request
        found_swap = measure.swap(scorer.name, good, bad, pairs, request.resamples, request.seed)
        self.figures.swaps.append(found_swap)
