"""Scenes that are held out, and their pictures, rendered once and kept beside the checkpoints."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.storybook.degraded import degraded
from engine.storybook.render import render
from engine.storybook.scene import Scene, Split, sample_scene

FIRST_SEED = 50_000_000
"""Held-out seeds begin here, far above any that is trained on."""
CALIBRATION_SEED = 60_000_000
"""Scenes to calibrate on: neither trained on nor reported on."""
SPOILED_SEED = 70_000_000
TWO_SHARE = 0.75
"""Of what is trained on: pictures with two animals, which alone teach whose attribute it is."""
CALIBRATION = 500
TO_TRAIN, TO_CALIBRATE, TO_REPORT = 0, 100_000, 200_000
"""Number of the first spoiled scene of each purpose."""
SPOILED_SHARE = 5
"""Of held-out scenes there is one spoiled for so many whole ones."""
SIZES: dict[Split, int] = {Split.SEEN: 1000, Split.UNSEEN_PAIR: 300, Split.UNSEEN_TRIPLE: 300}

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldOut:
    """Scenes with their pictures, uint8 [n, side, side, 3]."""

    scenes: Sequence[Scene]
    pictures: Pixels


def held_out_scenes(split: Split, count: int | None = None) -> list[Scene]:
    """The held-out scenes of a split."""
    return [sample_scene(FIRST_SEED + k, split) for k in range(count or SIZES[split])]


def calibration_scenes(count: int = CALIBRATION) -> list[Scene]:
    """Scenes to calibrate on."""
    return [sample_scene(CALIBRATION_SEED + k) for k in range(count)]


def spoiled_scenes(first: int, count: int) -> list[Scene]:
    """Scenes number `first` and following whose pictures are spoiled."""
    return [sample_scene(SPOILED_SEED + k) for k in range(first, first + count)]


def load_held_out(folder: Path, split: Split, side: int) -> HeldOut:
    """The held-out pictures of a split, rendered on first use."""
    return _load(folder, f"held-out-{split}", held_out_scenes(split), side, draw_whole)


def load_calibration(folder: Path, side: int) -> HeldOut:
    """Pictures to calibrate on, rendered on first use."""
    return _load(folder, "calibration", calibration_scenes(), side, draw_whole)


def load_spoiled(folder: Path, first: int, count: int, side: int) -> HeldOut:
    """Spoiled pictures number `first` and following, rendered on first use."""
    return _load(folder, f"spoiled-{first}", spoiled_scenes(first, count), side, draw_spoiled)


def draw_whole(scene: Scene, side: int) -> Image.Image:
    """The picture of a held-out scene."""
    return render(scene, side)


def draw_spoiled(scene: Scene, side: int) -> Image.Image:
    """The picture of a scene that is to be spoiled: no caption of an animal is true of it."""
    return degraded(scene, side, Random(f"spoiled:{scene.seed}"))


def _load(
    folder: Path,
    name: str,
    scenes: Sequence[Scene],
    side: int,
    draw: Callable[[Scene, int], Image.Image],
) -> HeldOut:
    path = folder / f"{name}-{side}-{len(scenes)}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pictures = np.stack([np.asarray(draw(scene, side)) for scene in scenes])
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, pictures, allow_pickle=False)
        partial.rename(path)
    return HeldOut(scenes=scenes, pictures=np.load(path, allow_pickle=False))
