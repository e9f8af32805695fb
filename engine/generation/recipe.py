"""How a picture was painted, as far as it is known: the recipe, and the request that repeats it."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from engine.errors import RequestError
from engine.generation.parameters import Settled
from engine.generation.request import (
    DEFAULT_STRENGTH,
    GenerateRequest,
    Lora,
)
from engine.jobs.codec import Order
from engine.models.progress import Painted

FORMULA = 1
"""One more whenever the same request paints another picture."""


def digest(order: Order, settled: Settled) -> Digests:
    """Hash what decides a picture, all but its seed, with the content of the files it names.

    A picture answers for the library that it joined alone, so that decides too.
    Reads those files: call it in a thread. Raises RequestError where one cannot be read.
    """
    loras = tuple(_hash(lora.path) for lora in settled.loras)
    start = "" if settled.start_picture is None else _hash(settled.start_picture)
    whole = {
        **asdict(settled),
        "loras": [[sha256, lora.weight] for sha256, lora in zip(loras, settled.loras, strict=True)],
        "start_picture": start,
        "strength": settled.strength if start else None,
        "library": order.library,
        "formula": FORMULA,
    }
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return Digests(request_key=hashlib.sha256(text.encode()).hexdigest(), loras=loras, start=start)


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror}") from error


VERSION = 1
"""Of the JSON form; a reader takes the fields that it knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedLora:
    """A LoRA that took part."""

    name: str
    """Of its file, without the ending."""
    weight: float
    sha256: str = ""
    path: str = ""
    """On the machine that painted; never in a picture's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """SHA-256, in hex, of what a request rests on."""

    request_key: str
    loras: tuple[str, ...] = ()
    start: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What made a picture; None or empty where that is not known."""

    prompt: str
    negative: str = ""
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    width: int | None = None
    height: int | None = None
    scheduler: str | None = None
    """One of request.SCHEDULERS."""
    model: str = ""
    """The id of the generator."""
    source: str = ""
    """What to load it from, on the machine that painted; never in a picture's file."""
    loras: tuple[UsedLora, ...] = ()
    start_sha256: str = ""
    """Of the picture it is a variation of."""
    start_path: str = ""
    """On the machine that painted; never in a picture's file."""
    strength: float | None = None
    device: str = ""
    dtype: str = ""
    steps_down: tuple[str, ...] = ()
    library: str = ""
    """Whose pictures it joined: empty for a person's own, else 'storybook'."""
    request_key: str = ""
    """What the cache finds the picture by, together with the seed."""
    remarks: tuple[str, ...] = ()
    """What could not be understood, for people."""


def recipe_of(
    settled: Settled, painted: Painted, digests: Digests, *, source: str, library: str = ""
) -> Recipe:
    """The recipe of a picture that was just painted."""
    start = settled.start_picture
    return Recipe(
        prompt=settled.prompt,
        negative=settled.negative,
        seed=painted.seed,
        steps=painted.steps,
        guidance=painted.guidance,
        width=painted.width,
        height=painted.height,
        scheduler=painted.scheduler,
        model=painted.model_id,
        source=source,
        loras=tuple(
            UsedLora(name=lora.path.stem, weight=lora.weight, sha256=sha256, path=str(lora.path))
            for lora, sha256 in zip(settled.loras, digests.loras, strict=True)
        ),
        start_sha256=digests.start,
        start_path="" if start is None else str(start),
        strength=None if start is None else settled.strength,
        device=painted.device,
        dtype=painted.dtype,
        steps_down=painted.steps_down,
        library=library,
        request_key=digests.request_key,
    )


_PRIVATE = ("source", "start_path")


def to_json(recipe: Recipe, *, private: bool = False) -> str:
    """One spelling of a recipe; `private` keeps the paths of this machine in it."""
    values = asdict(recipe)
    del values["remarks"]
    if not private:
        for name in _PRIVATE:
            del values[name]
        for lora in values["loras"]:
            del lora["path"]
    kept = {name: value for name, value in values.items() if value not in (None, "", [], ())}
    kept["version"] = VERSION
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def from_json(text: str, *, private: bool = False) -> Recipe:
    """Understand the JSON form, whoever wrote it; raise ValueError where that cannot be done.

    Paths are taken from this machine's own notes (`private`) alone, never from a picture.
    """
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, dict) or not isinstance(found.get("prompt"), str):
        raise ValueError("it names no prompt")
    known = {field.name: field.type for field in fields(Recipe)}
    values: dict[str, object] = {}
    for name, value in found.items():
        if name == "loras" and isinstance(value, list):
            values[name] = tuple(_lora(entry, private=private) for entry in value)
        elif name == "steps_down" and isinstance(value, list):
            values[name] = tuple(clean(str(entry)) for entry in value)
        elif name in known and name != "remarks" and (private or name not in _PRIVATE):
            values[name] = _typed(value, known[name])
    return Recipe(**values)  # type: ignore[arg-type]


def request_from(recipe: Recipe, *, model: str | None = None) -> tuple[GenerateRequest, list[str]]:
    """The request that paints the same again, and what of the recipe it has to leave out.

    `model` stands for a model that is known by id alone. The request is not checked yet.
    """
    remarks = list(recipe.remarks)
    loras = []
    for used in recipe.loras:
        if used.path and Path(used.path).is_file():
            loras.append(Lora(path=Path(used.path), weight=used.weight))
        else:
            remarks.append(f"the LoRA {used.name} ({used.weight:g}) is not at hand")
    start = Path(recipe.start_path) if recipe.start_path else None
    if recipe.start_sha256 and (start is None or not start.is_file()):
        start = None
        remarks.append("it is a variation of a picture that is not at hand")
    request = GenerateRequest(
        prompt=recipe.prompt,
        negative=recipe.negative,
        seed=recipe.seed,
        steps=recipe.steps,
        guidance=recipe.guidance,
        width=recipe.width,
        height=recipe.height,
        scheduler=recipe.scheduler,
        model=recipe.source or model,
        loras=tuple(loras),
        start_picture=start,
        strength=DEFAULT_STRENGTH if recipe.strength is None else recipe.strength,
    )
    return request, remarks


def clean(text: str) -> str:
    """Text as it may be kept: no control characters but line ends, nothing that is no Unicode."""
    return "".join(
        c for c in text if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs", "Co")
    )


def _lora(entry: object, *, private: bool) -> UsedLora:
    if not isinstance(entry, Mapping):
        raise ValueError("a LoRA is no object")
    return UsedLora(
        name=clean(str(entry.get("name", ""))),
        weight=float(entry.get("weight", 1.0)),
        sha256=clean(str(entry.get("sha256", ""))),
        path=str(entry.get("path", "")) if private else "",
    )


def _typed(value: object, wanted: object) -> object:
    """The value, if it is of the type that the field's annotation names."""
    kind = str(wanted).removesuffix(" | None")
    if kind == "str" and isinstance(value, str):
        return clean(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "int" and isinstance(value, int) and is_number:
        return value
    if kind == "float" and is_number:
        return float(value)  # type: ignore[arg-type]
    raise ValueError(f"{value!r} is no {kind}")
