"""How a picture was generated, as far as it is known, and the request that repeats it."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from engine import disk
from engine.errors import RequestError
from engine.generation.request import MAX_SEED, GenerateRequest
from engine.models.parameters import GenerationParameters, Lora, MaskBox, read_box
from engine.untrusted.documents import finite_number, parse_object

if TYPE_CHECKING:
    from engine.models.generator_messages import GeneratedImage

FORMULA = 1
"""One more whenever the same request gives another picture."""


def digest(parameters: GenerationParameters, library: str) -> Digests:
    """Hash what decides a picture, all but its seed, with the content of the files it names.

    A picture answers for the library that it joined alone, so that decides too.
    Reads those files: call it in a thread. Raises RequestError where one cannot be read.
    """
    loras = tuple(_hash(lora.path, "loras") for lora in parameters.loras)
    start = parameters.start_picture
    start_sha256 = "" if start is None else _hash(start, "start_picture")
    mask_sha256 = "" if parameters.mask is None else _hash(parameters.mask, "mask")
    weights = [lora.weight for lora in parameters.loras]
    masks = {name: getattr(parameters, name) for name in _MASKS}
    masks |= {"mask": mask_sha256, "mask_box": str(parameters.mask_box or "")}
    if parameters.mask_map is not None:
        masks["mask_map"] = str(parameters.mask_map)
    decides = {
        name: value for name, value in asdict(parameters).items() if name not in _NOT_AS_THEY_ARE
    }
    whole = {
        **decides,
        # Pictures that were painted before there were masks are found by the same key.
        **(masks if parameters.is_inpainting else {}),
        "loras": [list(pair) for pair in zip(loras, weights, strict=True)],
        "start_picture": start_sha256,
        "strength": parameters.strength if start_sha256 else None,
        "library": library,
        "formula": FORMULA,
    }
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), allow_nan=False)
    key = hashlib.sha256(text.encode()).hexdigest()
    return Digests(request_key=key, loras=loras, start=start_sha256, mask=mask_sha256)


_MASKS = ("mask", "mask_box", "mask_grow", "mask_feather")
_NOT_AS_THEY_ARE = frozenset({*_MASKS, "mask_map", "mask_word"})


def _hash(path: Path, field: str) -> str:
    try:
        status = path.stat()
        return _content_hash(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror}", field=field) from error


@lru_cache(maxsize=64)
def _content_hash(path: Path, size: int, mtime_ns: int) -> str:
    """Of a file as it was last changed: a sheet asks for the same ones again and again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_BEYOND = 2.0**64
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
    """On the machine that generated it; never in a picture's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """SHA-256, in hex, of what a request rests on."""

    request_key: str
    loras: tuple[str, ...] = ()
    start: str = ""
    mask: str = ""


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
    """A name of schedulers.SCHEDULERS."""
    model: str = ""
    """The id of the generator."""
    source: str = ""
    """What to load it from, on the machine that generated; never in a picture's file."""
    loras: tuple[UsedLora, ...] = ()
    start_sha256: str = ""
    """Of the picture it is a variation of."""
    start_path: str = ""
    """On the machine that generated it; never in a picture's file."""
    strength: float | None = None
    mask_sha256: str = ""
    """Of the picture that shows which part of the start picture was painted anew."""
    mask_path: str = ""
    """On the machine that generated it; never in a picture's file."""
    mask_box: str = ""
    """The part of the start picture that was painted anew, `x,y,width,height`."""
    mask_word: str = ""
    """What was painted anew: where this is in the start picture."""
    mask_grow: int | None = None
    mask_feather: int | None = None
    tries: int | None = None
    """How many seeds could be tried for it; None where it was not chosen among several."""
    chosen: str = ""
    """Why it was kept of those that were tried, for people."""
    device: str = ""
    dtype: str = ""
    memory_fallbacks: tuple[str, ...] = ()
    """Stored as `steps_down`."""
    library: str = ""
    """Whose pictures it joined: empty for a person's own, else a collection's name."""
    request_key: str = ""
    """What the cache finds the picture by, together with the seed."""
    warnings: tuple[str, ...] = ()
    """What could not be understood, for people."""


def recipe_of(image: GeneratedImage, digests: Digests, *, source: str, library: str = "") -> Recipe:
    """The recipe of a picture that was just generated."""
    parameters = image.parameters
    start = parameters.start_picture
    return Recipe(
        prompt=parameters.prompt,
        negative=parameters.negative,
        seed=image.seed,
        steps=parameters.steps,
        guidance=parameters.guidance,
        width=parameters.width,
        height=parameters.height,
        scheduler=parameters.scheduler,
        model=parameters.model_id,
        source=source,
        loras=tuple(
            UsedLora(name=lora.path.stem, weight=lora.weight, sha256=sha256, path=str(lora.path))
            for lora, sha256 in zip(parameters.loras, digests.loras, strict=True)
        ),
        start_sha256=digests.start,
        start_path="" if start is None else str(start),
        strength=None if start is None else parameters.strength,
        mask_sha256=digests.mask,
        mask_path="" if parameters.mask is None else str(parameters.mask),
        mask_box=str(parameters.mask_box or ""),
        mask_word=parameters.mask_word,
        mask_grow=parameters.mask_grow if parameters.is_inpainting else None,
        mask_feather=parameters.mask_feather if parameters.is_inpainting else None,
        device=image.device,
        dtype=image.dtype,
        memory_fallbacks=image.memory_fallbacks,
        library=library,
        request_key=digests.request_key,
    )


