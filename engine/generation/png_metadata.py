"""The `parameters` text that image generators write into their pictures, as A1111's web UI has it.

the prompt, over any number of lines <lora:name:0.8>
Negative prompt: what it should not show
Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 7, Size: 512x512, Model: a-name
"""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from engine.errors import PictureError
from engine.generation.recipe import Recipe, UsedLora, clean, from_json, to_json
from engine.models.schedulers import SCHEDULERS, scheduler_labelled
from engine.untrusted.documents import open_file, parse_json

MAX_LENGTH = 64_000
"""Characters; what is longer is no prompt."""

_NEGATIVE = "Negative prompt:"
_PAIR = re.compile(r'\s*(\w[\w \-/]{0,40}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
_LORA = re.compile(r"<lora:([^:<>]{1,200}):([-+]?[0-9.]{1,12})>")
_FEWEST = 3
"""A last line with fewer pairs belongs to the prompt."""


def format_parameters(recipe: Recipe) -> str:
    """Write a recipe as other tools read it; what they have no word for is left out."""
    prompt = recipe.prompt + "".join(
        f" <lora:{lora.name}:{lora.weight:g}>" for lora in recipe.loras
    )
    size = f"{recipe.width}x{recipe.height}" if recipe.width and recipe.height else None
    pairs = {
        "Steps": recipe.steps,
        "Sampler": _sampler(recipe.scheduler),
        "CFG scale": None if recipe.guidance is None else f"{recipe.guidance:g}",
        "Seed": recipe.seed,
        "Size": size,
        "Model": recipe.model or None,
        "Denoising strength": None if recipe.strength is None else f"{recipe.strength:g}",
        "Version": "t2itui",
    }
    last = ", ".join(f"{name}: {_quoted(v)}" for name, v in pairs.items() if v is not None)
    negative = [f"{_NEGATIVE} {recipe.negative}"] if recipe.negative else []
    return "\n".join([prompt, *negative, last])


def _sampler(name: str | None) -> str | None:
    known = SCHEDULERS.get(name or "")
    return name if known is None else known.label


def parse_parameters(text: str) -> Recipe:
    """Understand a `parameters` text, whoever wrote it; raise ValueError where it is none."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"it has {len(text):,} characters")
    *lines, last = clean(text).strip().split("\n")
    pairs = {match[1]: _unquoted(match[2]) for match in _PAIR.finditer(last)}
    if len(pairs) < _FEWEST:
        lines, pairs = [*lines, last], {}
    start = next((i for i, line in enumerate(lines) if line.startswith(_NEGATIVE)), len(lines))
    prompt = "\n".join(lines[:start]).strip()
    negative = "\n".join(lines[start:]).removeprefix(_NEGATIVE).strip()
    if not prompt and not pairs:
        raise ValueError("it is empty")
    return _recipe(prompt, negative, pairs)


def _recipe(prompt: str, negative: str, pairs: Mapping[str, str]) -> Recipe:
    loras = tuple(
        UsedLora(name=name, weight=_number(weight) or 0.0) for name, weight in _LORA.findall(prompt)
    )
    scheduler, unknown = _scheduler(pairs)
    size = re.fullmatch(r"(\d{1,5})x(\d{1,5})", pairs.get("Size", ""))
    return Recipe(
        prompt=re.sub(r"\s*" + _LORA.pattern, "", prompt).strip(),
        negative=negative,
        seed=_whole(pairs.get("Seed")),
        steps=_whole(pairs.get("Steps")),
        guidance=_number(pairs.get("CFG scale")),
        width=int(size[1]) if size else None,
        height=int(size[2]) if size else None,
        scheduler=scheduler,
        model=pairs.get("Model", ""),
        loras=loras,
        strength=_number(pairs.get("Denoising strength")),
        warnings=unknown,
    )


def _scheduler(pairs: Mapping[str, str]) -> tuple[str | None, tuple[str, ...]]:
    """Our name for a sampler, and a warning where there is none."""
    sampler = pairs.get("Sampler", "")
    kind = pairs.get("Schedule type", "")
    for name in (f"{sampler} {kind}", sampler):
        known = scheduler_labelled(name)
        if known is not None:
            return known.name, ()
    return None, ((f"the sampler {sampler} is not known here",) if sampler else ())


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r'[,:\n"]', text) else text


def _unquoted(text: str) -> str:
    if text.startswith('"') and len(text) > 1:
        try:
            return str(parse_json(text))
        except ValueError:
            return text
    return text.strip()


def _whole(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,19}", text) else None


def _number(text: str | None) -> float | None:
    return (
        float(text)
        if text and re.fullmatch(r"[-+]?(\d{1,9}(\.\d{0,9})?|\.\d{1,9})", text)
        else None
    )


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
            with (
                open_file(path) as file,
                Image.open(file, formats=("PNG", "JPEG", "WEBP")) as image,
            ):
                texts = _texts(image)
    except UnidentifiedImageError as error:
        raise PictureError(f"{path} is no PNG, JPEG or WebP picture") from error
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        # Pillow's plugins raise anything on damaged files.
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
