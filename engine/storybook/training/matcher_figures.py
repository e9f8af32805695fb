"""Figures of a matcher: swapped captions against cosine, routing, calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.storybook.measures import Texts, area_under_curve, swapped_claims
from engine.storybook.queries import Query
from engine.storybook.scene import Scene
from engine.storybook.training.matcher_fit import Floats, MatcherWeights, Pairs, pair_logits

BINS = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Swaps:
    """Area under the curve of true captions against swapped ones."""

    match: float
    cosine: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Routing:
    """Share of queries that a threshold of 0.5 sends the right way, by kind and over all."""

    accuracy: float
    by_kind: dict[str, float]
    wrong: tuple[str, ...]
    """Queries sent the wrong way, with their best match."""


def probability(logits: Floats) -> Floats:
    """The logistic function."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=np.float32)


def every_pair(weights: MatcherWeights, texts: Floats, pictures: Floats) -> Floats:
    """Match of every text with every picture, [texts, pictures]."""
    text, picture = np.divmod(np.arange(len(texts) * len(pictures)), len(pictures))
    pairs = Pairs(
        texts=texts,
        pictures=pictures,
        text=text,
        picture=picture,
        label=np.zeros(len(text), dtype=np.float32),
    )
    return probability(pair_logits(weights, pairs)).reshape(len(texts), len(pictures))


def swaps(
    weights: MatcherWeights, scenes: Sequence[Scene], pictures: Floats, texts: Texts
) -> Swaps:
    """Level-2 and full captions against the same with one attribute exchanged."""
    true, false = swapped_claims(scenes)
    rows = np.tile(np.arange(len(scenes)), 2)
    scores = []
    for claims in (true, false):
        vectors = texts.vectors(claims)
        pairs = Pairs(
            texts=vectors,
            pictures=pictures,
            text=np.arange(len(claims)),
            picture=rows,
            label=np.zeros(len(claims), dtype=np.float32),
        )
        cosine = np.einsum("nd,nd->n", vectors, pictures[rows])
        scores.append((pair_logits(weights, pairs), cosine))
    (good, good_cosine), (bad, bad_cosine) = scores
    return Swaps(
        match=area_under_curve(good, bad), cosine=area_under_curve(good_cosine, bad_cosine)
    )


def routing(queries: Sequence[Query], matches: Floats, threshold: float = 0.5) -> Routing:
    """Routing of queries whose matches with every picture are [queries, pictures]."""
    best = matches.max(axis=1)
    right = (best >= threshold) == np.array([query.answered for query in queries])
    kinds = np.array([query.kind for query in queries])
    return Routing(
        accuracy=float(right.mean()),
        by_kind={str(kind): float(right[kinds == kind].mean()) for kind in np.unique(kinds)},
        wrong=tuple(
            f"{query.caption.text} ({value:.2f})"
            for query, value, ok in zip(queries, best, right, strict=True)
            if not ok
        ),
    )


def calibration_error(match: Floats, label: Floats) -> float:
    """Expected calibration error over equal bins of probability."""
    bins = np.minimum((match * BINS).astype(int), BINS - 1)
    total = 0.0
    for number in range(BINS):
        inside = bins == number
        if inside.any():
            total += inside.mean() * abs(float(match[inside].mean() - label[inside].mean()))
    return float(total)