_PRIVATE = ("source", "start_path", "mask_path")
_FALLBACKS = "steps_down"
"""The key of `memory_fallbacks` in recipes that are stored and in pictures that were sent."""


def to_json(recipe: Recipe, *, private: bool = False) -> str:
    """One spelling of a recipe; `private` keeps the paths of this machine in it."""
    values = asdict(recipe)
    del values["warnings"]
    values[_FALLBACKS] = values.pop("memory_fallbacks")
    if not private:
        for name in _PRIVATE:
            del values[name]
        for lora in values["loras"]:
            del lora["path"]
    known = {name: value for name, value in values.items() if value not in (None, "", [], ())}
    known["version"] = VERSION
    return json.dumps(known, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def from_json(text: str, *, private: bool = False) -> Recipe:
    """Understand the JSON form, whoever wrote it; raise ValueError where that cannot be done.

    Paths are taken from this machine's own notes (`private`) alone, never from a picture.
    """
    found = parse_object(text, with_names=private)
    if not isinstance(found.get("prompt"), str):
        raise ValueError("it names no prompt")
    known = {field.name: field.type for field in fields(Recipe)}
    values: dict[str, object] = {}
    for name, value in found.items():
        match name, value:
            case "loras", list():
                values[name] = tuple(_lora(entry, private=private) for entry in value)
            case _, list() if name == _FALLBACKS:
                values["memory_fallbacks"] = tuple(clean(str(entry)) for entry in value)
            case "warnings", _:
                pass  # They are of the one who reads.
            case _ if name in known and (private or name not in _PRIVATE):
                values[name] = _typed(name, value, known[name])
    return Recipe(**values)  # type: ignore[arg-type]


def request_from(
    recipe: Recipe, *, model: str | None = None, generator: str = ""
) -> tuple[GenerateRequest, list[str]]:
    """The request that generates the same again, and what of the recipe it has to leave out.

    `model` stands for a model that is known by id alone; `generator` is what is loaded where
    nothing names one. The request is not checked yet.
    """
    warnings = list(recipe.warnings)
    paints = model or generator
    if recipe.model and not recipe.source and not _is_same(recipe.model, paints):
        warnings.append(f"its model {recipe.model} is not what paints: {paints or 'another'} does")
    seed = recipe.seed
    if seed is not None and seed > MAX_SEED:
        seed = None
        warnings.append(f"its seed {recipe.seed} is too large, so another one is drawn")
    loras = []
    for used in recipe.loras:
        if used.path and disk.is_file(used.path):
            loras.append(Lora(path=Path(used.path), weight=used.weight))
        else:
            warnings.append(f"the LoRA {used.name} ({used.weight:g}) is not at hand")
    start = Path(recipe.start_path) if recipe.start_path else None
    if recipe.start_sha256 and (start is None or not disk.is_file(start)):
        start = None
        warnings.append("it is a variation of a picture that is not at hand")
    mask, box = _mask_of(recipe, warnings) if start is not None else (None, None)
    word = recipe.mask_word if start is not None else ""
    request = GenerateRequest(
        prompt=recipe.prompt,
        negative=recipe.negative,
        seed=seed,
        steps=recipe.steps,
        guidance=recipe.guidance,
        width=recipe.width,
        height=recipe.height,
        scheduler=recipe.scheduler,
        model=recipe.source or model,
        loras=tuple(loras),
        start_picture=start,
        strength=recipe.strength,
        mask=mask,
        mask_box=box,
        mask_word=word,
        mask_grow=recipe.mask_grow if word else recipe.mask_grow or None,
        mask_feather=recipe.mask_feather,
    )
    return request, warnings


def _mask_of(recipe: Recipe, warnings: list[str]) -> tuple[Path | None, MaskBox | None]:
    """The mask or the box of a recipe; what of them is lost is warned of."""
    if recipe.mask_box:
        try:
            return None, read_box(recipe.mask_box)
        except ValueError as error:
            warnings.append(f"the part that it painted anew is not understood: {error}")
    elif recipe.mask_sha256:
        if recipe.mask_path and disk.is_file(recipe.mask_path):
            return Path(recipe.mask_path), None
        warnings.append("the mask that it was painted by is not at hand: all of it is painted")
    return None, None


def _is_same(model_id: str, source: str) -> bool:
    """Whether what is loaded from a source may go by such an id."""
    return model_id in (source, Path(source).stem) or model_id.startswith(f"{Path(source).stem}@")


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
        weight=finite_number(entry.get("weight", 1.0)),
        sha256=clean(str(entry.get("sha256", ""))),
        path=str(entry.get("path", "")) if private else "",
    )


def _typed(name: str, value: object, wanted: object) -> object:
    """The value, if it is of the type that the field's annotation names."""
    kind = str(wanted).removesuffix(" | None")
    match kind, value:
        case "str", str():
            return clean(value)
        case "int", int() if abs(finite_number(value)) < _BEYOND:
            return value
        case "float", _:
            return finite_number(value)
    raise ValueError(f"{name} is no {kind}")
