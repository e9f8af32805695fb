"""What can be asked of a generator, and what a model makes of it: parameters with nothing open."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine import disk
from engine.errors import RequestError
from engine.file_types import FORMATS, register_openers
from engine.models.parameters import (
    MAX_GUIDANCE,
    MAX_SIDE,
    MAX_STEPS,
    GenerationParameters,
    Lora,
    MaskBox,
)
from engine.models.schedulers import SCHEDULERS, scheduler_named
from engine.untrusted.documents import open_file

if TYPE_CHECKING:
    from engine.models.generator_info import GeneratorInfo

MAX_COUNT = 100
MAX_SEED = (1 << 63) - 1
MAX_LORA_WEIGHT = 4.0
MAX_PROMPT = 10_000
DEFAULT_STRENGTH = 0.6
MASKED_STRENGTH = 1.0
"""What a person means who names a part to be painted anew, and no strength."""
MAX_MASK_EDGE = 512
"""Pixels that a mask may be widened or feathered by."""
MAX_TRIES = 50

RANDOM_SEEDS = 1 << 32
"""Random seeds lie below this: other tools take no larger ones."""

_ORIENTATION = 274
_LYING = (5, 6, 7, 8)
_MAX_SHAPE = MAX_SIDE // 64 * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """Pictures to generate; None leaves a value to the model's own defaults."""

    prompt: str
    negative: str = ""
    """What the picture should not show."""
    seed: int | None = None
    """Of the first picture, the next ones count on from it; None draws one."""
    steps: int | None = None
    guidance: float | None = None
    """Classifier-free guidance scale; 1 or less is without."""
    width: int | None = None
    """Pixels."""
    height: int | None = None
    scheduler: str | None = None
    """A name of schedulers.SCHEDULERS."""
    count: int = 1
    """How many pictures."""
    model: str | None = None
    """Hub id, local folder or `.safetensors` file; None takes the generator of the settings."""
    loras: tuple[Lora, ...] = ()
    start_picture: Path | None = None
    """Generate a variation of this picture, image to image."""
    strength: float | None = None
    """How far a variation may go from its start picture: above 0, 1 forgets it. None is
    DEFAULT_STRENGTH, and MASKED_STRENGTH for a part."""
    mask: Path | None = None
    """A picture, white where the start picture is painted anew; the rest stays as it is."""
    mask_box: MaskBox | None = None
    """The part of the start picture that is painted anew, in place of `mask`."""
    mask_word: str = ""
    """What is painted anew, in place of `mask`: where this is in the start picture."""
    mask_grow: int | None = None
    """Pixels by which the part is widened; None is half a patch where a word was looked for."""
    mask_feather: int | None = None
    """Pixels inside the part's edge over which the new goes into the old; None finds a number."""
    until_pass: int | None = None
    """Try so many seeds at most until a picture passes, and keep the best; None keeps all."""
    preview: bool = True
    """Report small pictures of how far it is."""

    @property
    def is_masked(self) -> bool:
        """A part of the start picture is painted anew, and the rest stays."""
        return bool(self.mask is not None or self.mask_box is not None or self.mask_word)

    @property
    def usual_strength(self) -> float:
        """Where no strength is named."""
        return MASKED_STRENGTH if self.is_masked else DEFAULT_STRENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSpec:
    """What a job is to generate, and for whom."""

    request: GenerateRequest
    drawn: int
    """The first seed where the request names none and the cache has no picture of it."""
    fresh: bool = False
    """Generate even what the cache has."""
    library: str = ""
    """Empty for a person's own pictures, else a collection's name."""
    receipt_id: str | None = None
    """The decision that it is generated for."""

    @property
    def first_seed(self) -> int:
        """Of the first picture that is new."""
        return self.drawn if self.request.seed is None else self.request.seed

    @property
    def most_pictures(self) -> int:
        """That are painted: those that are asked for, or the seeds that are tried."""
        return self.request.until_pass or self.request.count

    def seeds(self) -> list[int]:
        """One for each picture, or each that is tried."""
        return [(self.first_seed + index) % (MAX_SEED + 1) for index in range(self.most_pictures)]

    def with_new_seed(self) -> GenerationSpec:
        """The same with a seed drawn anew."""
        request = replace(self.request, seed=None)
        return replace(self, request=request, drawn=draw_seed(), fresh=True)


def draw_seed() -> int:
    """A random seed."""
    return secrets.randbelow(RANDOM_SEEDS)


