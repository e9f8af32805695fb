"""What there is to know of a generator without running it."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine import disk
from engine.errors import ModelUnusableError
from engine.models import paths
from engine.models.checkpoints import config_of
from engine.models.distilled import few_steps
from engine.models.encoder_info import remembered
from engine.models.messages import Json, Reply, WireError
from engine.models.parameters import MAX_GUIDANCE, MAX_SIDE, MAX_STEPS
from engine.models.paths import read_json
from engine.models.pipeline_classes import (
    PipelineClass,
    guidance_argument,
    is_library,
    pipeline_class,
)
from engine.models.schedulers import SCHEDULERS, SchedulerNeeds, fitting, usual
from engine.models.vocabulary import Vocabulary, read_vocabulary

EPSILON = "epsilon"
V_PREDICTION = "v_prediction"
SAMPLE = "sample"
FLOW = "flow_prediction"


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
    pipeline: str
    """The class of diffusers that paints with it."""
    prediction_type: str
    """What the network predicts: epsilon, v_prediction, sample or flow_prediction."""
    defaults: GeneratorDefaults
    multiple: int
    """Pixels that width and height must be multiples of."""
    smallest: int
    """Pixels of the shortest side that the network can work on."""
    schedulers: tuple[str, ...]
    """The names of schedulers.SCHEDULERS that fit the model."""
    variant: str
    """fp16 or bf16 where only such files are there; empty for the plain ones."""
    size_bytes: int
    """Of all weights that are loaded."""
    has_safety_checker: bool
    takes_loras: bool = True
    starts_from_pictures: bool = True
    """It can go on from a picture, image to image."""
    inpaints: bool = True
    """It can paint a part of a picture anew."""
    config: Path = Path()
    """The folder with configurations and tokenizers; `path` itself where that is one."""
    parts: Mapping[str, int] = field(default_factory=dict)
    """Bytes of the weights by part; empty for a single file."""
    vocabulary: Vocabulary | None = None
    """What a small model learned words for; None for one of the whole world."""

    @property
    def follows_flow(self) -> bool:
        """It goes along a flow from noise to picture, and not back through a diffusion."""
        return self.prediction_type == FLOW


OWN_DEFAULTS = "t2itui.json"
"""In a model's folder: steps, guidance_scale, scheduler, width and height to generate with."""

NETWORKS = ("transformer", "unet")
"""The parts that denoise, of which a pipeline has one."""
AUTOENCODERS = ("vae", "movq")
"""The parts that turn latents into pictures."""

_PREDICTIONS = (EPSILON, V_PREDICTION, SAMPLE, FLOW)
_PIPELINE_MULTIPLE = 8
_PACKED = 4
"""Latents that Flux and its kin lay side by side as one token's channels: 2 x 2 of them."""
_MOST_HALVINGS = 10
_USUAL_SIDE = 1024
"""Pixels, for a model whose files name no size; its cells are those of the large ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Configuration:
    """The configurations of a pipeline's parts."""

    index: Mapping[str, Json]
    kind: PipelineClass
    network: Mapping[str, Json]
    is_unet: bool
    vae: Mapping[str, Json]
    is_movq: bool
    scheduler: Mapping[str, Json]

    @property
    def scheduler_class(self) -> str:
        """Of the model's own, in diffusers."""
        found = paths.classes_of(self.index).get("scheduler")
        return found[1] if found else ""

    @property
    def prediction(self) -> str:
        """What the network predicts."""
        usual_one = FLOW if self.scheduler_class.startswith("FlowMatch") else EPSILON
        found = self.scheduler.get("prediction_type", usual_one)
        if found not in _PREDICTIONS:
            raise ModelUnusableError(f"a model that predicts {found} cannot be painted with")
        return str(found)

    @property
    def factor(self) -> int:
        """Pixels on a side that become one latent."""
        known = self.vae.get("scale_factor_spatial")
        if isinstance(known, int) and 0 < known <= 2**_MOST_HALVINGS:
            return known
        named = ("encoder_block_out_channels", "temperal_downsample")
        name = next((each for each in named if each in self.vae), "block_out_channels")
        # Of films' autoencoders each entry halves, of others the first does not.
        is_film = name == "temperal_downsample"
        return 1 << _halvings(self.vae, name) + int(is_film)

    @property
    def patch(self) -> int:
        """Latents on a side that become one token of a transformer."""
        channels = self.vae.get("latent_channels", self.vae.get("z_dim"))
        taken = self.network.get("in_channels")
        if isinstance(channels, int) and taken == _PACKED * channels:
            return 2
        found = self.network.get("patch_size", self.network.get("all_patch_size", 1))
        sizes = found if isinstance(found, list) else [found]
        return max([size for size in sizes if isinstance(size, int)], default=1)

    @property
    def multiple(self) -> int:
        """Pixels that the sides of a picture are multiples of."""
        if self.is_movq:
            return self.factor**2
        return math.lcm(_PIPELINE_MULTIPLE, self.factor * (1 if self.is_unet else self.patch))

    @property
    def smallest(self) -> int:
        """Pixels of the shortest side that the network can work on."""
        if not self.is_unet:
            return self.multiple
        return max(self.multiple, self.factor << _halvings(self.network, "block_out_channels"))

    @property
    def is_embedded(self) -> bool:
        """The guidance scale goes into the network."""
        return self.network.get("guidance_embeds") is True

    def size(self) -> tuple[Json, Json]:
        """Width and height of the pictures that it learned, in pixels."""
        cells = self.network.get("sample_size")
        if cells is None:
            literal = self.kind.takes.get("width"), self.kind.takes.get("height")
            width, height = (
                side if isinstance(side, int) else _USUAL_SIDE // 8 * self.factor
                for side in literal
            )
            return width, height
        down, across = cells if isinstance(cells, list) else (cells, cells)
        return _pixels(across, self.factor), _pixels(down, self.factor)


