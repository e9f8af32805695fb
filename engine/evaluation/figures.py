"""The figures of an evaluation, each from matrices of scores and what is known to be right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.data import Data, SwappedPair
from engine.evaluation.results import (
    CalibrationFigures,
    CutFigures,
    FoldFigures,
    GroupFigures,
    PairedDifference,
    RetrievalFigures,
    RoutingFigures,
    SwapFigures,
)
from engine.results import FloatArray, IdArray
from engine.scoring.calibration import probability
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
from engine.scoring.resampling import Draws, draw, means, median, of_resamples, paired_difference
from engine.states import Direction, PairedMeasure, QueryKind

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
