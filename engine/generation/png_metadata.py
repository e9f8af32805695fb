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
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from engine.errors import PictureError
from engine.generation.foreign_recipes import (
    JSON_READERS,
    NOT_READ,
    Lost,
    json_tool,
    named_scheduler,
    note_syntax,
    read_json_recipe,
    read_novelai,
    without_tags,
)
from engine.generation.recipe import Recipe, clean, from_json, to_json
from engine.models.schedulers import SCHEDULERS
from engine.untrusted.documents import open_file, parse_json

MAX_LENGTH = 64_000
"""Characters; what is longer is no prompt."""

_NEGATIVE = "Negative prompt:"
_PAIR = re.compile(r'\s*(\w[\w \-/]{0,40}):[ \t]*("(?:\\.|[^\\"])*"|[^,\n]*)(?:,|\n|$)')
_FEWEST = 3
"""A last line with fewer pairs belongs to the prompt."""
_SIGNS = frozenset({"Steps", "Sampler", "Seed", "CFG scale"})
"""Pairs are those of a recipe if one of them is."""
_PASSED_OVER = _SIGNS | {
    *("Schedule type", "Size", "Model", "Model hash", "Version", "Clip skip", "Denoising strength"),
    *("VAE hash", "Lora hashes", "TI hashes", "Hashes", "RNG", "Created Date", "User", "App"),
    *("Template", "Negative Template", "Wildcard prompt", "Wildcard negative prompt"),
}
"""Names that are understood, or that decide nothing that can be repeated."""
_MOST_NAMED = 6


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


