"""A request with nothing left open: what a model really does, and what a recipe records."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from engine.errors import RequestError
from engine.generation.request import LCM, MAX_SIDE, GenerateRequest, Lora, checked
from engine.models.generator_info import GeneratorFacts

_ORIENTATION = 274
_LYING = (5, 6, 7, 8)
_MAX_SHAPE = MAX_SIDE // 64 * 64
_LCM_STEPS = 50
"""The steps that latent consistency models were distilled from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A checked request for one picture with the model's defaults filled in."""

    model_id: str
    prompt: str
    negative: str
    steps: int
    guidance: float
    width: int
    height: int
    scheduler: str
    loras: tuple[Lora, ...]
    start_picture: Path | None
    strength: float


def settle(request: GenerateRequest, facts: GeneratorFacts) -> Settled:
    """Fill in what `request` leaves open; raise RequestError for what the model cannot do.

    A variation without a size keeps the shape of its start picture, in about the model's area.
    """
    checked(request)
    defaults = facts.defaults
    scheduler = request.scheduler or defaults.scheduler
    if scheduler not in facts.schedulers and not (scheduler == LCM and request.loras):
        raise RequestError(
            f"{facts.id} was not made for the scheduler {scheduler}",
            hint=f"Take one of {', '.join(facts.schedulers)}, or add an LCM LoRA.",
        )
    width, height = defaults.width, defaults.height
    if request.start_picture is not None and request.width is None and request.height is None:
        width, height = _shape_of(request.start_picture, facts)
    settled = Settled(
        model_id=facts.id,
        prompt=request.prompt,
        negative=request.negative,
        steps=request.steps or defaults.steps,
        guidance=defaults.guidance if request.guidance is None else request.guidance,
        width=request.width or width,
        height=request.height or height,
        scheduler=scheduler,
        loras=request.loras,
        start_picture=request.start_picture,
        strength=request.strength,
    )
    _check_size(settled, facts)
    _check_strength(settled)
    if scheduler == LCM and settled.steps > _LCM_STEPS:
        raise RequestError(f"{LCM} takes at most {_LCM_STEPS} steps", hint="4 to 8 do.")
    return settled


def _shape_of(picture: Path, facts: GeneratorFacts) -> tuple[int, int]:
    """Return the picture's shape in the model's usual area, in its multiples of pixels."""
    from PIL import Image

    try:
        with Image.open(picture) as image:
            width, height = image.size
            if image.getexif().get(_ORIENTATION, 1) in _LYING:
                width, height = height, width
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RequestError(f"{picture} cannot be read as a picture: {error}") from error
    scale = math.sqrt(facts.defaults.width * facts.defaults.height / (width * height))
    sides = (round(side * scale / facts.multiple) * facts.multiple for side in (width, height))
    across, down = (min(max(side, facts.smallest), _MAX_SHAPE) for side in sides)
    return across, down


def _check_size(settled: Settled, facts: GeneratorFacts) -> None:
    for name, side in (("width", settled.width), ("height", settled.height)):
        if side < facts.smallest:
            raise RequestError(
                f"a {name} of {side} pixels is too small for {facts.id}",
                hint=f"Take at least {facts.smallest}.",
            )
        if side % facts.multiple:
            near = max(facts.smallest, round(side / facts.multiple) * facts.multiple)
            raise RequestError(
                f"the {name} must be a multiple of {facts.multiple} for {facts.id}, and is {side}",
                hint=f"{near} would do.",
            )


def _check_strength(settled: Settled) -> None:
    if settled.start_picture is not None and int(settled.steps * settled.strength) < 1:
        raise RequestError(
            f"{settled.steps} steps at strength {settled.strength:g} leave none to paint with",
            hint="Take more steps or a greater strength.",
        )
