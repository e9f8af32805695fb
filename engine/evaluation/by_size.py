"""Routing by library size: queries whose truth is known, in seeded samples of the pictures.

Whether a library shows what a text says is decided in the library (engine/scoring/decision.py), so
one figure for one number of pictures says little of others. Here smaller libraries are drawn from
the pictures that there are: a query is present in a sample that holds one of its pictures, and
absent in one that holds none; a query that no picture answers is absent everywhere. The zero of
each sample is measured in it, as a search would. Where hardly any query is absent, as in the whole
of captioned pictures, the present ones are asked again without their own pictures.

Intervals are over queries; the same ones are drawn for every scorer and size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.embeddings import EmbeddedData
from engine.evaluation.measure import AskedTexts, BackgroundScores, Step, score_texts
from engine.evaluation.results import PairedDifference, SizeCurve, SizeFigures
from engine.results import FloatArray, IdArray
from engine.scoring.calibration import probability
from engine.scoring.match import MatchContext, best_placed, placed
from engine.scoring.metrics import RightPairs
from engine.scoring.registry import find_scorer
from engine.scoring.resampling import Draws, Floats, draw, of_resamples, paired_difference, ratios
from engine.states import Direction, PairedMeasure, QuerySet

LADDER = (100, 300, 600, 1_200, 2_500, 5_000, 10_000, 20_000, 50_000, 100_000)
NEARLY_ALL = 0.75
"""A larger part of the pictures is too much like all of them."""
SEEDS = 5
"""Samples of each size; of all pictures there is one."""
MOST_QUERIES = 1_000
FEWEST_ABSENT = 20
"""Absent queries in a sample, on average, below which present ones stand in for them."""
FEWEST_PICTURES = 4

Bools = NDArray[np.bool_]


def sizes_up_to(pictures: int) -> tuple[int, ...]:
    """The sizes of libraries that so many pictures are sampled into, ascending, all at the end."""
    below = [size for size in LADDER if size <= NEARLY_ALL * pictures]
    return (*below, pictures) if below else quarters_of(pictures)


def quarters_of(pictures: int) -> tuple[int, ...]:
    """A quarter, a half and all of some pictures, as far as these are libraries at all."""
    some = (pictures // 4, pictures // 2)
    return (*(size for size in some if size >= FEWEST_PICTURES), pictures)


@dataclass(frozen=True, kw_only=True, eq=False)
class SizedQueries:
    """Queries with the pictures that answer each."""

    texts: tuple[str, ...]
    vectors: FloatArray
    """Unit length, [Q, dim]."""
    languages: tuple[str, ...]
    answers: RightPairs
    """`text` is the index of the query."""
    cluster: IdArray
    """Queries of one cluster are drawn together, [Q]."""
    rows: IdArray
    """Of the queries among all texts that an evaluation asks, [Q]."""

    @classmethod
    def of(cls, material: EmbeddedData, seed: int, most: int = MOST_QUERIES) -> SizedQueries:
        """The labelled queries, or the texts that are right for a picture; of many, some."""
        asked, data = AskedTexts.of(material), material.data
        if asked.queries:
            rows = np.array(asked.queries, np.int64)
            pairs = [(row, pic) for row, each in enumerate(asked.labelled) for pic in each.answers]
            answers = RightPairs.of([row for row, _ in pairs], [picture for _, picture in pairs])
        else:
            rows, numbers = np.unique(data.right.text, return_inverse=True)
            answers = RightPairs.of(numbers, data.right.picture)
        kept = np.arange(len(rows))
        if len(rows) > most:
            kept = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
        new = np.full(len(rows), -1, np.int64)
        new[kept] = np.arange(len(kept))
        is_kept = new[answers.text] >= 0
        answers = RightPairs.of(new[answers.text[is_kept]], answers.picture[is_kept])
        rows = rows[kept]
        is_of_pictures = data.single_right and not asked.queries
        return cls(
            texts=tuple(asked.names[row] for row in rows),
            vectors=asked.vectors[rows],
            languages=tuple(asked.languages[row] for row in rows),
            answers=answers,
            cluster=answers.picture if is_of_pictures else np.arange(len(rows)),
            rows=rows,
        )

    def present(self, pictures: IdArray, count: int) -> Bools:
        """Which queries a library of some of `count` pictures answers, [Q]."""
        is_held = np.zeros(count, np.bool_)
        is_held[pictures] = True
        held = self.answers.text[is_held[self.answers.picture]]
        return np.bincount(held, minlength=len(self.rows)) > 0

    def own(self, query: int) -> IdArray:
        """The pictures that answer a query."""
        first, last = np.searchsorted(self.answers.text, [query, query + 1])
        return self.answers.picture[first:last]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampledLibrary:
    """A sample of the pictures."""

    size: int
    pictures: IdArray
    present: Bools
    """Which queries it answers, [Q]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """How often each query was present or absent in libraries of a size, and routed right; [Q]."""

    present: Floats
    retrieved: Floats
    """Of the times that it was present."""
    absent: Floats
    generated: Floats
    """Of the times that it was absent."""

    @property
    def has_both(self) -> bool:
        """Some query was present, and some absent."""
        return bool(self.present.any() and self.absent.any())

    def narrowed(self, chosen: Bools) -> Outcomes:
        """Those of some queries."""
        return Outcomes(
            present=self.present[chosen],
            retrieved=self.retrieved[chosen],
            absent=self.absent[chosen],
            generated=self.generated[chosen],
        )

    def values(self) -> Floats:
        """What each query adds to the balanced accuracy, which is their mean; [Q]."""
        share = self.retrieved / self.present.sum() + self.generated / self.absent.sum()
        found: Floats = len(share) * share / 2
        return found

    def figures(self, pictures: int, libraries: int, draws: Draws) -> SizeFigures:
        """Rates with their intervals."""
        parts = ((self.retrieved, self.present), (self.generated, self.absent))
        rates = [float(hits.sum() / counts.sum()) for hits, counts in parts]
        resampled = ratios(parts, draws)
        return SizeFigures(
            pictures=pictures,
            present=float(self.present.sum()) / libraries,
            absent=float(self.absent.sum()) / libraries,
            retrieved=of_resamples(rates[0], resampled[0]),
            generated=of_resamples(rates[1], resampled[1]),
            balanced=of_resamples(sum(rates) / 2, (resampled[0] + resampled[1]) / 2),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class SizedRouting:
    """Routes queries in libraries of several sizes; `step` hears of each, and may raise to stop."""

    queries: SizedQueries
    context: MatchContext
    sizes: tuple[int, ...]
    threshold: float
    resamples: int
    seed: int
    step: Step = lambda _: None
    background: BackgroundScores | None = None
    """What others measure by, too."""
    outcomes: dict[str, dict[int, Outcomes]] = field(default_factory=dict)
    """By scorer and size, as they were measured."""

    @cached_property
    def libraries(self) -> tuple[SampledLibrary, ...]:
        """The samples: of each seed, a larger one holds the smaller ones."""
        return tuple(self._samples())

    def _samples(self) -> Iterator[SampledLibrary]:
        count = self.context.matrix.count
        orders = [
            np.random.default_rng([self.seed, number]).permutation(count) for number in range(SEEDS)
        ]
        for size in self.sizes:
            for order in orders[: 1 if size == count else SEEDS]:
                pictures = np.sort(order[:size])
                present = self.queries.present(pictures, count)
                yield SampledLibrary(size=size, pictures=pictures, present=present)

    @cached_property
    def draws(self) -> Draws:
        """Of queries, the same for all."""
        return draw(self.queries.cluster, self.resamples, self.seed)

    def measure(self, scorer: str, scores: FloatArray | None = None) -> None:
        """Route by a scorer that gives probabilities; without `scores` [Q, N] they are made."""
        queries, context = self.queries, self.context
        if scores is None:
            found = find_scorer(scorer)
            scores = score_texts(found, context, queries.vectors, queries.languages)
        self.outcomes[scorer] = {size: self._routed(scorer, scores, size) for size in self.sizes}

    @cached_property
    def _levels(self) -> BackgroundScores:
        return self.background or BackgroundScores(self.context)

    def _routed(self, scorer: str, scores: FloatArray, size: int) -> Outcomes:
        some = [library for library in self.libraries if library.size == size]
        found = np.zeros((4, len(self.queries.rows)))
        absent = sum(int((~library.present).sum()) for library in some)
        are_left_out = absent < FEWEST_ABSENT * len(some)
        for library in some:
            there = self._levels.context_in(
                library.pictures, [scorer], set(self.queries.languages), self.step
            )
            here, other = library.present, ~library.present
            retrieved = self._passes(scorer, there, scores[:, library.pictures])
            found += here, here & retrieved, other, other & ~retrieved
            if are_left_out:
                asked, generated = self._without_own(scorer, there, scores, library)
                found[2:] += asked, generated
            self.step(1)
        return Outcomes(present=found[0], retrieved=found[1], absent=found[2], generated=found[3])

    def _passes(self, scorer: str, context: MatchContext, scores: FloatArray) -> Bools:
        """Which queries are retrieved for, from their scores in a library [Q, n]."""
        languages = np.array(list(map(self._language, self.queries.languages)))
        best = np.empty(len(scores), np.float32)
        for language in np.unique(languages):
            chosen = languages == language
            best[chosen] = best_placed(
                context, scorer, self.queries.vectors[chosen], scores[chosen], str(language)
            )
        return self._reaches(best)

    def _without_own(
        self, scorer: str, context: MatchContext, scores: FloatArray, library: SampledLibrary
    ) -> tuple[Bools, Bools]:
        """Which present queries could be asked without their pictures, and are generated for."""
        asked, best = np.zeros(len(scores), np.bool_), np.zeros(len(scores), np.float32)
        for query in np.flatnonzero(library.present).tolist():
            others = np.setdiff1d(library.pictures, self.queries.own(query), assume_unique=True)
            if len(others):
                text, language = self.queries.vectors[query], self.queries.languages[query]
                logits = placed(context, scorer, text, scores[query, others], language)
                asked[query], best[query] = True, logits.max()
        return asked, asked & ~self._reaches(best)

    def _reaches(self, best: FloatArray) -> Bools:
        found: Bools = probability(best) >= np.float64(self.threshold)
        return found

    def _language(self, language: str) -> str:
        """The one whose background a query is weighed against."""
        return language if language in self.context.backgrounds else ""

    @property
    def steps(self) -> int:
        """How many libraries `measure` tells `step` of, for one scorer."""
        return len(self.libraries)

    def curve(self, scorer: str, chosen: Bools | None = None) -> SizeCurve:
        """The figures of a scorer over all sizes, of all queries or of chosen ones."""
        draws = self.draws
        if chosen is not None:
            draws = draw(self.queries.cluster[chosen], self.resamples, self.seed)
        points = []
        for size, outcomes in self.outcomes[scorer].items():
            found = outcomes if chosen is None else outcomes.narrowed(chosen)
            if found.has_both:
                libraries = sum(library.size == size for library in self.libraries)
                points.append(found.figures(size, libraries, draws))
        return SizeCurve(
            scorer=scorer,
            queries=QuerySet.ALL if chosen is None else QuerySet.UNSEEN,
            samples=SEEDS,
            threshold=self.threshold,
            points=tuple(points),
        )

    def against(self, one: str, other: str, chosen: Bools | None = None) -> PairedDifference | None:
        """Two scorers' mean balanced accuracy over sizes, paired by queries.

        None where no size has queries of both kinds.
        """
        every = np.ones(len(self.queries.rows), np.bool_) if chosen is None else chosen
        values: dict[str, list[Floats]] = {one: [], other: []}
        for name, found in values.items():
            for outcomes in self.outcomes[name].values():
                part = outcomes.narrowed(every)
                found += [part.values()] if part.has_both else []
        if not values[one]:
            return None
        draws = draw(self.queries.cluster[every], self.resamples, self.seed)
        means = [np.mean(values[name], axis=0) for name in (one, other)]
        difference, p = paired_difference(means[0], means[1], draws)
        return PairedDifference(
            one=one,
            other=other,
            direction=Direction.TEXT_TO_PICTURE,
            measure=PairedMeasure.ROUTING if chosen is None else PairedMeasure.UNSEEN_ROUTING,
            difference=difference,
            p=p,
        )
