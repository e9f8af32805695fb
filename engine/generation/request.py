"""What can be asked of a generator, and which of it makes no sense before anything is loaded."""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import RequestError
from engine.file_types import SUFFIXES
from engine.search.query import BY_CONTENT, Term, parse

DDIM = "ddim"
DPM = "dpm++"
EULER_A = "euler-a"
LCM = "lcm"
SCHEDULERS = (DDIM, DPM, EULER_A, LCM)
"""DDIM, DPM-Solver++ 2M with Karras sigmas, Euler ancestral, latent consistency."""

MAX_SIDE = 4096
MAX_STEPS = 500
MAX_GUIDANCE = 50.0
MAX_COUNT = 100
MAX_SEED = (1 << 63) - 1
MAX_LORA_WEIGHT = 4.0
MAX_PROMPT = 10_000
DEFAULT_STRENGTH = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """A low-rank change to a generator's weights."""

    path: Path
    """A `.safetensors` file."""
    weight: float = 1.0
    """How much of it is added; negative takes away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """Pictures to paint; None leaves a value to the model's own defaults."""

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
    """One of SCHEDULERS."""
    count: int = 1
    """How many pictures."""
    model: str | None = None
    """Hub id, local folder or `.safetensors` file; None takes the generator of the settings."""
    loras: tuple[Lora, ...] = ()
    start_picture: Path | None = None
    """Paint a variation of this picture, image to image."""
    strength: float = DEFAULT_STRENGTH
    """How far a variation may go from its start picture: above 0, 1 forgets it."""
    preview: bool = True
    """Report small pictures of how far it is."""


def checked(request: GenerateRequest) -> GenerateRequest:
    """Return `request` if it can be carried out by some model; raise RequestError with why not.

    What depends on the model, such as the multiple that sizes must be of, is checked by `settle`.
    """
    if not request.prompt.strip() and request.start_picture is None:
        raise RequestError("there is no prompt", hint="Say what the picture should show.")
    if max(len(request.prompt), len(request.negative)) > MAX_PROMPT:
        raise RequestError(f"a prompt may have {MAX_PROMPT} characters")
    _check_range("the seed", request.seed, 0, MAX_SEED)
    _check_range("steps", request.steps, 1, MAX_STEPS)
    _check_range("the guidance scale", request.guidance, 0, MAX_GUIDANCE)
    _check_range("the width", request.width, 1, MAX_SIDE)
    _check_range("the height", request.height, 1, MAX_SIDE)
    _check_range("the count", request.count, 1, MAX_COUNT)
    _check_scheduler(request.scheduler)
    for lora in request.loras:
        _check_lora(lora)
    _check_start(request)
    return request


def _check_range(name: str, value: float | None, low: float, high: float) -> None:
    # A comparison with "not" also refuses what is no number.
    if value is not None and not low <= value <= high:
        raise RequestError(f"{name} must lie between {low:g} and {high:g}, and is {value:g}")


def _check_scheduler(name: str | None) -> None:
    if name is not None and name not in SCHEDULERS:
        raise RequestError(
            f"there is no scheduler {name!r}", hint=f"Take one of {', '.join(SCHEDULERS)}."
        )


def _check_lora(lora: Lora) -> None:
    _check_range(f"the weight of {lora.path.name}", lora.weight, -MAX_LORA_WEIGHT, MAX_LORA_WEIGHT)
    if lora.path.suffix.lower() != ".safetensors":
        raise RequestError(
            f"{lora.path} is no safetensors file; other formats can run any program when they are "
            "loaded, and are not opened",
            hint="Look for a .safetensors version of the LoRA.",
        )
    if not lora.path.is_file():
        raise RequestError(f"there is no file {lora.path}")


def _check_start(request: GenerateRequest) -> None:
    if request.start_picture is None:
        return
    if not 0 < request.strength <= 1:
        raise RequestError(
            f"the strength must be above 0 and at most 1, and is {request.strength:g}",
            hint="0.3 stays close to the start picture, 0.8 keeps little of it.",
        )
    if not request.start_picture.is_file():
        raise RequestError(f"there is no picture {request.start_picture}")


def prompts_of(query: str) -> tuple[str, str]:
    """The prompt and the negative prompt: the texts that a query adds, and those it takes away.

    Pictures that a mix names have no words. Raises RequestError where no text is left to paint.
    """
    terms = [term for term in parse(query).terms if not _is_picture(term)]
    prompt = ", ".join(term.text for term in terms if term.weight > 0)
    negative = ", ".join(term.text for term in terms if term.weight < 0)
    if not prompt:
        raise RequestError(
            "the query names no text that could be painted", hint="Say in words what to paint."
        )
    return prompt, negative


def texts_of(query: str) -> tuple[str, ...]:
    """The texts that a query adds, each alone; none where it names pictures only."""
    terms = [term for term in parse(query).terms if not _is_picture(term)]
    return tuple(term.text for term in terms if term.weight > 0)


def _is_picture(term: Term) -> bool:
    raw = term.raw.lower()
    return raw.startswith(BY_CONTENT) or raw.endswith(SUFFIXES)
