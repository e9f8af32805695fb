"""Everything that is measured of one scorer: what is scored for it, and which figures follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.data import LabelledQuery
from engine.evaluation.embeddings import EmbeddedData, matrix
from engine.evaluation.figures import (
    AskedRoutes,
    DirectedQueries,
    calibration,
    folded,
    left_out,
    paired,
    retrieval,
    routing,
    swap,
)
from engine.evaluation.results import (
    CalibrationFigures,
    FoldFigures,
    PairedDifference,
    RetrievalFigures,
    RoutingFigures,
    SizeCurve,
    SwapFigures,
)
from engine.language import language_of
from engine.requests import EvaluateRequest
from engine.results import FloatArray, IdArray
from engine.scoring.calibration import probability
from engine.scoring.decision import Zero
from engine.scoring.evidence import Tally
from engine.scoring.match import (
    MatchContext,
    background_logits,
    has_level,
    placed,
    zero_of,
    zero_sample,
)
from engine.scoring.metrics import (
    Ranked,
    transposed,
)
from engine.scoring.ranking import fused
from engine.scoring.registry import Scorer, find_scorer, parts_of
from engine.states import DataKind, PairedMeasure

Step = Callable[[int], None]
"""Hears how many texts were scored; may raise to stop."""
BLOCK = 256
"""Texts whose cosines are computed at once."""
STEP = 32
"""Texts between two steps: one takes a matcher tenths of a second in a large library."""
_PICTURES_AT_ONCE = 512
"""Scored between two steps: a matcher takes half a second for them."""
_NONE_GIVEN: Mapping[str, FloatArray] = MappingProxyType({})


def score_texts(
    scorer: Scorer,
    context: MatchContext,
    texts: FloatArray,
    languages: Sequence[str],
    step: Step = lambda _: None,
) -> FloatArray:
    """Scores of unit texts [t, dim] for every picture, [t, N]."""
    logits, columns = scorer.logits, context.matrix.columns
    if logits is None:
        raise ValueError(f"{scorer.name} scores no texts by itself")
    scores = np.empty((len(texts), columns.shape[1]), np.float32)
    for start in range(0, len(texts), BLOCK):
        cosines = texts[start : start + BLOCK] @ columns
        for first in range(0, len(cosines), STEP):
            some = cosines[first : first + STEP]
            for row, cosine in enumerate(some, start + first):
                scores[row] = logits(context, texts[row], cosine, languages[row])
            step(len(some))
    return scores


def score_pairs(
    scorer: Scorer,
    context: MatchContext,
    texts: FloatArray,
    languages: Sequence[str],
    pictures: IdArray,
    step: Step = lambda _: None,
) -> FloatArray:
    """Scores of texts [n, dim], each for one picture by its index, [n]."""
    scores = np.empty(len(texts), np.float32)
    for start in range(0, len(texts), BLOCK):
        part = slice(start, start + BLOCK)
        rows, spoken, indices = texts[part], languages[part], pictures[part]
        found = None
        if scorer.pair_logits is not None:
            found = scorer.pair_logits(context, rows, indices, spoken)
        if found is None:
            found = score_texts(scorer, context, rows, spoken)[np.arange(len(rows)), indices]
        scores[part] = found
        step(len(rows))
    return scores


class BackgroundScores:
    """The logits of background texts for the pictures of an evaluation, each scored once.

    Whatever is measured of them takes its zeros from here, in all pictures or in some of them.
    """

    def __init__(self, context: MatchContext) -> None:
        self._context = context
        self._logits: dict[tuple[bool, str], FloatArray] = {}
        """By whether a matcher takes part, and by language; [B, N], NaN for what is not scored."""

    def context_in(
        self,
        pictures: IdArray,
        scorers: Iterable[str],
        languages: Iterable[str],
        step: Step = lambda _: None,
    ) -> MatchContext:
        """The context with the zeros of a library of some pictures, as a search has them there."""
        named = {name if name in self._context.backgrounds else "" for name in languages}
        zeros = {}
        for scorer in scorers:
            for language in sorted(named):
                zero = self._zero(scorer, language, pictures, step)
                if zero is not None:
                    zeros[scorer, language] = zero
        return replace(self._context, zeros=zeros)

    def _zero(self, scorer: str, language: str, pictures: IdArray, step: Step) -> Zero | None:
        if not has_level(self._context, language):
            return None
        sample = zero_sample(self._context, scorer, language, pictures)
        logits = self._scored(scorer, language, sample, step)[:, sample]
        tally = Tally.empty(len(logits)).joined(logits)
        return zero_of(self._context, scorer, language, tally, len(pictures))

    def _scored(self, scorer: str, language: str, pictures: IdArray, step: Step) -> FloatArray:
        """The logits for all pictures, of which these are scored by now."""
        key = self._context.matcher_of(scorer) is not None, language
        if key not in self._logits:
            shape = len(self._context.background(language).random), self._context.matrix.count
            self._logits[key] = np.full(shape, np.nan, np.float32)
        found = self._logits[key]
        missing = pictures[np.isnan(found[0, pictures])]
        for start in range(0, len(missing), _PICTURES_AT_ONCE):
            some = missing[start : start + _PICTURES_AT_ONCE]
            found[:, some] = background_logits(self._context, scorer, language, some)
            step(0)
        return found


@dataclass(slots=True, kw_only=True)
class Figures:
    """What was measured so far."""

    retrieval: list[RetrievalFigures] = field(default_factory=list)
    paired: list[PairedDifference] = field(default_factory=list)
    swaps: list[SwapFigures] = field(default_factory=list)
    routing: list[RoutingFigures] = field(default_factory=list)
    by_size: list[SizeCurve] = field(default_factory=list)
    calibration: list[CalibrationFigures] = field(default_factory=list)
    folds: list[FoldFigures] = field(default_factory=list)

    def add(self, others: Figures, scorer: str) -> None:
        """Take in the figures of one other scorer under a name of its own."""
        self.retrieval += [replace(each, scorer=scorer) for each in others.retrieval]
        self.swaps += [replace(each, scorer=scorer) for each in others.swaps]
        self.routing += [replace(each, scorer=scorer) for each in others.routing]
        self.calibration += [replace(each, scorer=scorer) for each in others.calibration]


def steps_of(material: EmbeddedData, names: Sequence[str]) -> int:
    """How many texts all scorers together have to score."""
    asked = AskedTexts.of(material)
    return len(parts_of(names)) * (len(asked.vectors) + 2 * len(asked.swapped))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AskedTexts:
    """The texts that are scored against every picture: those of the data, then other queries."""

    vectors: FloatArray
    languages: tuple[str, ...]
    names: tuple[str, ...]
    """What each says."""
    texts: int
    """So many first ones are the data's."""
    labelled: tuple[LabelledQuery, ...]
    """The labelled queries whose text could be embedded."""
    queries: tuple[int, ...]
    """The row of each of them."""
    present: NDArray[np.bool_]
    kinds: tuple[str, ...]
    swapped: tuple[int, ...]
    """Indices of the swapped pairs of which both texts could be embedded."""

    @classmethod
    def of(cls, material: EmbeddedData) -> AskedTexts:
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
            names=(*data.texts, *more),
            texts=len(data.texts),
            labelled=tuple(queries),
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
        material: EmbeddedData,
        context: MatchContext,
        request: EvaluateRequest,
        step: Step,
        kept: IdArray | None = None,
        background: BackgroundScores | None = None,
    ) -> None:
        """`kept` are rows of the asked texts whose scores are wanted later; `background` is what
        others measure by, too."""
        self._kept = kept
        self.kept_scores: dict[str, FloatArray] = {}
        """Of the scorers that give probabilities, [rows, N]."""
        self._material = material
        self._context = context
        self._background = background or BackgroundScores(context)
        self._request = request
        self._step = step
        self._asked = AskedTexts.of(material)
        data = material.data
        self._directions = (
            DirectedQueries.texts(data, request.resamples, request.seed),
            DirectedQueries.pictures(data, request.resamples, request.seed),
        )
        self._ranks: dict[tuple[str, str], Ranked] = {}
        self.figures = Figures()

    def run(self, names: Sequence[str], given: Mapping[str, FloatArray] = _NONE_GIVEN) -> Figures:
        """Everything, for scorers of the registry; the first is what others are compared with.

        `given` holds scores of the data's texts for every picture, made elsewhere, by scorer.
        """
        names = tuple(dict.fromkeys(names))
        probable = [n for n in names if n not in given and find_scorer(n).gives_probability]
        every = np.arange(self._context.matrix.count)
        self._context = self._background.context_in(
            every, probable, self._asked.languages, self._step
        )
        fusions = [scorer for scorer in map(find_scorer, names) if scorer.fuses]
        fused_parts = {part for fusion in fusions for part in fusion.fuses}
        kept: dict[str, FloatArray] = {}
        for scorer in map(find_scorer, parts_of(names)):
            scores = given.get(scorer.name)
            if scores is None:
                asked = self._asked
                scores = score_texts(
                    scorer, self._context, asked.vectors, asked.languages, self._step
                )
            own = scores[: self._asked.texts]
            if scorer.name in names:
                self._retrieval(scorer.name, own, transposed(own))
                if scorer.name not in given:
                    self._decisions(scorer, scores)
                    if scorer.gives_probability and self._kept is not None:
                        self.kept_scores[scorer.name] = scores[self._kept]
            if scorer.name in fused_parts:
                kept[scorer.name] = own
        for fusion in fusions:
            one, other = (kept[part] for part in fusion.fuses)
            back = fused(transposed(one), transposed(other))
            self._retrieval(fusion.name, fused(one, other), back)
        self._compare(names)
        return self.figures

    def _retrieval(self, name: str, there: FloatArray, back: FloatArray) -> None:
        for scores, direction in zip((there, back), self._directions, strict=True):
            found, ranked = retrieval(name, scores, direction)
            self.figures.retrieval.append(found)
            self._ranks[name, direction.name] = ranked
        if self._material.data.kind is DataKind.CAPTIONS:
            self.figures.folds += folded(name, there, self._material.data.right)

    def _compare(self, names: Sequence[str]) -> None:
        """Every scorer against the first."""
        first, *others = names
        for direction in self._directions:
            for other in others:
                self.figures.paired += self.against(other, first, direction)

    def against(
        self, one: str, other: str, direction: DirectedQueries
    ) -> tuple[PairedDifference, ...]:
        """Two scorers on the same queries."""
        ranks = self._ranks[one, direction.name], self._ranks[other, direction.name]
        return paired(one, other, ranks, direction)

    def ranked(self, scorer: str, direction: DirectedQueries) -> Ranked:
        """How the queries of a direction fared by a scorer that was measured."""
        return self._ranks[scorer, direction.name]

    def value(self, scorer: str, direction: DirectedQueries, measure: str) -> float:
        """One of the figures that scorers are compared by: recall@1 or mAP."""
        found = next(
            each
            for each in self.figures.retrieval
            if (each.scorer, each.direction) == (scorer, direction.name)
        )
        return (found.r1 if measure == PairedMeasure.R1 else found.average_precision).value

    @property
    def directions(self) -> tuple[DirectedQueries, DirectedQueries]:
        """Text -> picture and picture -> text."""
        return self._directions

    def _decisions(self, scorer: Scorer, scores: FloatArray) -> None:
        data, request = self._material.data, self._request
        self._swaps(scorer)
        self._route(scorer, scores)
        if scorer.gives_probability:
            own = np.empty((self._asked.texts, scores.shape[1]), np.float32)
            for row in range(len(own)):
                own[row] = self._placed(scorer, row, scores[row])
            found = calibration(scorer.name, own, data.right, request.seed)
            self.figures.calibration.append(found)

    def _placed(self, scorer: Scorer, row: int, scores: FloatArray) -> FloatArray:
        """The scores of an asked text as a search has them, for the pictures that there are."""
        if not scorer.gives_probability:
            return scores
        asked, context = self._asked, self._context
        return placed(context, scorer.name, asked.vectors[row], scores, asked.languages[row])

    def _route(self, scorer: Scorer, scores: FloatArray) -> None:
        asked, data = self._asked, self._material.data

        placed_row = partial(self._placed, scorer)
        if asked.present.any() and not asked.present.all():
            found = AskedRoutes(
                best=np.array(
                    [placed_row(row, scores[row]).max() for row in asked.queries], np.float64
                ),
                present=asked.present,
                kinds=asked.kinds,
            )
            protocol = "labelled"
        else:
            found, protocol = left_out(scores[: asked.texts], data.right, placed_row), "left out"
        if scorer.gives_probability:
            best = probability(found.best.astype(np.float32)).astype(np.float64)
            found = replace(found, best=best)
        threshold = self._request.threshold if scorer.gives_probability else None
        self.figures.routing.append(
            routing(
                scorer.name,
                found.best,
                found.present,
                found.kinds,
                protocol=protocol,
                threshold=threshold,
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
            found = score_pairs(scorer, self._context, vectors, languages, pictures, self._step)
            scored.append(found.astype(np.float64))
        good, bad = scored
        request = self._request
        found_swap = swap(scorer.name, good, bad, pairs, request.resamples, request.seed)
        self.figures.swaps.append(found_swap)
