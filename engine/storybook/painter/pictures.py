"""Rendered pictures at the painter's size, with the share of each cell that animals cover."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.storybook.render import facings
from engine.storybook.scene import Scene, mirrored, sample_scene
from engine.storybook.training.pictures import SHARD, Shard, finished_shards, load_shard

SIDE = 64
"""Pixels that the painter paints."""


def scaled(picture: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """The picture [n, n, 3] at side x side pixels."""
    image = Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(image, dtype=np.uint8)


def covered(labels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """Which share of each of side x side cells an animal covers, from a label map."""
    mask = Image.fromarray(np.where(labels > 0, 255, 0).astype(np.uint8))
    box = mask.resize((side, side), Image.Resampling.BOX)
    return np.asarray(box, dtype=np.float32) / 255.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pictures:
    """A batch of pictures and what they show."""

    pixels: NDArray[np.uint8]
    """[n, SIDE, SIDE, 3]"""
    animals: NDArray[np.float32]
    """The share of each pixel that an animal covers, [n, SIDE, SIDE]."""
    scenes: list[Scene]


def turned(scene: Scene) -> bool | None:
    """Whether a picture must be mirrored for its animals to face the way that the painter learns.

    None where they face different ways. No caption says which way an animal faces: with both to
    choose from, the noisiest steps mix them, and a body grows a head at each end.
    """
    ways = facings(scene)
    return ways[0] if len(set(ways)) == 1 else None


def read_rows(shard: Shard, number: int, rows: Sequence[int], mirror: Sequence[bool]) -> Pictures:
    """Rows of a shard, those of them that `mirror` says mirrored with the scenes that they show."""
    pixels, animals, scenes = [], [], []
    for row, flip in zip(rows, mirror, strict=True):
        step = -1 if flip else 1
        pixels.append(scaled(shard.pictures[row])[:, ::step])
        animals.append(covered(shard.labels[row], SIDE)[:, ::step])
        scene = sample_scene(number * SHARD + row)
        scenes.append(mirrored(scene) if flip else scene)
    return Pictures(pixels=np.stack(pixels), animals=np.stack(animals), scenes=scenes)


def random_pictures(
    folder: Path, size: int, rng: Random, *, facing: bool = False
) -> Iterator[Pictures]:
    """Endless batches of `size` random pictures of the shards that are finished by now.

    With `facing`, all their animals face one way. FileNotFoundError where there are none.
    """
    numbers = list(finished_shards(folder))
    if not numbers:
        raise FileNotFoundError(f"no pictures in {folder}; run engine.storybook.training.pictures")
    shards = {number: load_shard(folder, number) for number in numbers}
    while True:
        number = rng.choice(numbers)
        shard = shards[number]
        chosen = [_choose(number, len(shard.pictures), rng, facing=facing) for _ in range(size)]
        yield read_rows(shard, number, [row for row, _ in chosen], [flip for _, flip in chosen])


def _choose(number: int, count: int, rng: Random, *, facing: bool) -> tuple[int, bool]:
    """A random row of a shard, and whether to mirror it."""
    while True:
        row = rng.randrange(count)
        way = turned(sample_scene(number * SHARD + row)) if facing else rng.random() < 0.5
        if way is not None:
            return row, way


def cropped(pictures: Pictures, side: int, rng: Random) -> Pictures:
    """Windows of side x side pixels, each around a random spot of an animal."""
    pixels, animals = [], []
    for picture, cover in zip(pictures.pixels, pictures.animals, strict=True):
        spots = np.argwhere(cover > 0.5)
        y, x = spots[rng.randrange(len(spots))] if len(spots) else (SIDE // 2, SIDE // 2)
        top, left = (min(max(int(v) - side // 2, 0), SIDE - side) for v in (y, x))
        pixels.append(picture[top : top + side, left : left + side])
        animals.append(cover[top : top + side, left : left + side])
    return Pictures(pixels=np.stack(pixels), animals=np.stack(animals), scenes=pictures.scenes)
