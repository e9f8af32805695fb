"""What there is to know of a generator without running it."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine import disk
from engine.errors import ModelMissingError, ModelUnusableError
from engine.models import paths
from engine.models.encoder_info import remembered
from engine.models.messages import Json, Reply, WireError
from engine.models.parameters import MAX_GUIDANCE, MAX_SIDE, MAX_STEPS
from engine.models.paths import read_json
from engine.models.schedulers import SCHEDULERS, USUAL, fitting
from engine.models.vocabulary import Vocabulary, read_vocabulary
from engine.untrusted.arrays import TensorsHeader, read_tensors_header

EPSILON = "epsilon"
V_PREDICTION = "v_prediction"
SAMPLE = "sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorDefaults:
    """What a model generates with where the request does not say."""

    steps: int
    guidance: float
    scheduler: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorInfo:
    """A generator on this machine."""

    id: str
    """Hub id as it is; `name@hash` for a folder or file of one's own."""
    source: str
    """Hub id, folder or file, as it was asked for."""
    path: Path
    """The folder or the single file with its weights."""
    family: str
    """The name of one of FAMILIES; LoRA files fit one of them."""
    prediction_type: str
    """What the UNet predicts: epsilon, v_prediction or sample."""
    defaults: GeneratorDefaults
    multiple: int
    """Pixels that width and height must be multiples of."""
    smallest: int
    """Pixels of the shortest side that the UNet can work on."""
    schedulers: tuple[str, ...]
    """The names of schedulers.SCHEDULERS that fit the model."""
    variant: str
    """fp16 or bf16 where only such files are there; empty for the plain ones."""
    size_bytes: int
    """Of all weights that are loaded."""
    has_safety_checker: bool
    config: Path = Path()
    """The folder with configurations and tokenizer; `path` itself where that is one."""
    parts: Mapping[str, int] = field(default_factory=dict)
    """Bytes of the weights by part; empty for a single file."""
    vocabulary: Vocabulary | None = None
    """What a small model learned words for; None for one of the whole world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorFamily:
    """A kind of generator that can be used; LoRA files and configurations fit one of them."""

    name: str
    configurations: tuple[str, ...]
    """The models of the hub whose configurations fit the family's checkpoints."""
    text_weights: str
    """How names begin in a checkpoint that belong to its text tower alone."""
    text_width: int
    """Of the text tower."""


FAMILIES = (
    GeneratorFamily(
        name="sd1",
        configurations=(
            "stable-diffusion-v1-5/stable-diffusion-v1-5",
            "runwayml/stable-diffusion-v1-5",
            "CompVis/stable-diffusion-v1-4",
        ),
        text_weights="cond_stage_model.transformer.",
        text_width=768,
    ),
    GeneratorFamily(
        name="sd2",
        configurations=("stabilityai/stable-diffusion-2-1", "stabilityai/stable-diffusion-2"),
        text_weights="cond_stage_model.model.",
        text_width=1024,
    ),
)
"""Stable Diffusion 1.x, and 2.x, whose text tower is OpenCLIP's."""

_INPUT = "model.diffusion_model.input_blocks.0.0.weight"
_LATENT_CHANNELS = 4
_CHECKPOINT_PARTS = {"cond_stage_model.": "text encoder", "first_stage_model.": "VAE"}
"""How names begin in a checkpoint, by part, beside those of the UNet."""


def checkpoint_family(path: Path) -> GeneratorFamily:
    """Return the family of a checkpoint; raise ModelUnusableError for one of another kind."""
    header = read_header(path).tensors
    entry = header.get(_INPUT)
    if entry is None:
        raise ModelUnusableError(
            f"{path} is no Stable Diffusion checkpoint: it has no weights of a UNet",
            hint="A LoRA goes beside a model, with --lora; other families cannot be painted with.",
        )
    if any(name.startswith("conditioner.embedders.") for name in header):
        raise ModelUnusableError(
            f"{path} is a Stable Diffusion XL checkpoint, which this program cannot paint with",
            hint="Stable Diffusion 1.x and 2.x checkpoints can be used.",
        )
    if entry.shape[1:2] != (_LATENT_CHANNELS,):
        raise ModelUnusableError(
            f"{path} was made for filling in parts of pictures, not for painting whole ones",
            hint="Take the version of the model that is not for inpainting.",
        )
    for start, part in _CHECKPOINT_PARTS.items():
        if not any(name.startswith(start) for name in header):
            raise ModelUnusableError(
                f"{path} has no {part}: the checkpoint was published without it",
                hint="Take a version of the model that holds all its parts, or a diffusers folder.",
            )
    for family in FAMILIES[1:]:
        if any(name.startswith(family.text_weights) for name in header):
            return family
    return FAMILIES[0]


