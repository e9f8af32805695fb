"""Pictures that no caption of an animal is true of: blurred to blobs, drowned in noise, half drawn.

A matcher that has met them does not take an unfinished painting for an answer.
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


WAYS: tuple[Callable[[Scene, int, Random], Image.Image], ...] = (blurred, noisy, half_drawn)


def degraded(scene: Scene, size: int, rng: Random) -> Image.Image:
    """The scene spoiled in one of the ways."""
    return rng.choice(WAYS)(scene, size, rng)
