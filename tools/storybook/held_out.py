"""Scenes that are held out, and their pictures, whole or degraded.

No caption of an animal is true of a degraded picture: blurred, drowned in noise, half drawn,
jumbled. A matcher that has met them does not take an unfinished picture for an answer, nor a photo
of something else. Pictures are rendered once and kept beside the checkpoints.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from engine.storybook.scenes import Scene
from tools.storybook.renderer.render import render, render_backdrop
from tools.storybook.sampling import Split, sample_scene


def blurred(scene: Scene, size: int, rng: Random) -> Image.Image:
    """The scene with its animals as blobs: the radius is a tenth to a fifth of the side."""
    radius = size * rng.uniform(0.07, 0.2)
    return render(scene, size, supersample=2).filter(ImageFilter.GaussianBlur(radius))


def noisy(scene: Scene, size: int, rng: Random) -> Image.Image:
    """The scene under noise of one or several scales, as half-denoised pictures have it."""
    pixels = np.asarray(render(scene, size, supersample=2), dtype=np.float64)
    grain = np.random.default_rng(rng.randrange(2**32))
    cell = rng.choice((1, 2, 4, 8))
    cells = -(-size // cell)
    noise = grain.normal(128.0, 70.0, (cells, cells, 3)).repeat(cell, axis=0).repeat(cell, axis=1)
    share = rng.uniform(0.72, 0.95)
    mixed = (1 - share) * pixels + share * noise[:size, :size]
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def half_drawn(scene: Scene, size: int, rng: Random) -> Image.Image:
    """The backdrop alone, or with only faint traces of the animals."""
    backdrop = render_backdrop(scene, size, supersample=2)
    if rng.random() < 0.4:
        return backdrop
    whole = render(scene, size, supersample=2)
    smeared = whole.filter(ImageFilter.GaussianBlur(size * rng.uniform(0.04, 0.08)))
    return Image.blend(backdrop, smeared, rng.uniform(0.2, 0.5))


def jumbled(scene: Scene, size: int, rng: Random) -> Image.Image:
    """Tiles of the scene in another order, each turned, with their colours exchanged."""
    pixels = np.asarray(render(scene, size, supersample=2))
    tile = size // rng.choice((8, 12))
    side = size // tile
    whole = pixels[: side * tile, : side * tile]
    tiles = list(whole.reshape(side, tile, side, tile, 3).swapaxes(1, 2).reshape(-1, tile, tile, 3))
    rng.shuffle(tiles)
    turned = [np.rot90(one, rng.randrange(4))[..., rng.sample(range(3), 3)] for one in tiles]
    rows = [np.concatenate(turned[k : k + side], axis=1) for k in range(0, side * side, side)]
    image = Image.fromarray(np.ascontiguousarray(np.concatenate(rows)))
    return image.resize((size, size)).filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.5)))


def clouded(scene: Scene, size: int, rng: Random) -> Image.Image:
    """Soft blots of random colours with edges at every scale, as photos have; nothing is drawn."""
    grain = np.random.default_rng(rng.randrange(2**32))
    fall = rng.uniform(1.0, 2.0)
    reach = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None]) + 0.5 / size
    waves = np.fft.fft2(grain.normal(size=(3, size, size))) / reach**fall
    blots = np.fft.ifft2(waves).real.reshape(3, -1)
    blots /= blots.std(axis=1, keepdims=True)
    mixed = grain.normal(0, 0.5, (3, 3)) @ blots + blots[0]
    pixels = 128 + rng.uniform(25, 60) * mixed + grain.normal(0, 40, (3, 1))
    whole = pixels.T.reshape(size, size, 3).clip(0, 255).astype(np.uint8)
    return Image.blend(Image.fromarray(whole), render_backdrop(scene, size, supersample=1), 0.15)


WAYS: tuple[Callable[[Scene, int, Random], Image.Image], ...] = (
    blurred,
    noisy,
    half_drawn,
    jumbled,
    clouded,
)


def degrade(scene: Scene, size: int, rng: Random) -> Image.Image:
    """The scene degraded in one of the ways."""
    return rng.choice(WAYS)(scene, size, rng)


FIRST_SEED = 50_000_000
"""Held-out seeds begin here, far above any that is trained on."""
CALIBRATION_SEED = 60_000_000
"""Scenes to calibrate on: neither trained on nor reported on."""
DEGRADED_SEED = 70_000_000
TWO_SHARE = 0.75
"""Of what is trained on: pictures with two animals, which alone teach whose attribute it is."""
CALIBRATION = 500
TO_TRAIN, TO_CALIBRATE, TO_REPORT = 0, 100_000, 200_000
"""Number of the first degraded scene of each purpose."""
DEGRADED_SHARE = 5
"""Of held-out scenes there is one degraded for so many whole ones."""
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


def degraded_scenes(first: int, count: int) -> list[Scene]:
    """Scenes number `first` and following whose pictures are degraded."""
    return [sample_scene(DEGRADED_SEED + k) for k in range(first, first + count)]


def load_held_out(folder: Path, split: Split, side: int) -> HeldOut:
    """The held-out pictures of a split, rendered on first use."""
    return _load(folder, f"held-out-{split}", held_out_scenes(split), side, render_whole)


def load_calibration(folder: Path, side: int) -> HeldOut:
    """Pictures to calibrate on, rendered on first use."""
    return _load(folder, "calibration", calibration_scenes(), side, render_whole)


def load_degraded(folder: Path, first: int, count: int, side: int) -> HeldOut:
    """Degraded pictures number `first` and following, rendered on first use."""
    return _load(folder, f"degraded-{first}", degraded_scenes(first, count), side, render_degraded)


def render_whole(scene: Scene, side: int) -> Image.Image:
    """The picture of a held-out scene."""
    return render(scene, side)


def render_degraded(scene: Scene, side: int) -> Image.Image:
    """The picture of a scene that is to be degraded: no caption of an animal is true of it."""
    return degrade(scene, side, Random(f"spoiled:{scene.seed}"))


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
