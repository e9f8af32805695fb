"""Pictures that no caption of an animal is true of: blurred, drowned in noise, half drawn, jumbled.

A matcher that has met them does not take an unfinished painting for an answer, nor a photo of
something else.
"""

from collections.abc import Callable
from random import Random

import numpy as np
from PIL import Image, ImageFilter

from engine.storybook.render import render, render_backdrop
from engine.storybook.scene import Scene


def blurred(scene: Scene, size: int, rng: Random) -> Image.Image:
    """The scene with its animals as blobs: the radius is a tenth to a fifth of the side."""
    radius = size * rng.uniform(0.07, 0.2)
    return render(scene, size, supersample=2).filter(ImageFilter.GaussianBlur(radius))


def noisy(scene: Scene, size: int, rng: Random) -> Image.Image:
    """The scene under noise of one or several scales, as half-denoised paintings have it."""
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


def degraded(scene: Scene, size: int, rng: Random) -> Image.Image:
    """The scene spoiled in one of the ways."""
    return rng.choice(WAYS)(scene, size, rng)
