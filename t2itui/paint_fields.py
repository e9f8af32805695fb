"""The lines of the painting form as a person types them, and which of them an error is about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.errors import RequestError
from engine.generation.facts import GeneratorFacts
from engine.generation.request import MAX_STEPS, Lora
from t2itui.wording import size_words

PRESETS = ("quick", "standard", "fine")
SHARES = {"quick": 0.4, "standard": 1.0, "fine": 2.0}
"""Steps of a preset, in the model's own number of steps."""

PLACES = (
    ("seed", "seed"),
    ("guidance", "guidance"),
    ("strength", "strength"),
    ("scheduler", "scheduler"),
    ("count", "count"),
    ("width", "size"),
    ("height", "size"),
    ("steps", "steps"),
    ("safetensors", "loras"),
    ("weight of", "loras"),
    ("prompt", "prompt"),
    ("picture", "start"),
    ("file", "loras"),
)
"""A word of an error, and the line of the form that it is about; the first that fits counts."""


def preset_steps(name: str, facts: GeneratorFacts) -> int:
    """Steps of a preset for a model."""
    return max(1, min(MAX_STEPS, round(facts.defaults.steps * SHARES[name])))


def read_size(text: str) -> tuple[int, int] | None:
    """Width and height of `512x384`, or `512` for a square; None where nothing stands.

    Raises:
        ValueError: it is no size.
    """
    if not text.strip():
        return None
    parts = text.strip().lower().replace("×", "x").split("x")
    if len(parts) > 2 or not all(part.strip().isdecimal() for part in parts):
        raise ValueError("write a size as 512x384, or 512 for a square")
    return int(parts[0]), int(parts[-1])


def size_text(width: int | None, height: int | None) -> str:
    """A size as it is typed; empty where it is left to the model."""
    return f"{width}x{height}" if width and height else ""


def read_loras(text: str) -> tuple[Lora, ...]:
    """LoRA files with their weights out of `a.safetensors:0.8, b.safetensors`."""
    return tuple(_lora(entry.strip()) for entry in text.split(",") if entry.strip())


def _lora(entry: str) -> Lora:
    name, colon, weight = entry.rpartition(":")
    try:
        if colon and name:
            return Lora(path=Path(name).expanduser().absolute(), weight=float(weight))
    except ValueError:
        pass
    return Lora(path=Path(entry).expanduser().absolute())


def loras_text(loras: Sequence[Lora]) -> str:
    """LoRA files as they are typed."""
    return ", ".join(
        f"{lora.path}:{lora.weight:g}" if lora.weight != 1 else str(lora.path) for lora in loras
    )


def place_of(error: RequestError) -> str:
    """The line that an error is about; the prompt's where none is known."""
    message = error.message.lower()
    return next((place for word, place in PLACES if word in message), "prompt")


def facts_words(facts: GeneratorFacts) -> str:
    """What a model is and paints with unless told otherwise."""
    defaults = facts.defaults
    return (
        f"{facts.id}, {size_words(facts.size_bytes)}: {defaults.width}x{defaults.height} in"
        f" {defaults.steps} steps; sides in multiples of {facts.multiple};"
        f" {', '.join(facts.schedulers)}"
    )
