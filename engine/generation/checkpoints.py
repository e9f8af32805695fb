"""What one checkpoint in the original layout holds, told by its header, and how to read it."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

from engine.errors import ModelMissingError, ModelUnusableError
from engine.generation import places
from engine.wire import Json

SD1 = "sd1"
SD2 = "sd2"
CONFIGURATIONS = {
    SD1: (
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "runwayml/stable-diffusion-v1-5",
        "CompVis/stable-diffusion-v1-4",
    ),
    SD2: ("stabilityai/stable-diffusion-2-1", "stabilityai/stable-diffusion-2"),
}
"""The models of the hub whose configurations fit a family's checkpoints."""

_HEADER_LIMIT = 100 << 20
_INPUT = "model.diffusion_model.input_blocks.0.0.weight"
_LATENT_CHANNELS = 4


def family_of(path: Path) -> str:
    """Return SD1 or SD2; raise ModelUnusableError for a checkpoint of another kind."""
    header = read_header(path)
    entry = header.get(_INPUT)
    if not isinstance(entry, Mapping):
        raise ModelUnusableError(
            f"{path} is no Stable Diffusion checkpoint: it has no weights of a UNet",
            hint="A LoRA goes beside a model, with --lora; other families cannot be painted with.",
        )
    if any(name.startswith("conditioner.embedders.") for name in header):
        raise ModelUnusableError(
            f"{path} is a Stable Diffusion XL checkpoint, which this program cannot paint with",
            hint="Stable Diffusion 1.x and 2.x checkpoints can be used.",
        )
    shape = entry.get("shape")
    if not isinstance(shape, list) or shape[1:2] != [_LATENT_CHANNELS]:
        raise ModelUnusableError(
            f"{path} was made for filling in parts of pictures, not for painting whole ones",
            hint="Take the version of the model that is not for inpainting.",
        )
    return SD2 if any(name.startswith("cond_stage_model.model.") for name in header) else SD1


def config_of(path: Path, family: str) -> Path:
    """Return a folder with configurations and tokenizer for a checkpoint.

    A diffusers folder of the same name beside it, the folder it lies in, or what the hub's cache
    has of the family's own model. Raises ModelMissingError where there is none.
    """
    for folder in (path.with_suffix(""), path.parent):
        if (folder / places.INDEX).is_file():
            return folder
    for source in CONFIGURATIONS[family]:
        for folder in places.configurations(source):
            return folder
    source = CONFIGURATIONS[family][0]
    raise ModelMissingError(
        f"{path.name} holds weights alone, and the configurations that it needs, those of "
        f"{source}, are not on this machine",
        hint=f"t2itui models get {source}, or put a diffusers folder {path.with_suffix('')} beside",
    )


def read_header(path: Path) -> Mapping[str, Json]:
    """Return the names, types and shapes in a safetensors file; ModelUnusableError if none."""
    try:
        with path.open("rb") as stream:
            (size,) = struct.unpack("<Q", stream.read(8))
            if size > _HEADER_LIMIT:
                raise ValueError(f"a header of {size} bytes")
            header = json.loads(stream.read(size))
        if not isinstance(header, dict):
            raise ValueError("a header that is no object")
    except (OSError, ValueError, struct.error) as error:
        raise ModelUnusableError(
            f"{path} is no safetensors file: {error}", hint="Fetch the model again."
        ) from error
    return header
