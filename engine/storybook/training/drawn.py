"""Scenes drawn for a training in the program: what they show, what is said of them, their pixels.

They come in blocks, each drawn and embedded as a whole. Everything follows from names and counts,
so that processes need not send scenes to each other. Nothing here imports torch.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.models.input_spec import InputSpec, prepare
from engine.storybook.captions import Language
from engine.storybook.measures import level2_claims, swapped_claims, wording
from engine.storybook.queries import Query, routing_queries
from engine.storybook.records import read_records
from engine.storybook.render import render
from engine.storybook.scene import Scene, Split, sample_scene
from engine.storybook.shipped import GALLERY
from engine.storybook.training.held_out import (
    SPOILED_SHARE,
    TO_CALIBRATE,
    TO_REPORT,
    TO_TRAIN,
    TWO_SHARE,
    calibration_scenes,
    draw_spoiled,
    draw_whole,
    held_out_scenes,
    spoiled_scenes,
)
from engine.storybook.training.matcher_pairs import PairList, pairs_of

TRAIN, VALIDATION, REPORT = "train", "validation", "report"
BLOCK = 600
"""Scenes of a block that is learned from; each other set is one block."""
SPOILED_IN_BLOCK = 100
"""One spoiled picture for six whole ones."""
SUPERSAMPLE = 2
"""Of what is learned from. Held-out scenes are drawn as the shipped figures were measured."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Scenes to draw whole, and scenes to draw spoiled, which follow them."""

    name: str
    """TRAIN, VALIDATION or REPORT: no two of them have a scene in common."""
    number: int
    whole: Sequence[Scene]
    spoiled: Sequence[Scene]

    def __len__(self) -> int:
        return len(self.whole) + len(self.spoiled)

    def pixels(self, start: int, stop: int, spec: InputSpec) -> NDArray[np.uint8]:
        """Some of the pictures as an encoder takes them, uint8 [n, height, width, 3]."""
        side = max(spec.height, spec.width)
        images = []
        for number in range(start, min(stop, len(self))):
            if number >= len(self.whole):
                images.append(draw_spoiled(self.spoiled[number - len(self.whole)], side))
            elif self.name == TRAIN:
                images.append(render(self.whole[number], side, supersample=SUPERSAMPLE))
            else:
                images.append(draw_whole(self.whole[number], side))
        return np.stack([prepare(image, spec) for image in images])

    @cached_property
    def pairs(self) -> PairList:
        """Captions true and false of the pictures; those of held-out sets as the script's."""
        held_out = self.name != TRAIN
        return pairs_of(self.whole, self.spoiled, held_out=held_out, number=self.number)

    @cached_property
    def texts(self) -> list[str]:
        """The captions, each once; for the report also what is asked of its scenes."""
        captions = [caption.text for caption in self.pairs.captions]
        return captions + (_asked(self.whole) if self.name == REPORT else [])

    def digest(self, spec: InputSpec) -> str:
        """Changes with the texts, and with how scenes are drawn."""
        found = hashlib.sha256("\n".join(self.texts).encode())
        found.update(repr((len(self), spec)).encode())
        found.update(self.pixels(0, 1, spec).tobytes())
        found.update(self.pixels(len(self) - 1, len(self), spec).tobytes())
        return found.hexdigest()[:24]


@lru_cache(maxsize=8)
def blocks(name: str, count: int) -> tuple[Block, ...]:
    """The set of that name with so many whole pictures."""
    if name == TRAIN:
        return tuple(_block(first, min(BLOCK, count - first)) for first in range(0, count, BLOCK))
    if name == VALIDATION:
        whole, first = calibration_scenes(count), TO_CALIBRATE
    else:
        whole, first = held_out_scenes(Split.SEEN, count), TO_REPORT
    spoiled = spoiled_scenes(first, -(-count // SPOILED_SHARE))
    return (Block(name=name, number=0, whole=whole, spoiled=spoiled),)


def gallery_queries() -> list[Query]:
    """The queries that tell whether the gallery is found in or painted beside."""
    return routing_queries([record.scene for record in read_records(GALLERY)])


def _block(first: int, count: int) -> Block:
    """Scenes of the training's from `first` on."""
    number = first // BLOCK
    spoiled = -(-SPOILED_IN_BLOCK * count // BLOCK)
    return Block(
        name=TRAIN,
        number=number,
        whole=[sample_scene(seed, two_share=TWO_SHARE) for seed in range(first, first + count)],
        spoiled=spoiled_scenes(TO_TRAIN + number * SPOILED_IN_BLOCK, spoiled),
    )


def _asked(scenes: Sequence[Scene]) -> list[str]:
    true, false = swapped_claims(scenes)
    claims = [*true, *false, *level2_claims(scenes)]
    texts = [wording(claim, language) for language in Language for claim in claims]
    return [*texts, *(query.caption.text for query in gallery_queries())]
