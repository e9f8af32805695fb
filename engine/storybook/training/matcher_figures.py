"""Figures of a matcher: swapped captions against cosine, routing, calibration."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from engine.scoring.matcher import Matcher
from engine.scoring.metrics import auc, calibration_error, reliability
from engine.storybook.claims import Claim
from engine.storybook.measures import Texts, swapped_claims
from engine.storybook.queries import Query
from engine.storybook.scene import Scene
from engine.storybook.truth import truth_matrix
from engine.workers.labelled import Floats, MatcherWeights, Pairs, pair_logits


@dataclass(frozen=True, kw_only=True, slots=True)
class Swaps:
    """Area under the curve of true captions against swapped ones."""

    match: float
    cosine: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Rankings:
    """Share of level-2 captions whose best picture satisfies them, by what ranks the pictures."""

    match: float
    cosine: float
    both: float
    """By the log odds of the match plus 30 times the cosine, about its scale in training."""


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
    return probability(every_log_odds(weights, texts, pictures))


def every_log_odds(weights: MatcherWeights, texts: Floats, pictures: Floats) -> Floats:
    """Log odds of every text with every picture, [texts, pictures], as a search scores them."""
    matcher = Matcher(**asdict(weights), encoder_id="", report="")
    columns = np.ascontiguousarray(pictures.T)
    return np.stack([matcher.logits(text, columns) for text in texts])


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
    return Swaps(match=auc(good, bad), cosine=auc(good_cosine, bad_cosine))


def rankings(
    weights: MatcherWeights,
    claims: Sequence[Claim],
    scenes: Sequence[Scene],
    pictures: Floats,
    texts: Texts,
) -> Rankings:
    """Precision of the first picture by match, by cosine, and by both."""
    true = truth_matrix(claims, scenes).T
    vectors = texts.vectors(claims)
    cosine = vectors @ pictures.T
    odds = every_log_odds(weights, vectors, pictures)
    rows = np.arange(len(claims))
    match, plain, both = (
        float(true[rows, scores.argmax(axis=1)].mean())
        for scores in (odds, cosine, odds + 30.0 * cosine)
    )
    return Rankings(match=match, cosine=plain, both=both)


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


def expected_error(match: Floats, holds: Floats | NDArray[np.int64]) -> float:
    """Expected calibration error of pairs, as an evaluation measures it; `holds` is 1 or 0."""
    return calibration_error(reliability(match.astype(np.float64), holds > 0))
