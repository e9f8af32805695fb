"""Latents of rendered pictures whose animals all face one way, made once and kept."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.storybook.painter.network import Vae
from engine.storybook.painter.pictures import covered, read_rows, turned
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
    """The pictures of a shard whose animals face one way, mirrored where they have to be."""

    latents: NDArray[np.float16]
    labels: NDArray[np.uint8]
    scenes: list[Scene]
    mirror: NDArray[np.bool_]


class Latents:
    """The latents in a folder; they grow with use, for encoding takes as long as training."""

    def __init__(self, pictures: Path, folder: Path, vae: Vae) -> None:
        self._pictures, self._vae = pictures, vae
        self._folder = folder / f"latents-{_mark(vae)}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._todo = list(finished_shards(pictures))
        self._rows: dict[bool, list[tuple[_Part, int]]] = {True: [], False: []}
        """Of pictures that show one animal, and of those that show two."""

    def __len__(self) -> int:
        """How many pictures are encoded and in use."""
        return sum(map(len, self._rows.values()))

    def grow(self, wanted: int) -> None:
        """Take in or encode shards until there are this many pictures, or no more."""
        while self._todo and len(self) < wanted:
            number = self._todo.pop(0)
            path = self._folder / f"facing-{number:04d}.npz"
            if not path.exists():
                self._encode(number, path)
            part = self._read(number, path)
            for row, scene in enumerate(part.scenes):
                self._rows[len(scene.animals) == 1].append((part, row))

    def draw(self, size: int, rng: Random) -> LatentBatch:
        """Random pictures. IndexError where there are none yet."""
        rows = [self._row(rng, one=rng.random() < ONE_SHARE) for _ in range(size)]
        latents = np.stack([part.latents[row] for part, row in rows]).astype(np.float32)
        side = latents.shape[-1]
        animals = np.stack([_cover(part, row, side) for part, row in rows])
        return LatentBatch(
            latents=torch.from_numpy(latents),
            animals=torch.from_numpy(animals),
            scenes=[part.scenes[row] for part, row in rows],
        )

    def _row(self, rng: Random, *, one: bool) -> tuple[_Part, int]:
        """A picture with one animal or with two, or any where there is none such."""
        return rng.choice(self._rows[one] or self._rows[not one])

    def _read(self, number: int, path: Path) -> _Part:
        with np.load(path, allow_pickle=False) as kept:
            latents, rows, mirror = kept["latents"], kept["rows"], kept["mirror"]
        scenes = [sample_scene(number * SHARD + int(row)) for row in rows]
        return _Part(
            latents=latents,
            labels=load_shard(self._pictures, number).labels[rows],
            scenes=[
                mirrored(scene) if flip else scene
                for scene, flip in zip(scenes, mirror, strict=True)
            ],
            mirror=mirror,
        )

    @torch.inference_mode()
    def _encode(self, number: int, path: Path) -> None:
        shard = load_shard(self._pictures, number)
        ways = [turned(sample_scene(number * SHARD + k)) for k in range(len(shard.pictures))]
        rows = [row for row, way in enumerate(ways) if way is not None]
        mirror = [way for way in ways if way is not None]
        parts = []
        for start in range(0, len(rows), 50):
            part = slice(start, start + 50)
            batch = read_rows(shard, number, rows[part], mirror[part])
            x = to_input(batch.pixels).to(self._vae.device, memory_format=torch.channels_last)
            found = self._vae.encode(x).latent_dist.mode()
            parts.append(found.cpu().numpy().astype(np.float16))
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(
                file,
                latents=np.concatenate(parts),
                rows=np.array(rows),
                mirror=np.array(mirror, dtype=np.bool_),
            )
        partial.rename(path)


def _mark(vae: Vae) -> str:
    """Tells the latents of one autoencoder from those of another."""
    digest = hashlib.sha256()
    for weight in vae.state_dict().values():
        digest.update(weight.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


def _cover(part: _Part, row: int, side: int) -> NDArray[np.float32]:
    cover = covered(part.labels[row], side)
    return cover[:, ::-1].copy() if part.mirror[row] else cover
