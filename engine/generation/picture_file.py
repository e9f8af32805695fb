"""Pictures with their recipe in the file: written, and read back from whoever wrote them."""

import io
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from engine.errors import PictureError
from engine.generation.parameters import format_parameters, parse_parameters
from engine.generation.recipe import Recipe, from_json, to_json

OURS = "t2itui"
THEIRS = "parameters"
_MAX_JSON = 200_000
_EXIF = 0x8769
_USER_COMMENT = 0x9286


def encode_png(pixels: NDArray[np.uint8], recipe: Recipe) -> bytes:
    """A PNG of uint8 [height, width, 3] with its recipe, for other tools and for this program.

    The same picture and recipe give the same bytes.
    """
    info = PngInfo()
    info.add_text(THEIRS, format_parameters(recipe))
    info.add_itxt(OURS, to_json(recipe))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def read_recipe(path: Path) -> Recipe:
    """The recipe in a PNG, JPEG or WebP picture; its pixels are not decoded.

    Raises PictureError where the file is no such picture, or holds no recipe.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
                texts = _texts(image)
    except UnidentifiedImageError as error:
        raise PictureError(f"{path} is no PNG, JPEG or WebP picture") from error
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, SyntaxError, KeyError, Image.DecompressionBombError) as error:
        raise PictureError(f"{path} is damaged: {error}") from error
    recipe = _understood(texts)
    if recipe is None:
        raise PictureError(
            f"{path} holds no recipe",
            hint="Tools that paint write one into their PNGs; editing or sending a picture may "
            "have removed it.",
        )
    return recipe


def _understood(texts: Mapping[str, str]) -> Recipe | None:
    ours = texts.get(OURS, "")
    if 0 < len(ours) <= _MAX_JSON:
        try:
            return from_json(ours)
        except (ValueError, TypeError):
            pass
    try:
        return parse_parameters(texts[THEIRS])
    except (ValueError, KeyError):
        return None


def _texts(image: Image.Image) -> dict[str, str]:
    """The texts that a recipe may be in: a PNG's chunks, or the comment that cameras leave."""
    found = {
        name: str(image.info[name])
        for name in (OURS, THEIRS)
        if isinstance(image.info.get(name), str)
    }
    if not found:
        comment = image.getexif().get_ifd(_EXIF).get(_USER_COMMENT)
        if isinstance(comment, bytes):
            found[THEIRS] = _comment(comment)
    return found


def _comment(value: bytes) -> str:
    """EXIF's UserComment: eight bytes that name the encoding, then the text."""
    kind, text = value[:8], value[8:]
    if kind.startswith(b"UNICODE"):
        little = text[1::2].count(0) > text[::2].count(0)
        return text.decode("utf-16-le" if little else "utf-16-be", "replace")
    return text.decode("utf-8", "replace")
