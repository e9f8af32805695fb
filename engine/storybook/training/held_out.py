"""Held-out scenes and their pictures, rendered once and kept beside the checkpoints."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.storybook.render import render
from engine.storybook.scene import Scene, Split, sample_scene

FIRST_SEED = 50_000_000
"""Held-out seeds begin here, far above any that is trained on."""
SIZES: dict[Split, int] = {Split.SEEN: 1000, Split.UNSEEN_PAIR: 300, Split.UNSEEN_TRIPLE: 300}


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldOut:
    """Scenes of one split with their pictures, uint8 [n, 96, 96, 3]."""

    split: Split
    scenes: Sequence[Scene]
    pictures: NDArray[np.uint8]


def held_out_scenes(split: Split, count: int | None = None) -> list[Scene]:
    """The held-out scenes of a split."""
    return [sample_scene(FIRST_SEED + k, split) for k in range(count or SIZES[split])]


def load_held_out(folder: Path, split: Split, side: int) -> HeldOut:
    """The held-out pictures of a split, rendered on first use."""
    scenes = held_out_scenes(split)
    path = folder / f"held-out-{split}-{side}-{len(scenes)}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pictures = np.stack([np.asarray(render(scene, side)) for scene in scenes])
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, pictures, allow_pickle=False)
        partial.rename(path)
    return HeldOut(split=split, scenes=scenes, pictures=np.load(path, allow_pickle=False))