def parse_parameters(text: str, *, needs_pairs: bool = False) -> Recipe:
    """Understand a `parameters` text, whoever wrote it; raise ValueError where it is none.

    With `needs_pairs` a text without any of the pairs that such a text ends with is none: a
    comment may be about anything.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"it has {len(text):,} characters")
    lines = clean(text).strip().split("\n")
    start = _start_of_pairs(lines)
    if needs_pairs and start == len(lines):
        raise ValueError("it has no pairs such as Steps: 20")
    pairs: dict[str, str] = {}
    for match in _PAIR.finditer("\n".join(lines[start:])):
        # Extensions write what they have to say behind the first ones.
        pairs.setdefault(match[1], _unquoted(match[2]))
    lines = lines[:start]
    start = next((i for i, line in enumerate(lines) if line.startswith(_NEGATIVE)), len(lines))
    prompt = "\n".join(lines[:start]).strip()
    negative = "\n".join(lines[start:]).removeprefix(_NEGATIVE).strip()
    if not prompt and not pairs:
        raise ValueError("it is empty")
    return _recipe(prompt, negative, pairs)


def _start_of_pairs(lines: Sequence[str]) -> int:
    """The line that the pairs begin with; behind the last one where there are none."""
    for number in range(len(lines) - 1, -1, -1):
        is_last = number == len(lines) - 1
        if is_last or lines[number].startswith("Steps:"):
            names = {match[1] for match in _PAIR.finditer(lines[number])}
            if len(names) >= _FEWEST and names & _SIGNS:
                return number
    return len(lines)


def _recipe(prompt: str, negative: str, pairs: Mapping[str, str]) -> Recipe:
    lost = Lost()
    prompt, loras = without_tags(prompt, lost)
    note_syntax(f"{prompt}\n{negative}", lost)
    scheduler, unknown = named_scheduler(pairs.get("Sampler", ""), pairs.get("Schedule type", ""))
    size = re.fullmatch(r"(\d{1,5})x(\d{1,5})", pairs.get("Size", ""))
    skipped = _whole(pairs.get("Clip skip"))
    if skipped not in (None, 1):
        lost.add(f"clip skip {skipped}")
    for name in _other_names(pairs):
        lost.add(name)
    return Recipe(
        prompt=prompt,
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
        warnings=(*unknown, *lost.warnings()),
    )


def _other_names(pairs: Mapping[str, str]) -> list[str]:
    """What else the pairs are about: extensions begin the names of theirs with one word."""
    others = [name for name in pairs if name not in _PASSED_OVER]
    first = Counter(name.split(" ")[0] for name in others)
    found = dict.fromkeys(
        name.split(" ")[0] if first[name.split(" ")[0]] > 1 else name for name in others
    )
    listed = list(found)
    if len(listed) <= _MOST_NAMED:
        return listed
    return [*listed[:_MOST_NAMED], f"{len(listed) - _MOST_NAMED} more"]


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
    return int(text) if text and re.fullmatch(r"\d{1,20}", text) else None


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
    return _understood(path, texts)


def _understood(path: Path, texts: Mapping[str, str]) -> Recipe:
    refused = None
    for tool, read in _readings(texts):
        try:
            return read()
        except (ValueError, TypeError) as error:
            refused = refused or PictureError(
                f"{path} holds a recipe of {tool}, which is not understood: {error}",
                hint="What it asks for can be given to t2itui generate by hand.",
            )
    raise refused or PictureError(
        f"{path} holds no recipe",
        hint="Tools that paint write one into their PNGs; editing or sending a picture may "
        "have removed it.",
    )


def _readings(texts: Mapping[str, str]) -> Iterator[tuple[str, Callable[[], Recipe]]]:
    """Who wrote a recipe into a picture, and how to read it, the surest first."""
    theirs, comment = texts.get(THEIRS, ""), texts.get(_COMMENT, "")
    if 0 < len(texts.get(OURS, "")) <= _MAX_JSON:
        yield "t2itui", partial(from_json, texts[OURS])
    for name, (tool, read) in JSON_READERS.items():
        if texts.get(name, "").lstrip().startswith("{"):
            yield tool, partial(read, texts[name])
    if (writer := json_tool(theirs)) is not None:
        yield writer or "a tool that is not known", partial(read_json_recipe, theirs)
    elif theirs:
        # A prompt may begin so, too, and broken JSON does.
        needs_pairs = theirs.lstrip().startswith("{")
        yield "A1111's web UI", partial(parse_parameters, theirs, needs_pairs=needs_pairs)
    if writer := json_tool(comment):
        yield writer, partial(read_json_recipe, comment)
    elif comment:
        with suppress(ValueError):
            recipe = parse_parameters(comment, needs_pairs=True)
            yield "A1111's web UI", lambda: recipe
    if _NOVELAI in texts.get("Software", ""):
        yield _NOVELAI, partial(read_novelai, texts)
    for name, tool in NOT_READ.items():
        if name in texts:
            yield tool, _not_read


def _not_read() -> Recipe:
    raise ValueError("this form of it is not read")


_NOVELAI = "NovelAI"
_OF_NOVELAI = ("Software", "Source", "Description", "Comment")
_NAMES = (OURS, THEIRS, *JSON_READERS, *NOT_READ)
_COMMENT = "comment"
_IN_EXIF = (0x010E, 0x010F, 0x0110)
"""Description, maker and model of the camera, where ComfyUI writes `Prompt:{...}` into WebP."""


def _texts(image: Image.Image) -> dict[str, str]:
    """The texts that a recipe may be in: a PNG's chunks, or the comment that cameras leave."""
    found = {
        name: str(image.info[name]) for name in _NAMES if isinstance(image.info.get(name), str)
    }
    if _NOVELAI in str(image.info.get("Software", "")):
        found |= {each: str(image.info[each]) for each in _OF_NOVELAI if each in image.info}
    if not found:
        exif = image.getexif()
        comment = exif.get_ifd(_EXIF).get(_USER_COMMENT)
        if isinstance(comment, bytes | str):
            found[_COMMENT] = _comment(comment) if isinstance(comment, bytes) else comment
        for tag in _IN_EXIF:
            name, colon, text = str(exif.get(tag, "")).partition(":")
            if colon and name.lower() in ("prompt", "workflow"):
                found[name.lower()] = text.rstrip("\0")
    return found


def _comment(value: bytes) -> str:
    """EXIF's UserComment: eight bytes that name the encoding, then the text."""
    kind, text = value[:8], value[8:]
    if kind.startswith(b"UNICODE"):
        little = text[1::2].count(0) > text[::2].count(0)
        return text.decode("utf-16-le" if little else "utf-16-be", "replace")
    return text.decode("utf-8", "replace")
