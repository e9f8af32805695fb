"""The parameters of a generation: all that decides a picture but its seed, with nothing left open.

One shape from the request to the model process, the recipe and the screen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from engine import disk

MAX_SIDE = 4096
"""Pixels."""
MAX_STEPS = 500
MAX_GUIDANCE = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """A low-rank change to a generator's weights."""

    path: Path
    """A `.safetensors` file."""
    weight: float = 1.0
    """How much of it is added; negative takes away."""


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

    def sized(self, width: int, height: int) -> GenerationParameters:
        """The same at another size."""
        return replace(self, width=width, height=height)


def read_lora(text: str) -> Lora:
    """A LoRA as a person writes it: `FILE` or `FILE:WEIGHT`; a colon may be part of the name."""
    name, colon, weight = text.rpartition(":")
    try:
        if colon and name:
            return Lora(path=disk.from_root(disk.expanded(name)), weight=float(weight))
    except ValueError:
        pass
    return Lora(path=disk.from_root(disk.expanded(text)))
