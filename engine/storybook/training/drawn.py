"""Scenes drawn for a training in the program: what they show, what is said of them, their pixels.

Everything follows from names and counts, so that processes need not send scenes to each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from engine.models.input_spec import InputSpec, prepare
from engine.storybook.degraded import degraded
from engine.storybook.render import render
from engine.storybook.scene import Scene, sample_scene
from engine.storybook.training.batches import TWO_SHARE
from engine.storybook.training.held_out import CALIBRATION_SEED, SPOILED_SEED
from engine.storybook.training.matcher_material import Material, with_hard
from engine.storybook.training.matcher_pairs import PairList, make_pairs
from engine.workers.labelled import Floats

TRAIN, VALIDATION = "train", "validation"
SPOILED_SHARE = 6
"""One spoiled picture for so many whole ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnSet:
    """Scenes to draw whole, and scenes to draw spoiled, which follow them."""

    name: str
    """TRAIN or VALIDATION: the two have no scene in common."""
    whole: Sequence[Scene]
    spoiled: Sequence[Scene]

    def __len__(self) -> int:
        return len(self.whole) + len(self.spoiled)

    def pixels(self, start: int, stop: int, spec: InputSpec) -> NDArray[np.uint8]:
        """Some of the pictures as an encoder takes them, uint8 [n, height, width, 3]."""
        side = max(spec.height, spec.width)
        images = []
        for number in range(start, min(stop, len(self))):
            if number < len(self.whole):
                images.append(render(self.whole[number], side))
            else:
                scene = self.spoiled[number - len(self.whole)]
                images.append(degraded(scene, side, Random(f"spoiled:{scene.seed}")))
        return np.stack([prepare(image, spec) for image in images])

    def pairs(self) -> PairList:
        """Captions true and false of the pictures."""
        held_out = self.name == VALIDATION
        random = Random(f"pairs:{held_out}:{len(self.whole)}")
        return make_pairs(self.whole, self.spoiled, random, held_out=held_out)

    def material(self, texts: Floats, pictures: Floats) -> Material:
        """The pairs with the vectors of their captions and of all pictures."""
        made = Material(made=self.pairs(), scenes=self.whole, texts=texts, pictures=pictures)
        return with_hard(made) if self.name == VALIDATION else made


def drawn_set(name: str, count: int) -> DrawnSet:
    """The set of that name with so many whole pictures."""
    spoiled = -(-count // SPOILED_SHARE)
    if name == TRAIN:
        return DrawnSet(
            name=name,
            whole=[sample_scene(seed, two_share=TWO_SHARE) for seed in range(count)],
            spoiled=[sample_scene(SPOILED_SEED + k) for k in range(spoiled)],
        )
    return DrawnSet(
        name=name,
        whole=[sample_scene(CALIBRATION_SEED + k) for k in range(count)],
        spoiled=[sample_scene(SPOILED_SEED + 100_000 + k) for k in range(spoiled)],
    )