def config_of(path: Path, family: GeneratorFamily) -> Path:
    """Return a folder with configurations and tokenizer for a checkpoint.

    A diffusers folder of the same name beside it, the folder it lies in, or what the hub's cache
    has of the family's own model. Raises ModelMissingError where there is none.
    """
    for folder in (path.with_suffix(""), path.parent):
        if disk.is_file(folder / paths.INDEX):
            return folder
    for source in family.configurations:
        for folder in paths.configurations(source):
            return folder
    source = family.configurations[0]
    raise ModelMissingError(
        f"{path.name} holds weights alone, and the configurations that it needs, those of "
        f"{source}, are not on this machine",
        hint=f"t2itui models get {source}, or put a diffusers folder {path.with_suffix('')} beside",
    )


def read_header(path: Path) -> TensorsHeader:
    """Return the names, types and shapes in a safetensors file; ModelUnusableError if none."""
    try:
        return read_tensors_header(path)
    except (OSError, ValueError) as error:
        raise ModelUnusableError(
            f"{path} is no safetensors file: {error}", hint="Fetch the model again."
        ) from error


OWN_DEFAULTS = "t2itui.json"
"""In a model's folder: steps, guidance_scale, scheduler, width and height to generate with."""

_PIPELINES = ("StableDiffusionPipeline", "LatentConsistencyModelPipeline")
_TEXT_TOWERS = ("CLIPTextModel",)
_PREDICTIONS = (EPSILON, V_PREDICTION, SAMPLE)
_PIPELINE_MULTIPLE = 8
_MOST_HALVINGS = 10


def read_generator_info(source: str, memory: Path) -> GeneratorInfo:
    """Return the facts of the generator that `source` names.

    A folder or file of one's own is known by a hash of its content, kept in the file `memory`.
    Raises ModelMissingError where it is not on this machine, ModelUnusableError where its files
    are of another kind, damaged or pickled.
    """
    path = paths.require(source)
    config = path if disk.is_folder(path) else config_of(path, checkpoint_family(path))
    try:
        return _info_in(source, path, config, memory)
    except WireError as error:
        raise ModelUnusableError(
            f"the configuration in {config} cannot be used: {error}", hint="Fetch the model again."
        ) from error


def _info_in(source: str, path: Path, config: Path, memory: Path) -> GeneratorInfo:
    index = _object(config / paths.INDEX)
    need_known_classes(index, config)
    unet, vae = _object(config / "unet" / "config.json"), _object(config / "vae" / "config.json")
    scheduler = _object(config / "scheduler" / "scheduler_config.json")
    variant = paths.variant_of(path) or ""
    parts = {} if disk.is_file(path) else _parts(path, index, variant)
    factor, depth = 2 ** _halvings(vae), _halvings(unet)
    prediction = _prediction(scheduler)
    schedulers = _schedulers(index, unet, prediction)
    text = read_json(config / "text_encoder" / "config.json") or {}
    return GeneratorInfo(
        id=_identity(source, path, memory),
        source=source,
        path=path,
        family=(checkpoint_family(path) if disk.is_file(path) else _family(text)).name,
        prediction_type=prediction,
        defaults=_defaults(path, config, unet, factor, schedulers),
        multiple=math.lcm(_PIPELINE_MULTIPLE, factor),
        smallest=factor * 2**depth,
        schedulers=schedulers,
        variant=variant,
        size_bytes=path.stat().st_size if disk.is_file(path) else sum(parts.values()),
        has_safety_checker=paths.CHECKER in parts,
        config=config,
        parts=parts,
        vocabulary=read_vocabulary(path) if disk.is_folder(path) else None,
    )


def _identity(source: str, path: Path, memory: Path) -> str:
    if paths.as_path(source) is None:
        return source
    return remembered(path, memory, lambda: f"{path.stem}@{_digest(path)}")


