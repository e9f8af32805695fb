"""Where the files of a generator lie: a folder, one checkpoint, or the cache of the hub."""

import os
from collections.abc import Iterator
from pathlib import Path

from engine.errors import ModelMissingError, ModelUnusableError
from engine.models import places
from engine.storybook.shipped import PAINTER

INDEX = "model_index.json"
SUFFIX = ".safetensors"
PARTS = {
    "text_encoder": "model",
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
}
"""What every pipeline has, and what the weights are called."""
CHECKER = "safety_checker"
VARIANTS = ("", "fp16", "bf16")
"""In the order of preference where several are there: the plain files lose nothing."""

_PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")


def as_path(source: str) -> Path | None:
    """Return the folder or file that `source` means; None where it is a model id of the hub."""
    if source == places.STORYBOOK:
        return PAINTER
    try:
        path = Path(source).expanduser()
    except RuntimeError:
        path = Path(source)
    is_path = source.startswith((".", "~", os.sep)) or not places.is_hub_id(source)
    is_path = is_path or path.suffix.lower() in (SUFFIX, *_PICKLES) or (path / INDEX).is_file()
    return path.absolute() if is_path else None


def find(source: str) -> Path | None:
    """Return the folder or file with all weights of a generator; None where there is none."""
    path = as_path(source)
    if path is not None:
        return path if _is_whole(path) else None
    return next(filter(is_pipeline, places.snapshots(source)), None)


def require(source: str) -> Path:
    """Return the folder or file of a generator, or raise what is wrong and what to do."""
    found = find(source)
    if found is not None:
        return found
    path = as_path(source)
    if path is None:
        raise ModelMissingError(
            f"{source} is not on this machine; looked in {places.repository(source)}",
            hint=f"t2itui models get {source}",
        )
    if path.suffix.lower() in _PICKLES:
        raise ModelUnusableError(
            f"{path} is a pickle, which can run any program when it is loaded; it is not opened",
            hint="Look for a .safetensors version of the model.",
        )
    if pickled := sorted(path.glob("unet/*.bin")):
        raise ModelUnusableError(
            f"{path} has its weights only in {pickled[0].name}, a pickle, which can run any "
            "program when it is loaded; it is not opened",
            hint="Look for a version of the model with safetensors files.",
        )
    raise ModelMissingError(
        f"there is no generator in {path}: it needs {INDEX} and safetensors files of "
        f"{', '.join(PARTS)}",
        hint="Name a diffusers folder, a .safetensors checkpoint, or a model id of the hub.",
    )


def is_pipeline(folder: Path) -> bool:
    """Tell whether a folder holds a whole pipeline, in some variant."""
    return (folder / INDEX).is_file() and variant_of(folder) is not None


def variant_of(folder: Path) -> str | None:
    """Return the first of VARIANTS in which all parts are there; None where no variant is whole."""
    for variant in VARIANTS:
        if all(weights(folder, part, variant) for part in PARTS):
            return variant
    return None


def weights(folder: Path, part: str, variant: str) -> list[Path]:
    """Return the safetensors files of a part; none where they are not all there."""
    stem = PARTS.get(part, "model")
    name = f"{stem}.{variant}" if variant else stem
    single = folder / part / f"{name}{SUFFIX}"
    if single.is_file():
        return [single]
    pieces = sorted((folder / part).glob(f"{name}-?????-of-?????{SUFFIX}"))
    return pieces if pieces and len(pieces) == int(pieces[0].stem[-5:]) else []


def configurations(source: str) -> Iterator[Path]:
    """Yield the folders in the hub's cache that hold at least the configurations of a model."""
    for snapshot in places.snapshots(source):
        if (snapshot / INDEX).is_file():
            yield snapshot


def _is_whole(path: Path) -> bool:
    if path.suffix.lower() == SUFFIX:
        return path.is_file()
    return is_pipeline(path)