def checked(request: GenerateRequest) -> GenerateRequest:
    """Return `request` if it can be carried out by some model; raise RequestError with why not.

    What depends on the model, such as the multiple that sizes must be of, is checked by `resolve`.
    """
    if not request.prompt.strip() and request.start_picture is None:
        raise RequestError(
            "there is no prompt", hint="Say what the picture should show.", field="prompt"
        )
    for name, text in (("prompt", request.prompt), ("negative", request.negative)):
        if len(text) > MAX_PROMPT:
            raise RequestError(f"a prompt may have {MAX_PROMPT} characters", field=name)
    _check_range("seed", "the seed", request.seed, 0, MAX_SEED)
    _check_range("steps", "steps", request.steps, 1, MAX_STEPS)
    _check_range("guidance", "the guidance scale", request.guidance, 0, MAX_GUIDANCE)
    _check_range("width", "the width", request.width, 1, MAX_SIDE)
    _check_range("height", "the height", request.height, 1, MAX_SIDE)
    _check_range("count", "the count", request.count, 1, MAX_COUNT)
    _check_range("until_pass", "the seeds to try", request.until_pass, 1, MAX_TRIES)
    if request.until_pass is not None and request.count > 1:
        raise RequestError(
            "of the seeds that are tried one picture is kept, so a count says nothing",
            hint="Leave the count out, or the number of tries.",
            field="count",
        )
    if request.scheduler is not None:
        scheduler_named(request.scheduler)
    for lora in request.loras:
        _check_lora(lora)
    _check_start(request)
    _check_mask(request)
    return request


def _check_range(field: str, name: str, value: float | None, low: float, high: float) -> None:
    # A comparison with "not" also refuses what is no number.
    if value is not None and not low <= value <= high:
        raise RequestError(
            f"{name} must lie between {low:g} and {high:g}, and is {value:g}", field=field
        )


def _check_lora(lora: Lora) -> None:
    name = f"the weight of {lora.path.name}"
    _check_range("loras", name, lora.weight, -MAX_LORA_WEIGHT, MAX_LORA_WEIGHT)
    if lora.path.suffix.lower() != ".safetensors":
        raise RequestError(
            f"{lora.path} is no safetensors file; other formats can run any program when they are "
            "loaded, and are not opened",
            hint="Look for a .safetensors version of the LoRA.",
            field="loras",
        )
    if not disk.is_file(lora.path):
        reason = disk.absence(lora.path, f"there is no file {lora.path}")
        raise RequestError(reason, field="loras")


def _check_start(request: GenerateRequest) -> None:
    if request.start_picture is None:
        return
    strength = request.usual_strength if request.strength is None else request.strength
    if not 0 < strength <= 1:
        raise RequestError(
            f"the strength must be above 0 and at most 1, and is {strength:g}",
            hint="0.3 stays close to the start picture, 0.8 keeps little of it.",
            field="strength",
        )
    if not disk.is_file(request.start_picture):
        path = request.start_picture
        reason = disk.absence(path, f"there is no picture {path}")
        raise RequestError(reason, field="start_picture")


def _check_mask(request: GenerateRequest) -> None:
    if not request.is_masked:
        return
    if request.start_picture is None:
        raise RequestError(
            "a mask says which part of a picture is painted anew, and there is no start picture",
            hint="Name the picture to start from.",
            field="start_picture",
        )
    named = [
        *(["a mask"] if request.mask is not None else []),
        *(["a box"] if request.mask_box is not None else []),
        *(["a word"] if request.mask_word else []),
    ]
    if len(named) > 1:
        raise RequestError(f"the part is named twice, by {' and by '.join(named)}", field="mask")
    if request.mask_word and not any(c.isalnum() for c in request.mask_word):
        raise RequestError(
            f"there is no word to look for in {request.mask_word!r}", field="mask_word"
        )
    if request.mask is not None and not disk.is_file(request.mask):
        reason = disk.absence(request.mask, f"there is no mask {request.mask}")
        raise RequestError(reason, field="mask")
    _check_range("mask_grow", "what a mask grows by", request.mask_grow, 0, MAX_MASK_EDGE)
    _check_range("mask_feather", "a mask's feather", request.mask_feather, 0, MAX_MASK_EDGE)