def _digest(path: Path) -> str:
    """Return 8 hex digits over everything that decides about the pictures."""
    digest = hashlib.sha256()
    files = [path] if disk.is_file(path) else disk.below(path)
    for file in files:
        if disk.is_file(file) and file.suffix in (".json", ".txt", paths.SUFFIX):
            with file.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            name = file.relative_to(path) if disk.is_folder(path) else ""
            digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()[:8]


def need_known_classes(index: Mapping[str, Json], folder: Path) -> None:
    """Refuse other pipelines, and folders that name classes of their own to be run."""
    kind = index.get("_class_name")
    tower = index.get("text_encoder")
    name = tower[-1] if isinstance(tower, Sequence) and tower else None
    if kind not in _PIPELINES or name not in _TEXT_TOWERS:
        raise ModelUnusableError(
            f"{folder} holds a {kind} with a text tower {name}, which this program cannot paint "
            "with",
            hint="Stable Diffusion 1.x and 2.x models can be used.",
        )


def _parts(path: Path, index: Mapping[str, Json], variant: str) -> dict[str, int]:
    checker = index.get(paths.CHECKER)
    names = list(paths.PARTS)
    if isinstance(checker, Sequence) and checker and checker[0]:
        names.append(paths.CHECKER)
    files = {name: paths.weights(path, name, variant) for name in names}
    return {name: sum(f.stat().st_size for f in found) for name, found in files.items() if found}


def _schedulers(
    index: Mapping[str, Json], unet: Mapping[str, Json], prediction: str
) -> tuple[str, ...]:
    """The names of the schedulers that fit the model."""
    own = index.get("scheduler")
    class_name = str(own[-1]) if isinstance(own, list) and own else ""
    return fitting(
        class_name,
        is_distilled=unet.get("time_cond_proj_dim") is not None,
        predicts_clean=prediction == SAMPLE,
    )


def _family(text: Mapping[str, Json]) -> GeneratorFamily:
    width = text.get("hidden_size", FAMILIES[0].text_width)
    wide = [each for each in FAMILIES if isinstance(width, int) and width <= each.text_width]
    return (wide or FAMILIES[-1:])[0]


def _prediction(scheduler: Mapping[str, Json]) -> str:
    found = scheduler.get("prediction_type", EPSILON)
    if found not in _PREDICTIONS:
        raise ModelUnusableError(f"a model that predicts {found} cannot be painted with")
    return str(found)


def _defaults(
    path: Path, config: Path, unet: Mapping[str, Json], factor: int, schedulers: tuple[str, ...]
) -> GeneratorDefaults:
    own = read_json((path if disk.is_folder(path) else config) / OWN_DEFAULTS) or {}
    size = unet.get("sample_size", 64)
    height, width = size if isinstance(size, list) else (size, size)
    usual = USUAL if USUAL in schedulers else schedulers[0]
    name = str(own.get("scheduler", usual))
    if name not in SCHEDULERS:
        raise WireError(f"{OWN_DEFAULTS} names no scheduler: {name}")
    scheduler = SCHEDULERS[name]
    fields = Reply(
        fields={
            "width": _pixels(width, factor),
            "height": _pixels(height, factor),
            "steps": scheduler.steps,
            "guidance_scale": scheduler.guidance,
            **own,
        }
    )
    defaults = GeneratorDefaults(
        steps=fields.whole("steps"),
        guidance=fields.number("guidance_scale"),
        scheduler=name,
        width=fields.whole("width"),
        height=fields.whole("height"),
    )
    _check_range("steps", defaults.steps, 1, MAX_STEPS)
    _check_range("guidance_scale", defaults.guidance, 0, MAX_GUIDANCE)
    _check_range("width", defaults.width, 1, MAX_SIDE)
    _check_range("height", defaults.height, 1, MAX_SIDE)
    return defaults


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise WireError(f"{name} should lie between {low:g} and {high:g}")


def _pixels(cells: Json, factor: int) -> int:
    return Reply(fields={"sample_size": cells}).whole("sample_size") * factor


def _object(path: Path) -> Mapping[str, Json]:
    found = read_json(path)
    if found is None:
        raise ModelUnusableError(f"{path} is missing", hint="Fetch the model again.")
    return found


def _halvings(config: Mapping[str, Json]) -> int:
    """How often a UNet or VAE halves the sides of a picture."""
    found = len(Reply(fields=config).items("block_out_channels")) - 1
    if not 0 <= found <= _MOST_HALVINGS:
        raise WireError(f"block_out_channels has {found + 1} entries")
    return found
