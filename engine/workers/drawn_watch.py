"""What a training on drawn scenes tells while it learns: loss, and figures on watched scenes."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import torch
from numpy.typing import NDArray

from engine.scoring.matcher import Matcher
from engine.storybook.training.matcher_material import Material
from engine.storybook.truth import truth_matrix
from engine.workers.fitting import Fit, Measured, Tell, Told, area, measured
from engine.workers.labelled import MatcherWeights, pair_logits
from engine.workers.pairs import as_pairs

LOOKED_AT = 300
"""Captions and pictures that validation looks at."""


class Watch:
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
        matcher = Matcher(**asdict(weights), encoder_id="", report="")
        columns = np.ascontiguousarray(self._pictures.T)
        scores = np.stack([matcher.logits(text, columns) for text in self._texts])
        found = measured(torch.from_numpy(scores), self._right)
        odds = torch.from_numpy(pair_logits(weights, self._pairs))
        return replace(found, apart=area(odds, torch.from_numpy(self._pairs.label)))
