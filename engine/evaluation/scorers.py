"""The scorers under one protocol: many texts against many pictures, and single pairs of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cache.labels import CalibrationRecord
from engine.results import FloatArray, IdArray
from engine.scoring import label_free
from engine.scoring.calibration import calibrated
from engine.scoring.label_free import Background, BackgroundPrompts
from engine.scoring.matcher import Matcher

Step = Callable[[int], None]
"""Gets how many texts were scored; may raise to stop."""

BLOCK = 256
FUSION_CONSTANT = 60
"""The k of reciprocal rank fusion (Cormack et al. 2009)."""


class Scorer(Protocol):
    """Scores texts against the pictures it was made for."""

    @property
    def name(self) -> str: ...

    @property
    def is_probability(self) -> bool:
        """The scores are log odds; their logistic function is a probability."""
        ...

    def score(self, texts: FloatArray, languages: Sequence[str], step: Step) -> FloatArray:
        """Scores of unit texts [t, d] for every picture, [t, N]; higher is better."""
        ...

    def pairs(
        self, texts: FloatArray, languages: Sequence[str], pictures: IdArray, step: Step
    ) -> FloatArray:
        """Scores of texts [n, d], each for one picture, [n]."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CosineScorer:
    """t . i."""

    columns: FloatArray
    """Unit pictures, [d, N]."""
    name: str = "cosine"
    is_probability: bool = False

    def score(self, texts: FloatArray, languages: Sequence[str], step: Step) -> FloatArray:
        scores = np.empty((len(texts), self.columns.shape[1]), np.float32)
        for start in range(0, len(texts), 8 * BLOCK):
            part = slice(start, start + 8 * BLOCK)
            np.matmul(texts[part], self.columns, out=scores[part])
            step(len(texts[part]))
        return scores

    def pairs(
        self, texts: FloatArray, languages: Sequence[str], pictures: IdArray, step: Step
    ) -> FloatArray:
        scores: FloatArray = np.einsum("nd,dn->n", texts, self.columns[:, pictures])
        step(len(texts))
        return scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """What texts of one language are held against."""

    background: Background
    random: FloatArray
    """Random texts, that the prior of a text is taken from, [B, dim]."""
    shift: float
    are_rivals: bool
    calibration: CalibrationRecord | None = None
    """What labels did to it."""

    @classmethod
    def of(cls, bank: BackgroundPrompts, columns: FloatArray, scale: float) -> Ground:
        """As a search takes it: rivals where enough are known, else the random texts."""
        known = len(bank.rivals)
        are_rivals = min(known, len(bank.vectors)) >= label_free.ENOUGH
        vectors = bank.rivals if are_rivals else bank.vectors
        return cls(
            background=label_free.prepare(vectors, columns, scale),
            random=bank.vectors,
            shift=label_free.rival_shift(known, bank.listed) if are_rivals else 0.0,
            are_rivals=are_rivals,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelFreeScorer:
    """`match` without labels, as a search computes it."""

    columns: FloatArray
    grounds: Mapping[str, Ground]
    """By language; an empty name stands for every other language."""
    scale: float
    name: str = "label-free"
    is_probability: bool = True

    def score(self, texts: FloatArray, languages: Sequence[str], step: Step) -> FloatArray:
        scores = np.empty((len(texts), self.columns.shape[1]), np.float32)
        for start in range(0, len(texts), BLOCK):
            cosines = texts[start : start + BLOCK] @ self.columns
            for row, cosine in enumerate(cosines, start):
                scores[row] = self._odds(texts[row], languages[row], cosine)
            step(len(cosines))
        return scores

    def pairs(
        self, texts: FloatArray, languages: Sequence[str], pictures: IdArray, step: Step
    ) -> FloatArray:
        scores = np.empty(len(texts), np.float32)
        for start in range(0, len(texts), BLOCK):
            part = slice(start, start + BLOCK)
            # What a search says of a picture may depend on the whole library.
            odds = self.score(texts[part], languages[part], step)
            scores[part] = odds[np.arange(len(odds)), pictures[part]]
        return scores

    def _odds(self, text: FloatArray, language: str, cosine: FloatArray) -> FloatArray:
        ground = self.grounds.get(language, self.grounds[""])
        if len(ground.background.vectors) < label_free.ENOUGH:
            return label_free.rough_log_odds(cosine, self.scale)
        odds = label_free.log_odds(
            ground.background,
            text,
            cosine,
            self.columns,
            shift=label_free.prior_of(ground.random, text) + ground.shift,
            are_rivals=ground.are_rivals,
        )
        found = ground.calibration
        return odds if found is None else calibrated(odds, found.scale, found.shift)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatcherScorer:
    """`match` by a trained matcher."""

    columns: FloatArray
    matcher: Matcher
    name: str = "match"
    is_probability: bool = True

    def score(self, texts: FloatArray, languages: Sequence[str], step: Step) -> FloatArray:
        scores = np.empty((len(texts), self.columns.shape[1]), np.float32)
        for row, text in enumerate(texts):
            scores[row] = self.matcher.log_odds(text, self.columns)
            if row % 32 == 31 or row == len(texts) - 1:
                step(row % 32 + 1)
        return scores

    def pairs(
        self, texts: FloatArray, languages: Sequence[str], pictures: IdArray, step: Step
    ) -> FloatArray:
        scores = np.empty(len(texts), np.float32)
        for row, picture in enumerate(pictures):
            column = self.columns[:, picture : picture + 1]
            scores[row] = self.matcher.log_odds(texts[row], column)[0]
        step(len(texts))
        return scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GivenScorer:
    """Scores that were made elsewhere, for known texts and the pictures of an evaluation."""

    texts: FloatArray
    """[T, dim]."""
    scores: FloatArray
    """[T, N]."""
    name: str
    is_probability: bool = True

    def score(self, texts: FloatArray, languages: Sequence[str], step: Step) -> FloatArray:
        """Raises ValueError for other texts than the first ones that were scored."""
        if not np.array_equal(texts, self.texts[: len(texts)]):
            raise ValueError(f"{self.name} has scored other texts")
        step(len(texts))
        return self.scores[: len(texts)]

    def pairs(
        self, texts: FloatArray, languages: Sequence[str], pictures: IdArray, step: Step
    ) -> FloatArray:
        """Raises ValueError: single pairs were not scored."""
        raise ValueError(f"{self.name} has scored no other pairs")


def fused(one: FloatArray, other: FloatArray) -> FloatArray:
    """Reciprocal rank fusion of the rows of two [queries, candidates] score matrices."""
    total = np.zeros(one.shape, np.float32)
    for scores in (one, other):
        order = np.argsort(-scores, axis=1, kind="stable")
        ranks: IdArray = np.empty_like(order)
        np.put_along_axis(ranks, order, np.arange(1, scores.shape[1] + 1)[None, :], axis=1)
        total += (1 / (FUSION_CONSTANT + ranks)).astype(np.float32)
    return total
