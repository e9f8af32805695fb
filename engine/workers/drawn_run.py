"""A training on drawn scenes, from vectors to a calibrated matcher."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import torch
from numpy.typing import NDArray

from engine.storybook.training.drawn import TRAIN, VALIDATION, DrawnSet, drawn_set
from engine.storybook.training.matcher_material import Material
from engine.storybook.training.matcher_rounds import FIT, fit_in_rounds
from engine.storybook.truth import truth_matrix
from engine.workers.fitting import Fit, Measured, Tell, Told, area, measured
from engine.workers.labelled import Floats, MatcherWeights, calibrated, pair_logits
from engine.workers.pairs import as_pairs

LOOKED_AT = 300
"""Captions and pictures that validation looks at."""


def fit_drawn(
    counts: tuple[int, int],
    train: tuple[Floats, Floats],
    validation: tuple[Floats, Floats],
    fit: Fit,
    tell: Tell,
) -> tuple[MatcherWeights, Measured]:
    """Fit on texts and pictures of the train set, calibrate on those of the other, measure."""
    learned = drawn_set(TRAIN, counts[0]).material(*train)
    watched = drawn_set(VALIDATION, counts[1]).material(*validation)
    looking = _Watch(watched, fit, tell)
    weights = calibrated(fit_in_rounds(learned, fit, heard=looking.hear), watched.pairs())
    return weights, looking.look(weights)


def fit_of(settings: dict[str, object]) -> Fit:
    """How to fit, with what was asked for in the place of what is usual."""
    asked = {name: int(str(settings[name])) for name in ("hidden", "epochs", "seed")}
    return replace(FIT, **asked)


class _Watch:
    """Measures after each epoch and passes on what is heard."""

    def __init__(self, material: Material, fit: Fit, tell: Tell) -> None:
        self._fit, self._tell = fit, tell
        self._pairs = material.pairs()
        captions = material.made.captions[:LOOKED_AT]
        scenes = material.scenes[:LOOKED_AT]
        picture, text = np.nonzero(truth_matrix([each.claim for each in captions], scenes))
        self._texts = material.texts[: len(captions)]
        self._pictures = material.pictures[: len(scenes)]
        nothing = np.zeros((0, self._texts.shape[1]), np.float32)
        arrays: dict[str, NDArray[np.generic]] = {
            "texts": self._texts,
            "pictures": self._pictures,
            "text": text,
            "picture": picture,
            "false": nothing,
            "false_of": np.zeros(0, np.int64),
        }
        self._right = as_pairs(arrays, "cpu")
        self._now = self._best = Measured(average_precision=0.0, recall=0.0)
        self._early = max(1, fit.epochs // 2)

    def hear(
        self, number: int, step: int, steps: int, loss: float, weights: MatcherWeights | None
    ) -> None:
        """Two rounds count as one training; the first takes half as many epochs."""
        epochs = self._early if number == 1 else self._fit.epochs
        each = max(1, steps // max(1, epochs))
        before = 0 if number == 1 else self._early * each
        if weights is not None:
            self._now = self._best = self.look(weights)
        self._tell(
            Told(
                stage="step" if weights is None else "epochs",
                step=before + step,
                steps=(self._early + self._fit.epochs) * each,
                epoch=(before + step) // each,
                epochs=self._early + self._fit.epochs,
                loss=loss,
                average_precision=self._now.average_precision,
                recall=self._now.recall,
                apart=self._now.apart,
                best=self._best.average_precision,
                since=0,
                patience=0,
            )
        )

    def look(self, weights: MatcherWeights) -> Measured:
        """How well weights do on pairs that are not learned from."""
        from engine.scoring.matcher import Matcher

        matcher = Matcher(**asdict(weights), encoder_id="", report="")
        columns = np.ascontiguousarray(self._pictures.T)
        scores = np.stack([matcher.log_odds(text, columns) for text in self._texts])
        found = measured(torch.from_numpy(scores), self._right)
        odds = torch.from_numpy(pair_logits(weights, self._pairs))
        return replace(found, apart=area(odds, torch.from_numpy(self._pairs.label)))


def captions_of(name: str, count: int) -> list[str]:
    """What is said of a set's pictures, each text once, in the order of its material."""
    return [caption.text for caption in drawn_set(name, count).pairs().captions]


_SETS: dict[tuple[str, int], DrawnSet] = {}


def cached_set(name: str, count: int) -> DrawnSet:
    """A set, sampled once for all calls that draw parts of it."""
    if (name, count) not in _SETS:
        _SETS[name, count] = drawn_set(name, count)
    return _SETS[name, count]
