"""Everything that is measured of one scorer, from its score matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.data import Data, LabelledQuery, SwappedPair
from engine.evaluation.embeddings import EmbeddedData, matrix
from engine.evaluation.results import (
    CalibrationFigures,
    CutFigures,
    FoldFigures,
    GroupFigures,
    PairedDifference,
    RetrievalFigures,
    RoutingFigures,
    SizeCurve,
    SwapFigures,
)
from engine.language import language_of
from engine.requests import EvaluateRequest
from engine.results import FloatArray, IdArray
from engine.scoring.match import MatchContext, placed, with_zeros
from engine.scoring.metrics import (
    Ranked,
    RightPairs,
    auc,
    brier,
    calibration_error,
    curve,
    decide,
    interpolated_precision,
    ndcg_at,
    precision_at,
    rank_queries,
    reliability,
    resampled_auc,
    transposed,
)
from engine.scoring.ranking import fused, probability
from engine.scoring.registry import Scorer, find_scorer, parts_of
from engine.scoring.resampling import Draws, draw, means, median, of_resamples, paired_difference
from engine.states import DataKind, Direction, PairedMeasure, QueryKind

Floats = NDArray[np.float64]
CUTS = (1, 5, 10)
"""The first so many candidates that precision and nDCG are of."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DirectedQueries:
    """One way to ask of a data set, the same for every scorer."""

    name: str
    right: RightPairs
    """`text` holds the queries, `picture` the candidates."""
    candidates: int
    draws: Draws
    groups: tuple[str, ...] = ()

    @classmethod
    def texts(cls, data: Data, resamples: int, seed: int) -> DirectedQueries:
        """Text -> picture; captions of one picture are drawn together."""
        queries, first = np.unique(data.right.text, return_index=True)
        cluster = data.right.picture[first] if data.single_right else queries
        return cls(
            name=Direction.TEXT_TO_PICTURE,
            right=data.right,
            candidates=len(data.pictures),
            draws=draw(cluster, resamples, seed),
            groups=tuple(data.groups[i] for i in queries) if data.groups else (),
        )

    @classmethod
    def pictures(cls, data: Data, resamples: int, seed: int) -> DirectedQueries:
        """Picture -> text."""
        right = data.right.flipped()
        return cls(
            name=Direction.PICTURE_TO_TEXT,
            right=right,
            candidates=len(data.texts),
            draws=draw(np.unique(right.text), resamples, seed),
        )


def retrieval(
    scorer: str, scores: FloatArray, direction: DirectedQueries
) -> tuple[RetrievalFigures, Ranked]:
    """Ranks and their figures, from scores [queries, candidates]."""
    ranked = rank_queries(scores, direction.right)
    draws = direction.draws
    first = ranked.first
    within = [(first <= k).astype(np.float64) for k in (1, 5, 10)]
    at = [figure(ranked, k) for figure in (precision_at, ndcg_at) for k in CUTS]
    r1, r5, r10, mrr, precision, *cut = means([*within, 1 / first, ranked.precision, *at], draws)
    found = RetrievalFigures(
        scorer=scorer,
        direction=direction.name,
        queries=len(ranked.query),
        candidates=direction.candidates,
        r1=r1,
        r5=r5,
        r10=r10,
        median_rank=median(first, draws),
        mrr=mrr,
        average_precision=precision,
        share10=float(ranked.share.mean()) if len(first) else 0.0,
        rights=float(ranked.rights.mean()) if len(first) else 0.0,
        groups=_groups(ranked, direction.groups),
        cuts=tuple(
            CutFigures(k=k, precision=cut[i], ndcg=cut[len(CUTS) + i]) for i, k in enumerate(CUTS)
        ),
        curve=_mean_curve(ranked),
    )
    return found, ranked


def _mean_curve(ranked: Ranked) -> tuple[float, ...]:
    if not len(ranked.query):
        return ()
    return tuple(map(float, interpolated_precision(ranked).mean(axis=0)))


FOLDS, FOLD_PICTURES = 5, 1_000
"""Those of COCO's 1K protocol (Karpathy & Fei-Fei 2015; Faghri et al. 2018)."""


