"""Held-out scenes and their pictures, rendered once and kept beside the checkpoints."""

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


def load_held_out(folder: Path, split: Split, side: int) -> HeldOut:
    """The held-out pictures of a split, rendered on first use."""
    return _load(folder, f"held-out-{split}", held_out_scenes(split), side, _whole)


def load_calibration(folder: Path, count: int, side: int) -> HeldOut:
    """Pictures to calibrate on, rendered on first use."""
    scenes = [sample_scene(CALIBRATION_SEED + k) for k in range(count)]
    return _load(folder, "calibration", scenes, side, _whole)


def load_spoiled(folder: Path, first: int, count: int, side: int) -> HeldOut:
    """Spoiled pictures number `first` and following, rendered on first use."""
    scenes = [sample_scene(SPOILED_SEED + k) for k in range(first, first + count)]
    return _load(folder, f"spoiled-{first}", scenes, side, _spoiled)


def _whole(scene: Scene, side: int) -> Image.Image:
    return render(scene, side)


def _spoiled(scene: Scene, side: int) -> Image.Image:
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
