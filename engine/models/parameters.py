"""The parameters of a generation: all that decides a picture but its seed, with nothing left open.

One shape from the request to the model process, the recipe and the screen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from engine import disk

MAX_SIDE = 4096
"""Pixels."""
MAX_STEPS = 500
MAX_BOX = 100_000
"""Pixels, beyond which no picture goes."""
MAX_GUIDANCE = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """A low-rank change to a generator's weights."""

    path: Path
    """A `.safetensors` file."""
    weight: float = 1.0
    """How much of it is added; negative takes away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskBox:
    """A part of a picture: in fractions of its sides where all are at most 1, else in pixels."""

    x: float
    """Of its left side."""
    y: float
    """Of its upper side."""
    width: float
    height: float

    def __str__(self) -> str:
        return f"{self.x:g},{self.y:g},{self.width:g},{self.height:g}"

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in a picture of that size; right and bottom lie outside."""
        is_share = max(self.x, self.y, self.width, self.height) <= 1
        across, down = (width, height) if is_share else (1, 1)
        left, top = round(self.x * across), round(self.y * down)
        right, bottom = left + round(self.width * across), top + round(self.height * down)
        return min(left, width), min(top, height), min(right, width), min(bottom, height)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskMap:
    """A part of a picture by the patches that an encoder sees of it."""

    rows: int
    columns: int
    levels: str
    """Of each patch, row by row, two hex digits: 80 and above is painted anew."""
    seen: tuple[float, float, float, float]
    """What the patches cover, as shares of its sides: left, top, right and bottom."""

    def __str__(self) -> str:
        seen = ",".join(f"{side:.4f}" for side in self.seen)
        return f"{self.rows}x{self.columns} {seen} {self.levels}"


Texts: TypeAlias = tuple[str, str]
"""A prompt and a negative prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationParameters:
    """All that decides a picture but its seed, with nothing left open."""

    model_id: str
    prompt: str
    negative: str
    steps: int
    guidance: float
    width: int
    """Pixels, as `height`."""
    height: int
    scheduler: str
    """A name of schedulers.SCHEDULERS."""
    loras: tuple[Lora, ...]
    start_picture: Path | None
    strength: float
    mask: Path | None = None
    """A picture that is white where the start picture may change; None for all of it, or a box."""
    mask_box: MaskBox | None = None
    """Where the start picture may change, in place of a mask."""
    mask_map: MaskMap | None = None
    """The same, where a word was looked for."""
    mask_word: str = ""
    """That word; for people and for recipes, the map decides."""
    mask_grow: int = 0
    """Pixels of the start picture by which that is widened."""
    mask_feather: int | None = None
    """Pixels inside its edge over which the new goes into the old; None takes a fitting number."""

    @property
    def is_inpainting(self) -> bool:
        """A part of the start picture is painted anew, and the rest stays."""
        return any(each is not None for each in (self.mask, self.mask_box, self.mask_map))

    @property
    def texts(self) -> Texts:
        """Its prompt, and what it is not to show."""
        return self.prompt, self.negative

    def saying(self, texts: Texts) -> GenerationParameters:
        """The same with other texts."""
        return replace(self, prompt=texts[0], negative=texts[1])

    def joins(self, other: GenerationParameters) -> bool:
        """Whether both can be painted in one go: only their texts differ, and of negative ones
        both have one or neither, as a pipeline may take an empty one for another thing than none.
        """
        same = self.saying(other.texts) == other
        return same and bool(self.negative) == bool(other.negative)

    def sized(self, width: int, height: int) -> GenerationParameters:
        """The same at another size."""
        return replace(self, width=width, height=height)


def read_box(text: str) -> MaskBox:
    """A box as a person writes it: `x,y,width,height`. Raises ValueError where it is none."""
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"{text!r} is no box: write x,y,width,height") from error
    sides = (x, y, width, height)
    if not all(0 <= side <= MAX_BOX for side in sides) or width == 0 or height == 0:
        raise ValueError(f"{text!r} is no part of a picture: it has nothing in it")
    return MaskBox(x=x, y=y, width=width, height=height)


def read_map(text: str) -> MaskMap:
    """A map as it is written. Raises ValueError where it is none."""
    shape, sides, levels = text.split(" ")
    rows, columns = (int(number) for number in shape.split("x"))
    left, top, right, bottom = (float(side) for side in sides.split(","))
    if len(bytes.fromhex(levels)) != rows * columns:
        raise ValueError(f"{text!r} is no map of {rows} x {columns} patches")
    return MaskMap(rows=rows, columns=columns, levels=levels, seen=(left, top, right, bottom))


def read_lora(text: str) -> Lora:
    """A LoRA as a person writes it: `FILE` or `FILE:WEIGHT`; a colon may be part of the name."""
    name, colon, weight = text.rpartition(":")
    try:
        if colon and name:
            return Lora(path=disk.from_root(disk.expanded(name)), weight=float(weight))
    except ValueError:
        pass
    return Lora(path=disk.from_root(disk.expanded(text)))
