"""Rendered pictures at the generator's size, and their latents, made once and kept."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from engine.storybook.scenes import Scene
from tools.storybook.generator.network import SIDE, Vae
from tools.storybook.renderer.render import facings
from tools.storybook.renderer.shards import SHARD, Shard, finished_shards, load_shard
from tools.storybook.sampling import mirrored, sample_scene

Pixels = NDArray[np.uint8]


def to_input(pixels: Pixels) -> Tensor:
    """Pixels uint8 [n, h, w, 3] as the autoencoder reads them, -1 to 1, [n, 3, h, w]."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def to_pixels(x: Tensor) -> Pixels:
    """The inverse of `to_input`."""
    return ((x.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


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
    """Whether a picture must be mirrored for its animals to face the way that the generator learns.

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
        raise FileNotFoundError(f"no pictures in {folder}; run tools.storybook.renderer.shards")
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
