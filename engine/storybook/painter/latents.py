"""Latents of the rendered pictures and of their mirror images, made once and kept."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.storybook.painter.network import Vae
from engine.storybook.painter.pictures import covered, read_rows
from engine.storybook.painter.vae import to_input
from engine.storybook.scene import Scene, mirrored, sample_scene
from engine.storybook.training.pictures import SHARD, finished_shards, load_shard

ONE_SHARE = 0.85
"""Share of pictures with one animal: it is learned first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentBatch:
    """Latents and what they show."""

    latents: Tensor
    """Unit variance, [n, channels, side, side]."""
    animals: Tensor
    """The share of each cell that an animal covers, [n, side, side]."""
    scenes: list[Scene]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """A shard, or its mirror images."""

    number: int
    mirror: bool
    latents: NDArray[np.float16]
    labels: NDArray[np.uint8]


class Latents:
    """The latents in a folder; they grow with use, for encoding takes as long as training."""

    def __init__(self, pictures: Path, folder: Path, vae: Vae) -> None:
        self._pictures, self._vae = pictures, vae
        self._folder = folder / f"latents-{_mark(vae)}"
        self._folder.mkdir(parents=True, exist_ok=True)
        numbers = list(finished_shards(pictures))
        self._todo = [(number, mirror) for mirror in (False, True) for number in numbers]
        self._parts: list[_Part] = []

    def __len__(self) -> int:
        """How many pictures are encoded and in use."""
        return sum(len(part.latents) for part in self._parts)

    def grow(self, wanted: int) -> None:
        """Take in or encode shards until there are this many pictures, or no more."""
        while self._todo and len(self) < wanted:
            number, mirror = self._todo.pop(0)
            path = self._folder / f"latents-{number:04d}{'-mirror' if mirror else ''}.npy"
            if not path.exists():
                _save(path, self._encode(number, mirror=mirror))
            labels = load_shard(self._pictures, number).labels
            latents = np.load(path, mmap_mode="r", allow_pickle=False)
            self._parts.append(_Part(number=number, mirror=mirror, latents=latents, labels=labels))

    def draw(self, size: int, rng: Random) -> LatentBatch:
        """Random pictures. IndexError where there are none yet."""
        rows = [self._row(rng, one=rng.random() < ONE_SHARE) for _ in range(size)]
        latents = np.stack([part.latents[row] for part, row, _ in rows]).astype(np.float32)
        side = latents.shape[-1]
        animals = np.stack([_cover(part, row, side) for part, row, _ in rows])
        return LatentBatch(
            latents=torch.from_numpy(latents),
            animals=torch.from_numpy(animals),
            scenes=[scene for _, _, scene in rows],
        )

    def _row(self, rng: Random, *, one: bool) -> tuple[_Part, int, Scene]:
        while True:
            part = rng.choice(self._parts)
            row = rng.randrange(len(part.latents))
            scene = sample_scene(part.number * SHARD + row)
            if (len(scene.animals) == 1) is one:
                return part, row, mirrored(scene) if part.mirror else scene

    @torch.inference_mode()
    def _encode(self, number: int, *, mirror: bool) -> NDArray[np.float16]:
        shard, parts = load_shard(self._pictures, number), []
        rows = range(len(shard.pictures))
        for start in range(0, len(rows), 50):
            batch = read_rows(shard, number, list(rows[start : start + 50]), mirror=mirror)
            x = to_input(batch.pixels).to(self._vae.device, memory_format=torch.channels_last)
            parts.append(self._vae.encode(x).latent_dist.mode().cpu().numpy().astype(np.float16))
        return np.concatenate(parts)


def _mark(vae: Vae) -> str:
    """Tells the latents of one autoencoder from those of another."""
    digest = hashlib.sha256()
    for weight in vae.state_dict().values():
        digest.update(weight.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


def _cover(part: _Part, row: int, side: int) -> NDArray[np.float32]:
    cover = covered(part.labels[row], side)
    return cover[:, ::-1].copy() if part.mirror else cover


def _save(path: Path, array: NDArray[np.float16]) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    partial.rename(path)
