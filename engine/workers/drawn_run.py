"""A training on drawn scenes, from vectors to a calibrated matcher and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from engine.errors import ModelUnusableError
from engine.scoring.matcher import read_matcher
from engine.storybook.scene import Scene
from engine.storybook.shipped import MATCHER
from engine.storybook.training.drawn import (
    TRAIN,
    Block,
    blocks,
    gallery_queries,
)
from engine.storybook.training.matcher_material import Material, with_hard
from engine.storybook.training.matcher_pairs import PairList
from engine.storybook.training.matcher_report import routed, scenes_report
from engine.storybook.training.matcher_rounds import FIT, fit_in_rounds
from engine.training.report import SceneFigure
from engine.workers.drawn_watch import Watch
from engine.workers.fitting import Fit, Measured, Tell
from engine.workers.labelled import Floats, MatcherWeights, calibrated

COSINE = "cosine"


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedded:
    """A set of drawn scenes with the vectors of its texts and pictures, block after block."""

    name: str
    """TRAIN, VALIDATION or REPORT."""
    count: int
    texts: Floats
    pictures: Floats

    @property
    def blocks(self) -> Sequence[Block]:
        """The scenes."""
        return blocks(self.name, self.count)

    def material(self) -> Material:
        """The pairs of all blocks, with vectors; of held-out sets with the hard pairs."""
        whole = sum(len(block.whole) for block in self.blocks)
        made, scenes = PairList(), list[Scene]()
        texts, order, spoiled = list[Floats](), np.zeros(len(self.pictures), np.int64), whole
        rows = _starts([len(block.texts) for block in self.blocks])
        first = _starts([len(block) for block in self.blocks])
        for block, row, start in zip(self.blocks, rows, first, strict=False):
            places = [*range(len(scenes), len(scenes) + len(block.whole))]
            places += range(spoiled, spoiled + len(block.spoiled))
            new = made.extend(block.pairs, places)
            texts.append(self.texts[row + np.array(new, np.int64)])
            order[places] = np.arange(start, start + len(block))
            scenes += block.whole
            spoiled += len(block.spoiled)
        pictures = self.pictures[order]
        found = Material(made=made, scenes=scenes, texts=np.concatenate(texts), pictures=pictures)
        return found if self.name == TRAIN else with_hard(found)

    def vectors(self) -> Mapping[str, Floats]:
        """The vector of each text."""
        every = (text for block in self.blocks for text in block.texts)
        return dict(zip(every, self.texts, strict=True))


def fit_drawn(
    train: Embedded, validation: Embedded, fit: Fit, tell: Tell
) -> tuple[MatcherWeights, Measured]:
    """Fit on one set, calibrate and measure on the other."""
    watched = validation.material()
    looking = Watch(watched, fit, tell)
    weights = calibrated(fit_in_rounds(train.material(), fit, heard=looking.hear), watched.pairs())
    return weights, looking.look(weights)


def fit_of(settings: dict[str, object]) -> Fit:
    """How to fit, with what was asked for in the place of what is usual."""
    asked = {name: int(str(settings[name])) for name in ("hidden", "epochs", "seed")}
    return replace(FIT, **asked)


def shipped_weights(encoder_id: str) -> MatcherWeights | None:
    """The matcher that ships, if it is for this encoder."""
    try:
        found = read_matcher(MATCHER.read_bytes(), encoder_id)
    except (ModelUnusableError, OSError):
        return None
    return MatcherWeights(w1=found.w1, b1=found.b1, w2=found.w2, b2=found.b2)


def figures(
    weights: MatcherWeights, shipped: MatcherWeights | None, report: Embedded, gallery: Floats
) -> list[SceneFigure]:
    """What the shipped matcher's report says, of this one and of that, on the same scenes.

    `gallery` holds the vectors of the gallery's pictures; routing is left out where it is empty.
    """
    material, known = report.material(), report.vectors()

    def embed(texts: Sequence[str]) -> Floats:
        return np.stack([known[text] for text in texts])

    def measure(one: MatcherWeights) -> dict[str, tuple[float, float | None]]:
        found = _flat(scenes_report(one, embed, material))
        if len(gallery):
            found["routing"] = (routed(one, embed, gallery_queries(), gallery).accuracy, None)
        return found

    other = {} if shipped is None else measure(shipped)
    return [
        SceneFigure(name=name, match=match, cosine=cosine, shipped=other.get(name, (None,))[0])
        for name, (match, cosine) in measure(weights).items()
    ]


def _flat(report: Mapping[str, object]) -> dict[str, tuple[float, float | None]]:
    """The figures of a report by name, by match and, where there is one, by cosine."""
    found: dict[str, tuple[float, float | None]] = {}
    for name, value in report.items():
        if isinstance(value, Mapping):
            found[name] = (float(value["match"]), float(value[COSINE]))
        elif isinstance(value, float):
            found[name] = (value, None)
    return found


def _starts(sizes: Sequence[int]) -> list[int]:
    return [0, *accumulate(sizes)]