def folded(
    scorer: str,
    scores: FloatArray,
    right: RightPairs,
    *,
    folds: int = FOLDS,
    pictures: int = FOLD_PICTURES,
) -> tuple[FoldFigures, ...]:
    """Figures both ways as the mean over folds of the pictures in their order, as COCO's 1K ones.

    Each fold is asked with the texts that are right for its pictures, and nothing else is a
    candidate; from scores [texts, pictures]. None where the pictures do not fill all folds.
    """
    if scores.shape[1] < folds * pictures:
        return ()
    ranks: dict[Direction, list[Ranked]] = {direction: [] for direction in Direction}
    for first in range(0, folds * pictures, pictures):
        inside = (right.picture >= first) & (right.picture < first + pictures)
        rows, text = np.unique(right.text[inside], return_inverse=True)
        own = RightPairs.of(text, right.picture[inside] - first)
        part = np.ascontiguousarray(scores[rows, first : first + pictures])
        ranks[Direction.TEXT_TO_PICTURE].append(rank_queries(part, own))
        ranks[Direction.PICTURE_TO_TEXT].append(rank_queries(transposed(part), own.flipped()))
    return tuple(
        FoldFigures(
            scorer=scorer,
            direction=direction,
            folds=folds,
            pictures=pictures,
            queries=float(np.mean([len(each.query) for each in some])),
            r1=_within(some, 1),
            r5=_within(some, 5),
            r10=_within(some, 10),
            median_rank=float(np.mean([np.median(each.first) for each in some])),
        )
        for direction, some in ranks.items()
        if all(len(each.query) for each in some)
    )


def _within(folds: Sequence[Ranked], k: int) -> float:
    """Recall@k, the mean over folds."""
    return float(np.mean([(ranked.first <= k).mean() for ranked in folds]))


def paired(
    one: str, other: str, ranks: tuple[Ranked, Ranked], direction: DirectedQueries
) -> tuple[PairedDifference, ...]:
    """`one` against `other` on the same queries: r@1, and mAP where there are several right."""
    mine, theirs = ranks
    measures = {PairedMeasure.R1: tuple((ranked.first <= 1).astype(np.float64) for ranked in ranks)}
    if (mine.rights > 1).any():
        measures[PairedMeasure.MAP] = mine.precision, theirs.precision
    results = []
    for measure, (ours, others) in measures.items():
        difference, p = paired_difference(ours, others, direction.draws)
        results.append(
            PairedDifference(
                one=one,
                other=other,
                direction=direction.name,
                measure=measure,
                difference=difference,
                p=p,
            )
        )
    return tuple(results)


