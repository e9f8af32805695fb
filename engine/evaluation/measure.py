"""Everything that is measured of one scorer, from its score matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.bootstrap import Draws, draw, means, median, of_resamples, paired_difference
from engine.evaluation.data import Data, Right, SwappedPair
from engine.evaluation.decisions import (
    auc,
    brier,
    calibration_error,
    curve,
    decide,
    reliability,
    resampled_auc,
)
from engine.evaluation.ranks import Ranked, rank_queries
from engine.evaluation.results import (
    PICTURE_TO_TEXT,
    TEXT_TO_PICTURE,
    Calibration,
    Group,
    Paired,
    Retrieval,
    Routing,
    Swap,
)
from engine.results import FloatArray, IdArray
from engine.scoring.ranking import probability

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Direction:
    """One way to ask of a data set, the same for every scorer."""

    name: str
    right: Right
    """`text` holds the queries, `picture` the candidates."""
    candidates: int
    draws: Draws
    groups: tuple[str, ...] = ()

    @classmethod
    def texts(cls, data: Data, resamples: int, seed: int) -> Direction:
        """Text -> picture; captions of one picture are drawn together."""
        queries, first = np.unique(data.right.text, return_index=True)
        cluster = data.right.picture[first] if data.single_right else queries
        return cls(
            name=TEXT_TO_PICTURE,
            right=data.right,
            candidates=len(data.pictures),
            draws=draw(cluster, resamples, seed),
            groups=tuple(data.groups[i] for i in queries) if data.groups else (),
        )

    @classmethod
    def pictures(cls, data: Data, resamples: int, seed: int) -> Direction:
        """Picture -> text."""
        right = data.right.flipped()
        return cls(
            name=PICTURE_TO_TEXT,
            right=right,
            candidates=len(data.texts),
            draws=draw(np.unique(right.text), resamples, seed),
        )


def retrieval(scorer: str, scores: FloatArray, direction: Direction) -> tuple[Retrieval, Ranked]:
    """Ranks and their figures, from scores [queries, candidates]."""
    ranked = rank_queries(scores, direction.right)
    draws = direction.draws
    first = ranked.first
    within = [(first <= k).astype(np.float64) for k in (1, 5, 10)]
    r1, r5, r10, mrr, precision = means([*within, 1 / first, ranked.precision], draws)
    found = Retrieval(
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
    )
    return found, ranked


def paired(
    one: str, other: str, ranks: tuple[Ranked, Ranked], direction: Direction
) -> tuple[Paired, ...]:
    """`one` against `other` on the same queries: r@1, and mAP where there are several right."""
    mine, theirs = ranks
    measures = {"r@1": tuple((ranked.first <= 1).astype(np.float64) for ranked in ranks)}
    if (mine.rights > 1).any():
        measures["map"] = mine.precision, theirs.precision
    results = []
    for measure, (ours, others) in measures.items():
        difference, p = paired_difference(ours, others, direction.draws)
        results.append(
            Paired(
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
) -> Swap:
    """The scores of the true texts of pairs [n], and of the swapped ones [n]."""
    apart = (good > bad) + 0.5 * (good == bad)
    attributes = np.array([pair.attribute for pair in pairs])
    random = np.random.default_rng(seed)
    # A picture has several pairs; a fifth of the resamples is enough for an area.
    owners = np.array([pair.picture for pair in pairs])
    draws = (_drawn(owners, random) for _ in range(resamples // 5))
    return Swap(
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
) -> Routing:
    """Decisions from the best score of each query, [Q]."""
    points, most = curve(best, present)
    at = None if threshold is None else decide(best, present, threshold)
    right = (best >= (at or most).threshold) == present
    names = np.array(kinds)
    return Routing(
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


def left_out(scores: FloatArray, right: Right) -> tuple[Floats, NDArray[np.bool_], list[str]]:
    """Best scores of texts asked with all pictures, and asked without their right ones.

    A text of which every picture is right is asked once only.
    """
    queries = np.unique(right.text)
    whole = scores[queries].max(axis=1)
    without = scores.copy()
    without[right.text, right.picture] = -np.inf
    rest = without[queries].max(axis=1)
    rest = rest[np.isfinite(rest)]
    best = np.concatenate([whole, rest]).astype(np.float64)
    present = np.arange(len(best)) < len(queries)
    return best, present, ["present"] * len(queries) + ["absent"] * len(rest)


def calibration(scorer: str, odds: FloatArray, right: Right, seed: int) -> Calibration:
    """Right pairs, and for each a random wrong picture of its text; from log odds [texts, N]."""
    chosen = _wrong(odds.shape, right, np.random.default_rng(seed))
    kept = chosen >= 0
    wrong = odds[right.text[kept], chosen[kept]]
    both = np.concatenate([odds[right.text, right.picture], wrong])
    label = np.arange(len(both)) < len(right.text)
    chance = probability(both).astype(np.float64)
    bins = reliability(chance, label)
    return Calibration(
        scorer=scorer,
        pairs=len(both),
        error=calibration_error(bins),
        brier=brier(chance, label),
        bins=bins,
    )


def _wrong(shape: tuple[int, ...], right: Right, random: np.random.Generator) -> IdArray:
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


def _groups(ranked: Ranked, groups: tuple[str, ...]) -> tuple[Group, ...]:
    names = np.array(groups)
    return tuple(
        Group(
            name=str(name),
            queries=int((names == name).sum()),
            r1=float((ranked.first[names == name] <= 1).mean()),
            r10=float((ranked.first[names == name] <= 10).mean()),
            average_precision=float(ranked.precision[names == name].mean()),
        )
        for name in np.unique(names)
    )


def _drawn(owners: IdArray, random: np.random.Generator) -> IdArray:
    """Rows of as many clusters as there are, drawn with replacement."""
    order = np.argsort(owners, kind="stable")
    _, start, counts = np.unique(owners[order], return_index=True, return_counts=True)
    drawn = random.integers(0, len(start), len(start))
    sizes = counts[drawn]
    offsets = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rows: IdArray = order[np.repeat(start[drawn], sizes) + offsets]
    return rows