def resolve(request: GenerateRequest, info: GeneratorInfo) -> GenerationParameters:
    """Fill in what `request` leaves open; raise RequestError for what the model cannot do.

    A variation without a size keeps the shape of its start picture, in about the model's area.
    Where a word is in that picture is left to engine/generation/word_masks.py.
    """
    checked(request)
    defaults = info.defaults
    scheduler = SCHEDULERS[request.scheduler or defaults.scheduler]
    _check_abilities(request, info)
    is_made_to_fit = scheduler.is_distilled and request.loras and not info.follows_flow
    if scheduler.name not in info.schedulers and not is_made_to_fit:
        raise RequestError(
            f"{info.id} was not made for the scheduler {scheduler.name}",
            hint=f"Take one of {', '.join(info.schedulers)}, or add an LCM LoRA.",
            field="scheduler",
        )
    width, height = defaults.width, defaults.height
    if request.start_picture is not None and request.width is None and request.height is None:
        width, height = _shape_of(request.start_picture, info)
    parameters = GenerationParameters(
        model_id=info.id,
        prompt=request.prompt,
        negative=request.negative,
        steps=request.steps or defaults.steps,
        guidance=defaults.guidance if request.guidance is None else request.guidance,
        width=request.width or width,
        height=request.height or height,
        scheduler=scheduler.name,
        loras=request.loras,
        start_picture=request.start_picture,
        strength=request.usual_strength if request.strength is None else request.strength,
        mask=request.mask,
        mask_box=request.mask_box,
        mask_word=request.mask_word,
        mask_grow=request.mask_grow or 0,
        mask_feather=request.mask_feather,
    )
    _check_size(parameters, info)
    _check_steps(parameters)
    return parameters


def _check_abilities(request: GenerateRequest, info: GeneratorInfo) -> None:
    """Refuse what the kind of model has no way to do."""
    if request.loras and not info.takes_loras:
        raise RequestError(
            f"{info.id} takes no LoRA: diffusers' {info.pipeline} has no way to add one",
            hint="Leave the LoRA out, or take another model.",
            field="loras",
        )
    if request.is_masked and not info.inpaints:
        raise RequestError(
            f"{info.id} cannot paint a part of a picture anew: diffusers has no inpainting "
            f"pipeline for a {info.pipeline}",
            hint="Leave the mask out, or take another model.",
            field="mask",
        )
    if request.start_picture is not None and not (request.is_masked or info.starts_from_pictures):
        raise RequestError(
            f"{info.id} cannot go on from a picture: diffusers has no image-to-image pipeline for "
            f"a {info.pipeline}",
            hint="Leave the start picture out, or take another model.",
            field="start_picture",
        )


def upright_size(picture: Path) -> tuple[int, int]:
    """Width and height of a picture as it is shown. Raises RequestError where it is none."""
    from PIL import Image

    register_openers()
    try:
        with open_file(picture) as file, Image.open(file, formats=FORMATS) as image:
            width, height = image.size
            if image.getexif().get(_ORIENTATION, 1) in _LYING:
                width, height = height, width
    except Exception as error:
        # Pillow's plugins raise anything on damaged files.
        raise RequestError(
            f"{picture} cannot be read as a picture: {error}", field="start_picture"
        ) from error
    return width, height


def _shape_of(picture: Path, info: GeneratorInfo) -> tuple[int, int]:
    """Return the picture's shape in the model's usual area, in its multiples of pixels."""
    width, height = upright_size(picture)
    scale = math.sqrt(info.defaults.width * info.defaults.height / (width * height))
    sides = (round(side * scale / info.multiple) * info.multiple for side in (width, height))
    across, down = (min(max(side, info.smallest), _MAX_SHAPE) for side in sides)
    return across, down


def _check_size(parameters: GenerationParameters, info: GeneratorInfo) -> None:
    for name, side in (("width", parameters.width), ("height", parameters.height)):
        if side < info.smallest:
            raise RequestError(
                f"a {name} of {side} pixels is too small for {info.id}",
                hint=f"Take at least {info.smallest}.",
                field=name,
            )
        if side % info.multiple:
            near = max(info.smallest, round(side / info.multiple) * info.multiple)
            raise RequestError(
                f"the {name} must be a multiple of {info.multiple} for {info.id}, and is {side}",
                hint=f"{near} would do.",
                field=name,
            )


def _check_steps(parameters: GenerationParameters) -> None:
    steps, strength = parameters.steps, parameters.strength
    if parameters.start_picture is not None and int(steps * strength) < 1:
        raise RequestError(
            f"{steps} steps at strength {strength:g} leave none to paint with",
            hint="Take more steps or a greater strength.",
            field="strength",
        )
    most = SCHEDULERS[parameters.scheduler].most_steps
    if most is not None and steps > most:
        raise RequestError(
            f"{parameters.scheduler} takes at most {most} steps", hint="4 to 8 do.", field="steps"
        )
