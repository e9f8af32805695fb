"""Start pictures: read for a variation, or painted anew in a part while the rest stays.

A part is painted in a window around it, at the size that the model paints best at. The picture is
put together in pixels, at its own size: outside the mask it is the start picture, to the last bit.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from engine.errors import PictureError
from engine.models.parameters import MAX_SIDE, GenerationParameters, MaskMap
from engine.workers import decoder as picture_files

_MAX_PIXELS = 200_000_000
_WHOLE = 1 << 30
_WHITE = 128
"""Levels from which on a mask says: paint this."""
_CONTEXT = 0.5
"""Of the longer side of a part that the model sees beside it on each side."""
_FEATHER = 1 / 12
"""Of the part's size that the new goes into the old over, where nobody says how far."""


def start_picture(path: Path, width: int, height: int) -> Image.Image:
    """Return the picture in `path`, filling the size without changing its shape."""
    image = _read(path, max(width, height))
    return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A part of a picture that is painted anew."""

    picture: Image.Image
    """The start picture, at its own size up to MAX_SIDE."""
    mask: Image.Image
    """Of the same size, 255 where it may change, else 0."""
    share: NDArray[np.float32]
    """[height, width], how much of the new goes into each pixel; 0 outside the mask."""
    window: tuple[int, int, int, int]
    """Left, top, right and bottom of what the model sees."""

    def inputs(self, width: int, height: int) -> tuple[Image.Image, Image.Image]:
        """Return what the model paints on, and its mask, at the size that it paints."""
        size = width, height
        picture = self.picture.crop(self.window).resize(size, Image.Resampling.LANCZOS)
        # A part of one pixel at the picture's size must not vanish at the model's.
        mask = self.mask.crop(self.window).resize(size, Image.Resampling.BOX)
        return picture, mask.point([0] + [255] * 255)

    def put_back(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the whole picture with what was painted in the window, [height, width, 3]."""
        left, top, right, bottom = self.window
        size = right - left, bottom - top
        new = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
        whole = np.asarray(self.picture).copy()
        old = whole[top:bottom, left:right].astype(np.float32)
        share = self.share[top:bottom, left:right, None]
        mixed = old + (np.asarray(new, np.float32) - old) * share
        whole[top:bottom, left:right] = mixed.round().clip(0, 255).astype(np.uint8)
        return whole


def read_edit(asked: GenerationParameters) -> Edit:
    """Return the part that is painted anew, and the picture around it.

    Raises PictureError where a file cannot be read, or the part has nothing in it.
    """
    if asked.start_picture is None:
        raise PictureError("a part of a picture is painted anew, and no picture is named")
    picture = _read(asked.start_picture)
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    mask = _mask(asked, picture.size)
    box = mask.getbbox()
    if box is None:
        raise PictureError(
            "the mask leaves nothing to paint",
            hint="White is painted anew, black stays; a box lies inside the picture.",
        )
    return Edit(
        picture=picture,
        mask=mask,
        share=_share(mask, asked.mask_feather),
        window=_window(box, picture.size, asked.width / asked.height),
    )


def _read(path: Path, enough: int = _WHOLE) -> Image.Image:
    """The picture in a file; a JPEG may be reduced that keeps `enough` pixels on a side."""
    try:
        with path.open("rb") as file:
            return picture_files.decode(file, max_pixels=_MAX_PIXELS, enough=enough).image
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error}") from error
    except PictureError as error:
        raise PictureError(f"{path} cannot be read: {error.message}") from error


def _mask(asked: GenerationParameters, size: tuple[int, int]) -> Image.Image:
    """255 where a picture of that size may change, else 0; widened as asked."""
    mask = Image.new("L", size, 0)
    if asked.mask is not None:
        found = _read(asked.mask).convert("L").resize(size, Image.Resampling.BILINEAR)
        mask = found.point([0] * _WHITE + [255] * (256 - _WHITE))
    elif asked.mask_box is not None:
        left, top, right, bottom = asked.mask_box.pixels(*size)
        if right > left and bottom > top:
            mask.paste(255, (left, top, right, bottom))
    elif asked.mask_map is not None:
        mask = _of_patches(asked.mask_map, size)
    if asked.mask_grow:
        grown = _grown(np.asarray(mask) > 0, asked.mask_grow)
        mask = Image.fromarray(grown.astype(np.uint8) * 255)
    return mask


def _of_patches(found: MaskMap, size: tuple[int, int]) -> Image.Image:
    """A mask of a picture of that size, its edges smooth between the patches."""
    levels = np.frombuffer(bytes.fromhex(found.levels), np.uint8)
    patches = Image.fromarray(levels.reshape(found.rows, found.columns))
    sides = zip(found.seen, (*size, *size), strict=True)
    left, top, right, bottom = (round(share * side) for share, side in sides)
    smooth = patches.resize((right - left, bottom - top), Image.Resampling.BICUBIC)
    mask = Image.new("L", size, 0)
    mask.paste(smooth.point([0] * _WHITE + [255] * (256 - _WHITE)), (left, top))
    return mask


def _grown(inside: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """What is true, and all within `by` pixels of it, in rows and then in columns."""
    for _ in range(2):
        counts = np.cumsum(np.pad(inside, ((0, 0), (by + 1, by))), axis=1, dtype=np.int32)
        inside = (counts[:, 2 * by + 1 :] > counts[:, : -2 * by - 1]).T
    return inside


def _share(mask: Image.Image, feather: int | None) -> NDArray[np.float32]:
    """How much of the new goes into each pixel: less towards the mask's edge, nothing beyond.

    A blur is one half at the edge; its upper half is stretched over the inside.
    """
    inside = np.asarray(mask, np.float32) / np.float32(255)
    if feather is None:
        feather = max(1, round(math.sqrt(float(inside.sum())) * _FEATHER))
    if feather == 0:
        return inside
    # What lies beyond the picture counts as inside where the mask reaches its edge.
    blurred = mask.filter(ImageFilter.GaussianBlur(feather / 2))
    soft = (np.asarray(blurred, np.float32) / 255 - 0.5) * 2
    share: NDArray[np.float32] = (soft.clip(0, 1) * inside).astype(np.float32)
    return share


def _window(
    box: tuple[int, int, int, int], size: tuple[int, int], shape: float
) -> tuple[int, int, int, int]:
    """What the model sees: the part and what is around it, in the shape that it paints.

    `shape` is width over height; a window that would be larger than the picture is the picture.
    """
    left, top, right, bottom = box
    margin = _CONTEXT * max(right - left, bottom - top)
    across, down = right - left + 2 * margin, bottom - top + 2 * margin
    across, down = max(across, down * shape), max(down, across / shape)
    width, height = min(math.ceil(across), size[0]), min(math.ceil(down), size[1])
    x = min(max(0, round((left + right - width) / 2)), size[0] - width)
    y = min(max(0, round((top + bottom - height) / 2)), size[1] - height)
    return x, y, x + width, y + height