def read_generator_info(source: str, memory: Path) -> GeneratorInfo:
    """Return the facts of the generator that `source` names.

    A folder or file of one's own is known by a hash of its content, kept in the file `memory`.
    Raises ModelMissingError where it is not on this machine, ModelUnusableError where its files
    are of another kind, damaged or pickled.
    """
    path = paths.require(source)
    config = path if disk.is_folder(path) else config_of(path)
    try:
        return _info_in(source, path, config, memory)
    except WireError as error:
        raise ModelUnusableError(
            f"the configuration in {config} cannot be used: {error}", hint="Fetch the model again."
        ) from error


def _info_in(source: str, path: Path, config: Path, memory: Path) -> GeneratorInfo:
    found = _configuration(config)
    is_file = disk.is_file(path)
    if is_file and not found.kind.opens_checkpoints:
        raise ModelUnusableError(
            f"a {found.kind.name} cannot be opened from one file, such as {path}",
            hint=f"Name its diffusers folder instead: {config}",
        )
    variant = paths.variant_of(path) or ""
    parts = {} if is_file else _parts(path, found.index, variant)
    schedulers = fitting(_needs(found))
    name = _identity(source, path, memory)
    return GeneratorInfo(
        id=name,
        source=source,
        path=path,
        pipeline=found.kind.name,
        prediction_type=found.prediction,
        defaults=_defaults(name, path, config, found, schedulers),
        multiple=found.multiple,
        smallest=found.smallest,
        schedulers=schedulers,
        variant=variant,
        size_bytes=path.stat().st_size if is_file else sum(parts.values()),
        has_safety_checker=paths.CHECKER in parts,
        takes_loras=found.kind.has_lora,
        starts_from_pictures=bool(found.kind.image_to_image),
        # A diffusion's surroundings can be kept from outside of any pipeline that starts from one.
        inpaints=bool(
            found.kind.inpainting or (found.kind.image_to_image and found.prediction != FLOW)
        ),
        config=config,
        parts=parts,
        vocabulary=None if is_file else read_vocabulary(path),
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
        if disk.is_file(file) and file.suffix in (".json", ".txt", ".model", paths.SUFFIX):
            with file.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            name = file.relative_to(path) if disk.is_folder(path) else ""
            digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()[:8]


def need_known_classes(index: Mapping[str, Json], folder: Path) -> PipelineClass:
    """Return the pipeline that an index names; refuse others, and code of a folder's own."""
    name = index.get("_class_name")
    kind = pipeline_class(name) if isinstance(name, str) else None
    parts = paths.classes_of(index)
    foreign = [part for part, (library, _) in parts.items() if not is_library(library)]
    if kind is None or foreign:
        what = f"a {name}" if kind is None else f"code of its own for {foreign[0]}"
        raise ModelUnusableError(
            f"{folder} holds {what}, which this program cannot paint with",
            hint="Models can be used that diffusers' AutoPipelineForText2Image opens by itself.",
        )
    missing = [part for part in kind.needs if part not in (*index, *paths.LEFT_OUT)]
    if missing:
        raise ModelUnusableError(
            f"{folder} names no {missing[0]}, which a {kind.name} cannot paint without",
            hint="Take a version of the model that holds all its parts.",
        )
    for names in (NETWORKS, AUTOENCODERS):
        if not any(part in parts for part in names):
            raise ModelUnusableError(
                f"{folder} holds a {kind.name} without a {' or '.join(names)}, which this program "
                "cannot paint with"
            )
    return kind


def _configuration(folder: Path) -> _Configuration:
    index = _object(folder / paths.INDEX)
    kind = need_known_classes(index, folder)
    parts = paths.classes_of(index)
    network = next(name for name in NETWORKS if name in parts)
    vae = next(name for name in AUTOENCODERS if name in parts)
    return _Configuration(
        index=index,
        kind=kind,
        network=_object(folder / network / "config.json"),
        is_unet=network == "unet",
        vae=_object(folder / vae / "config.json"),
        is_movq=vae == "movq",
        scheduler=_object(folder / "scheduler" / "scheduler_config.json"),
    )


def _parts(path: Path, index: Mapping[str, Json], variant: str) -> dict[str, int]:
    names = paths.weighty_parts(index)
    if paths.CHECKER in paths.classes_of(index):
        names.append(paths.CHECKER)
    files = {name: paths.weights(path, name, variant) for name in names}
    return {name: sum(f.stat().st_size for f in found) for name, found in files.items() if found}


def _needs(found: _Configuration) -> SchedulerNeeds:
    learns_variance = str(found.scheduler.get("variance_type", "")).startswith("learned")
    return SchedulerNeeds(
        own_class=found.scheduler_class,
        is_distilled=found.network.get("time_cond_proj_dim") is not None,
        predicts_clean=found.prediction == SAMPLE,
        is_flow=found.prediction == FLOW,
        is_fixed=learns_variance,
    )


def _defaults(
    name: str, path: Path, config: Path, found: _Configuration, schedulers: tuple[str, ...]
) -> GeneratorDefaults:
    own = read_json((path if disk.is_folder(path) else config) / OWN_DEFAULTS) or {}
    few = few_steps(name, found.index, found.network, found.scheduler)
    usual_one = usual(found.scheduler_class, schedulers, keeps_own=few is not None)
    scheduler_name = str(own.get("scheduler", usual_one))
    if scheduler_name not in SCHEDULERS:
        raise WireError(f"{OWN_DEFAULTS} names no scheduler: {scheduler_name}")
    scheduler = SCHEDULERS[scheduler_name]
    argument = guidance_argument(found.kind.takes, is_embedded=found.is_embedded)
    guidance, steps = found.kind.takes.get(argument), found.kind.takes.get("num_inference_steps")
    if few is not None:
        steps, guidance = few.steps, few.guidance
    elif scheduler.is_distilled:
        steps, guidance = scheduler.steps, scheduler.guidance
    elif scheduler.steps is not None:
        steps = scheduler.steps
    width, height = found.size()
    sizes: dict[str, Json] = {"width": width, "height": height}
    numbers: dict[str, Json] = {
        "steps": steps if isinstance(steps, int) else SCHEDULERS["ddim"].steps,
        "guidance_scale": guidance if isinstance(guidance, int | float) else 1.0,
    }
    fields = Reply(fields={**sizes, **numbers, **own})
    defaults = GeneratorDefaults(
        steps=fields.whole("steps"),
        guidance=fields.number("guidance_scale"),
        scheduler=scheduler_name,
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
    found = read_json(path, nan_is_null=True)
    if found is None:
        raise ModelUnusableError(f"{path} is missing", hint="Fetch the model again.")
    return found


def _halvings(config: Mapping[str, Json], name: str) -> int:
    """How often a network halves the sides of a picture, by the list `name` of its levels."""
    found = len(Reply(fields=config).items(name)) - 1
    if not 0 <= found <= _MOST_HALVINGS:
        raise WireError(f"{name} has {found + 1} entries")
    return found
