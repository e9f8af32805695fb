"""Files of painted pictures whose row never came: the program was ended in between."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from cache.errors import CacheError
from cache.generated import keep_generated
from cache.generated_upkeep import sweep
from cache.records import NewGenerated, NewPicture
from cache.store import Cache
from engine.errors import PictureError
from engine.generation.keep import new_picture
from engine.generation.painted import FINE
from engine.generation.picture_file import read_recipe
from engine.generation.recipe import Recipe, to_json

_THUMBNAIL_SIDE = 320


async def recover(cache: Cache, home: Path) -> int:
    """Bring files and rows together after a crash; returns how many pictures were entered."""
    try:
        strays = await cache.write(sweep, home)
    except CacheError:
        # Another instance is busy, or nothing can be written: the next start will do it.
        return 0
    return sum([await adopt(cache, home, path) for path in strays])


async def adopt(cache: Cache, home: Path, path: Path) -> bool:
    """Enter the picture of a stray file by the recipe in it; whether that could be done.

    A file whose content is not what its name says is damaged, and is deleted.
    """
    try:
        data, picture, recipe = await asyncio.to_thread(_read, path)
    except (PictureError, OSError, ValueError, SyntaxError):
        return False
    if not recipe.request_key or recipe.seed is None:
        return False
    new = NewGenerated(
        request_key=recipe.request_key,
        model_id=recipe.model,
        prompt=recipe.prompt,
        recipe=to_json(recipe),
        seed=recipe.seed,
        verdict=FINE,
        library=recipe.library,
        job_id=0,
        receipt_id=None,
        seconds=0.0,
    )
    try:
        await cache.write(keep_generated, home, new, picture, data)
    except CacheError:
        return False
    return True


def _read(path: Path) -> tuple[bytes, NewPicture, Recipe]:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != path.stem:
        path.unlink()
        raise ValueError("its content is not what its name says")
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    return data, new_picture(data, pixels, _THUMBNAIL_SIDE), read_recipe(path)