def swap(
    scorer: str,
    good: Floats,
    bad: Floats,
    pairs: Sequence[SwappedPair],
    resamples: int,
    seed: int,
) -> SwapFigures:
    """The scores of the true texts of pairs [n], and of the swapped ones [n]."""
    apart = (good > bad) + 0.5 * (good == bad)
    attributes = np.array([pair.attribute for pair in pairs])
    random = np.random.default_rng(seed)
    # A picture has several pairs; a fifth of the resamples is enough for an area.
    owners = np.array([pair.picture for pair in pairs])
    draws = (_resampled_rows(owners, random) for _ in range(resamples // 5))
    return SwapFigures(
        scorer=scorer,
        pairs=len(good),
        auc=of_resamples(auc(good, bad), resampled_auc(good, bad, draws)),
        told_apart=float(apart.mean()),
        attributes=tuple(
            (str(name), int((attributes == name).sum()), float(apart[attributes == name].mean()))
            for name in np.unique(attributes)
        ),
    )


def routing(
    scorer: str,
    best: Floats,
    present: NDArray[np.bool_],
    kinds: Sequence[str],
    *,
    protocol: str,
    threshold: float | None,
) -> RoutingFigures:
    """Decisions from the best score of each query, [Q]."""
    points, most = curve(best, present)
    at = None if threshold is None else decide(best, present, threshold)
    right = (best >= (at or most).threshold) == present
    names = np.array(kinds)
    return RoutingFigures(
        scorer=scorer,
        protocol=protocol,
        present=int(present.sum()),
        absent=int((~present).sum()),
        at=at,
        best=most,
        curve=points,
        kinds=tuple(
            (str(name), int((names == name).sum()), float(right[names == name].mean()))
            for name in np.unique(names)
        ),
    )


Place = Callable[[int, FloatArray], FloatArray]
"""Makes scores of a text, by its row, and of some pictures, into those that decide about it."""


def _as_it_is(_row: int, scores: FloatArray) -> FloatArray:
    return scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AskedRoutes:
    """The best scores of queries that have an answer or have none."""

    best: Floats
    present: NDArray[np.bool_]
    kinds: tuple[str, ...]


def left_out(scores: FloatArray, right: RightPairs, place: Place = _as_it_is) -> AskedRoutes:
    """Texts asked with all pictures, and asked without their right ones.

    A text of which every picture is right is asked once only.
    """
    queries = np.unique(right.text)
    whole, rest = [], []
    others = np.ones(scores.shape, np.bool_)
    others[right.text, right.picture] = False
    for row in queries.tolist():
        whole.append(float(place(row, scores[row]).max()))
        if others[row].any():
            rest.append(float(place(row, scores[row, others[row]]).max()))
    return AskedRoutes(
        best=np.array([*whole, *rest], np.float64),
        present=np.arange(len(whole) + len(rest)) < len(whole),
        kinds=(QueryKind.PRESENT,) * len(whole) + (QueryKind.ABSENT,) * len(rest),
    )


def calibration(
    scorer: str, logits: FloatArray, right: RightPairs, seed: int
) -> CalibrationFigures:
    """Right pairs, and for each a random wrong picture of its text; from logits [texts, N]."""
    chosen = _wrong(logits.shape, right, np.random.default_rng(seed))
    kept = chosen >= 0
    wrong = logits[right.text[kept], chosen[kept]]
    both = np.concatenate([logits[right.text, right.picture], wrong])
    label = np.arange(len(both)) < len(right.text)
    chance = probability(both).astype(np.float64)
    bins = reliability(chance, label)
    return CalibrationFigures(
        scorer=scorer,
        pairs=len(both),
        error=calibration_error(bins),
        brier=brier(chance, label),
        bins=bins,
    )


def _wrong(shape: tuple[int, ...], right: RightPairs, random: np.random.Generator) -> IdArray:
    """A wrong picture for each right pair; -1 where twenty draws found none."""
    width = shape[1]
    known = right.text * width + right.picture
    chosen = random.integers(0, width, len(right.text))
    for _ in range(20):
        bad = np.isin(right.text * width + chosen, known)
        if not bad.any():
            return chosen
        chosen[bad] = random.integers(0, width, int(bad.sum()))
    chosen[np.isin(right.text * width + chosen, known)] = -1
    return chosen


def _groups(ranked: Ranked, groups: tuple[str, ...]) -> tuple[GroupFigures, ...]:
    names = np.array(groups)
    return tuple(
        GroupFigures(
            name=str(name),
            queries=int((names == name).sum()),
            r1=float((ranked.first[names == name] <= 1).mean()),
            r10=float((ranked.first[names == name] <= 10).mean()),
            average_precision=float(ranked.precision[names == name].mean()),
        )
        for name in np.unique(names)
    )


def _resampled_rows(owners: IdArray, random: np.random.Generator) -> IdArray:
    """Rows of as many clusters as there are, drawn with replacement."""
    order = np.argsort(owners, kind="stable")
    _, start, counts = np.unique(owners[order], return_index=True, return_counts=True)
    drawn = random.integers(0, len(start), len(start))
    sizes = counts[drawn]
    offsets = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rows: IdArray = order[np.repeat(start[drawn], sizes) + offsets]
    return rows


Step = Callable[[int], None]
"""Hears how many texts were scored; may raise to stop."""
BLOCK = 256
"""Texts whose cosines are computed at once."""
STEP = 32
"""Texts between two steps: one takes a matcher tenths of a second in a large library."""
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
    ) -> None:
        """`kept` are rows of the asked texts whose scores are wanted later."""
        self._kept = kept
        self.kept_scores: dict[str, FloatArray] = {}
        """Of the scorers that give probabilities, [rows, N]."""
        self._material = material
        self._context = context
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
        self._context = with_zeros(self._context, probable)
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
