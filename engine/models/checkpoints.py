"""Checkpoints: a whole generator in one file of weights, whose names tell its family."""

from dataclasses import dataclass
from pathlib import Path

from engine import disk
from engine.errors import ModelMissingError, ModelUnusableError
from engine.models import paths
from engine.untrusted.arrays import TensorsHeader, read_tensors_header


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFamily:
    """Checkpoints that fit the same configurations."""

    configurations: tuple[str, ...]
    """The models of the hub that have them."""
    signs: tuple[str, ...]
    """How names begin that only its checkpoints have."""
    parts: tuple[tuple[str, str], ...]
    """How names begin of each part that must be there, and what people call it."""


_VAE = ("first_stage_model.", "VAE")
FAMILIES = (
    CheckpointFamily(
        configurations=("stabilityai/stable-diffusion-xl-base-1.0",),
        signs=("conditioner.embedders.",),
        parts=(("conditioner.embedders.", "text encoder"), _VAE),
    ),
    CheckpointFamily(
        configurations=("stabilityai/stable-diffusion-2-1", "stabilityai/stable-diffusion-2"),
        signs=("cond_stage_model.model.",),
        parts=(("cond_stage_model.", "text encoder"), _VAE),
    ),
    CheckpointFamily(
        configurations=(
            "stable-diffusion-v1-5/stable-diffusion-v1-5",
            "runwayml/stable-diffusion-v1-5",
            "CompVis/stable-diffusion-v1-4",
        ),
        signs=("model.diffusion_model.input_blocks.",),
        parts=(("cond_stage_model.", "text encoder"), _VAE),
    ),
    CheckpointFamily(
        configurations=("stabilityai/stable-diffusion-3-medium-diffusers",),
        signs=("model.diffusion_model.joint_blocks.",),
        parts=(("text_encoders.", "text encoder"), _VAE),
    ),
)
"""The most particular first: Stable Diffusion XL, 2.x, 1.x, and 3."""

_INPUT = "model.diffusion_model.input_blocks.0.0.weight"
_LATENT_CHANNELS = 4


def checkpoint_family(path: Path) -> CheckpointFamily | None:
    """Return the family of a checkpoint; None for one that only a folder beside it explains.

    Raises ModelUnusableError for one that lacks a part, or is no generator.
    """
    header = read_header(path).tensors
    entry = header.get(_INPUT)
    if entry is not None and entry.shape[1:2] != (_LATENT_CHANNELS,):
        raise ModelUnusableError(
            f"{path} was made for filling in parts of pictures, not for painting whole ones",
            hint="Take the version of the model that is not for inpainting.",
        )
    for family in FAMILIES:
        if any(name.startswith(family.signs) for name in header):
            for start, part in family.parts:
                if not any(name.startswith(start) for name in header):
                    raise ModelUnusableError(
                        f"{path} has no {part}: the checkpoint was published without it",
                        hint="Take a version of the model that holds all its parts, or a "
                        "diffusers folder.",
                    )
            return family
    return None


def config_of(path: Path) -> Path:
    """Return a folder with configurations and tokenizers for a checkpoint.

    A diffusers folder of the same name beside it, the folder it lies in, or what the hub's cache
    has of the family's own model. Raises ModelMissingError where there is none.
    """
    family = checkpoint_family(path)
    for folder in (path.with_suffix(""), path.parent):
        if disk.is_file(folder / paths.INDEX):
            return folder
    if family is None:
        raise ModelUnusableError(
            f"{path} is no checkpoint of a known generator: it has no weights of a UNet",
            hint="A LoRA goes beside a model, with --lora; a checkpoint of another family needs "
            f"a diffusers folder {path.with_suffix('')} with its configurations.",
        )
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
