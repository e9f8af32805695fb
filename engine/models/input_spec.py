"""How an encoder wants its pictures: read from its files, carried out with Pillow alone.

Only resizing and cropping happen here; scaling and normalising the numbers is the model process's
part, so that a picture crosses as bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.errors import ModelUnusableError
from engine.models.families import CLIP_PICTURES, picture_defaults
from engine.models.messages import Json
from engine.models.paths import read_json

SHORTEST_EDGE_CROP = "shortest_edge_crop"
SQUASH = "squash"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """The picture an image tower takes."""

    height: int
    """Pixels that enter the tower."""
    width: int
    mode: str
    """SHORTEST_EDGE_CROP scales the shorter edge and cuts out the middle, SQUASH scales both."""
    shortest_edge: int = 0
    """Pixels of the shorter edge before the crop; 0 where there is no crop."""
    resample: int = Image.Resampling.BICUBIC
    """A Pillow filter."""
    scale: float = 1 / 255
    """Factor that brings a byte into the range of mean and std."""
    mean: tuple[float, ...] = CLIP_PICTURES.mean
    """Per channel, red green blue; subtracted after scaling."""
    std: tuple[float, ...] = CLIP_PICTURES.std


def read_input_spec(folder: Path) -> InputSpec:
    """Read the spec of the model in `folder` from its preprocessor configuration.

    Raises ModelUnusableError where there is none or it asks for something unknown.
    """
    found = read_json(folder / "preprocessor_config.json")
    if found is None:
        nested = (read_json(folder / "processor_config.json") or {}).get("image_processor")
        if not isinstance(nested, Mapping):
            raise ModelUnusableError(
                f"{folder} says nowhere how its pictures are prepared (preprocessor_config.json)"
            )
        found = nested
    try:
        return _spec(found)
    except (TypeError, ValueError, KeyError) as error:
        raise ModelUnusableError(
            f"the picture settings in {folder} are unknown: {error}"
        ) from error


def prepare(image: Image.Image, spec: InputSpec) -> NDArray[np.uint8]:
    """Return the pixels that enter the tower, uint8 [height, width, 3].

    Transparent pictures lie on white. Equal to transformers' Pillow image processors, bit for bit.
    """
    image = _rgb(image)
    if spec.mode == SQUASH:
        image = image.resize((spec.width, spec.height), resample=spec.resample)
    else:
        image = image.resize(_scaled(image.size, spec.shortest_edge), resample=spec.resample)
        left, top = (image.width - spec.width) // 2, (image.height - spec.height) // 2
        image = image.crop((left, top, left + spec.width, top + spec.height))
    return np.asarray(image)


def seen_part(spec: InputSpec, width: int, height: int) -> tuple[float, float, float, float]:
    """The part of a picture of that size that enters the tower: left, top, right and bottom.

    They are shares of its width and height.
    """
    if spec.mode == SQUASH or not width or not height:
        return 0.0, 0.0, 1.0, 1.0
    wide, high = _scaled((width, height), spec.shortest_edge)
    left, top = max(wide - spec.width, 0) // 2, max(high - spec.height, 0) // 2
    right, bottom = min(left + spec.width, wide), min(top + spec.height, high)
    return left / wide, top / high, right / wide, bottom / high


def _scaled(size: tuple[int, int], shortest: int) -> tuple[int, int]:
    width, height = size
    long = int(shortest * max(size) / min(size))
    return (shortest, long) if width <= height else (long, shortest)


def _rgb(image: Image.Image) -> Image.Image:
    if "A" in image.getbands() or image.info.get("transparency") is not None:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _spec(found: Mapping[str, Json]) -> InputSpec:
    if not found.get("do_resize", True):
        raise ValueError("pictures are not resized")
    usual = picture_defaults(f"{found.get('image_processor_type')} {found.get('processor_class')}")
    height, width, shortest = _size(found.get("size", 224), as_square=usual.is_squashed)
    if found.get("do_center_crop", not usual.is_squashed):
        crop_height, crop_width, _ = _size(found.get("crop_size", 224), as_square=True)
        if not shortest and (height, width) != (crop_height, crop_width):
            raise ValueError("squashed pictures are cropped")
        height, width = crop_height, crop_width
    elif shortest:
        raise ValueError("shortest_edge without a crop leaves pictures of any shape")
    if not found.get("do_normalize", True):
        found = {**found, "image_mean": (0.0,) * 3, "image_std": (1.0,) * 3}
    scale = found.get("rescale_factor", 1 / 255)
    return InputSpec(
        height=height,
        width=width,
        mode=SHORTEST_EDGE_CROP if shortest else SQUASH,
        shortest_edge=shortest,
        resample=_whole(found.get("resample", Image.Resampling.BICUBIC.value)),
        scale=_number(scale) if found.get("do_rescale", True) else 1.0,
        mean=_three(found.get("image_mean") or usual.mean),
        std=_three(found.get("image_std") or usual.std),
    )


def _size(value: Json, *, as_square: bool) -> tuple[int, int, int]:
    """Return (height, width, shortest edge) in pixels, 0 for what is not set."""
    match value:
        case {"shortest_edge": shortest}:
            return 0, 0, _edge(shortest)
        case {"height": height, "width": width}:
            return _edge(height), _edge(width), 0
    side = _edge(value)
    return (side, side, 0) if as_square else (0, 0, side)


def _whole(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 4096:
        raise ValueError(f"{value!r} is no size")
    return value


def _edge(value: Json) -> int:
    """Pixels of an edge: there is no picture of none."""
    if _whole(value) == 0:
        raise ValueError("0 is no size")
    return _whole(value)


def _number(value: Json) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _three(value: Json) -> tuple[float, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 3:
        raise ValueError(f"{value!r} are no three channels")
    return tuple(_number(entry) for entry in value)
