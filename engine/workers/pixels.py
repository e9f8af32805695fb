"""Turns the bytes of a picture file into upright 8-bit RGB, as far as they allow."""

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from engine.errors import PictureError

try:
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)
except ImportError:
    pass

# The size is checked here, against the setting; Pillow's own check only knows a warning first.
Image.MAX_IMAGE_PIXELS = None

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "HEIF")
"""The Pillow plugins that may see a file; its content decides, not its name."""

_DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """A picture in memory."""

    image: Image.Image
    """RGB and upright; smaller than the file's picture where a reduced decode was enough."""
    width: int
    """Pixels of the whole picture, upright."""
    height: int
    format: str
    partial: bool
    """The file is cut short or damaged; what could be read stands for it."""


def decode(source: BinaryIO, *, max_pixels: int, enough: int) -> Decoded:
    """Decode the first frame; a JPEG may be reduced while its shorter edge keeps `enough` pixels.

    Raises PictureError with the reason where no picture comes out.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _strictly_or_not(source, max_pixels, enough)


def _strictly_or_not(source: BinaryIO, max_pixels: int, enough: int) -> Decoded:
    try:
        return _decode(source, max_pixels, enough, partial=False)
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureError("there is not enough memory to decode it") from error
    except Exception as error:  # noqa: BLE001 - Pillow's plugins raise anything on damaged files
        strict = error
    try:
        source.seek(0)
        with _tolerance():
            return _decode(source, max_pixels, enough, partial=True)
    except PictureError:
        raise
    except Exception as error:
        raise PictureError(f"it is damaged: {_reason(strict)}") from error


def _decode(source: BinaryIO, max_pixels: int, enough: int, *, partial: bool) -> Decoded:
    try:
        image: Image.Image = Image.open(source, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise PictureError("it is no picture of a known format") from error
    width, height = image.size
    if width * height > max_pixels:
        raise PictureError(
            f"it has {width} x {height} pixels; the limit is {max_pixels / 1e6:g} megapixels"
        )
    kind = (image.format or "").lower()
    with image:
        reduced = image.format in {"JPEG", "MPO"} and _reduce(image, enough)
        image.load()
        orientation = _orientation(image)
        upright = _upright(_rgb(image), orientation)
    if partial and len(upright.resize((8, 8)).getcolors() or ()) == 1:
        raise PictureError("it is cut short before its first pixel")
    if reduced and orientation >= 5:
        width, height = height, width
    elif not reduced:
        width, height = upright.size
    return Decoded(image=upright, width=width, height=height, format=kind, partial=partial)


@contextlib.contextmanager
def _tolerance() -> Iterator[None]:
    """Let Pillow fill in what a truncated file lacks."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _reduce(image: Image.Image, enough: int) -> bool:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8 of its size, where that leaves enough."""
    before = image.size
    if min(before) >= 2 * enough:
        # Pillow reduces only as far as both edges keep the size asked for.
        image.draft(None, (enough, enough))
    return image.size != before


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - malformed metadata must not cost the picture
        return 1
    return value if isinstance(value, int) else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    method = _UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)


def _rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB, with transparency over white."""
    if image.mode in _DEEP_MODES:
        return _eight_bits(image).convert("RGB")
    if image.has_transparency_data:
        over = image.convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        white.alpha_composite(over)
        return white.convert("RGB")
    try:
        return image.convert("RGB")
    except ValueError as error:
        raise PictureError(f"its colour mode {image.mode} is not supported") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and floating point grey to 8 bits; Pillow alone would clip it."""
    values: NDArray[np.float64] = np.nan_to_num(np.asarray(image).astype(np.float64))
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16") or (low >= 0 and 255 < high <= 65535):
        values = values / 257
    elif low < 0 or high > 255:
        values = (values - low) * (255 / (high - low or 1))
    elif image.mode == "F" and 0 < high <= 1:
        values = values * 255
    return Image.fromarray((values + 0.5).astype(np.uint8))


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
