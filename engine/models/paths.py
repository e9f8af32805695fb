"""Where the files of a model lie, a folder or the cache of the Hugging Face hub, and their JSON."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine import disk
from engine.collections import BUILT_IN
from engine.errors import ModelMissingError, ModelUnusableError
from engine.models.messages import Json
from engine.untrusted.documents import read_object

_NAME = r"\w([\w.-]{0,94}\w)?"
_HUB_ID = re.compile(rf"({_NAME}/)?{_NAME}(@[\w-][\w./-]*)?", re.ASCII)
_INDEX = "model.safetensors.index.json"
INT8_SUFFIX = "#int8"
"""After the name of an encoder: the same model in int8, whose embeddings are others."""
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def hub_cache() -> Path:
    """Return the folder of the hub's cache, by the environment variables that the hub reads."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{home}/huggingface"
    legacy = os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return disk.expanded(Path(os.path.expandvars(os.environ.get("HF_HUB_CACHE") or legacy)))


def without_int8(source: str) -> str:
    """The name of the model itself."""
    return source.removesuffix(INT8_SUFFIX)


def split_revision(source: str) -> tuple[str, str]:
    """Split `id@revision`; the revision is empty where none is pinned."""
    name, _, revision = source.partition("@")
    return name, revision


def is_hub_id(source: str) -> bool:
    """Tell whether `source` could name a model on the hub, by the hub's own rules."""
    name, _ = split_revision(source)
    is_odd = ".." in source or "--" in source or name.endswith(".git")
    return _HUB_ID.fullmatch(source) is not None and not is_odd


def as_folder(source: str) -> Path | None:
    """Return the folder that `source` means; None where it is the id of a model on the hub."""
    if source == BUILT_IN.name:
        return BUILT_IN.encoder
    path = disk.expanded(source)
    is_path = source.startswith((".", "~", os.sep)) or not is_hub_id(source)
    return disk.from_root(path) if is_path or disk.is_file(path / "config.json") else None


def repository(source: str) -> Path:
    """Return the folder in the hub's cache that holds every revision of a model."""
    return hub_cache() / ("models--" + split_revision(source)[0].replace("/", "--"))


def find_encoder(source: str) -> Path | None:
    """Return the folder that holds a complete copy of the model; None where there is none."""
    source = without_int8(source)
    folder = as_folder(source)
    if folder is not None:
        return folder if is_complete(folder) else None
    return next(filter(is_complete, snapshots(source)), None)


def is_complete(folder: Path) -> bool:
    """Tell whether the folder has a configuration and all weights, as safetensors."""
    return disk.is_file(folder / "config.json") and bool(weight_files(folder))


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a model; none unless all of them are there.

    Raises ModelUnusableError where the list of the parts is malformed.
    """
    single = folder / "model.safetensors"
    if disk.is_file(single):
        return [single]
    index = read_json(folder / _INDEX)
    if index is None:
        return []
    parts = index.get("weight_map")
    if not isinstance(parts, dict) or not all(_is_plain_name(part) for part in parts.values()):
        raise ModelUnusableError(f"{folder / _INDEX} does not name the parts of the weights")
    files = [folder / str(name) for name in sorted(set(parts.values()))]
    return files if all(disk.is_file(file) for file in files) else []


def pickled_files(folder: Path) -> list[str]:
    """Return the names of the weights that only unpickling could load."""
    return sorted(file.name for pattern in _PICKLED for file in disk.matching(folder, pattern))


def _is_plain_name(name: object) -> bool:
    return isinstance(name, str) and Path(name).name == name


def snapshots(source: str) -> Iterator[Path]:
    """Yield the folders in the hub's cache that may hold a model, the likeliest first.

    Those of the revision that `source` pins; without one, main's and then the others.
    """
    model, revision = repository(source), split_revision(source)[1]
    refs = model / "refs"
    if revision:
        yield model / "snapshots" / (_commit(refs / revision) or revision)
        return
    commit = _commit(refs / "main")
    if commit:
        yield model / "snapshots" / commit
    yield from disk.matching(model / "snapshots", "*")


def _commit(ref: Path) -> str:
    try:
        return ref.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


INDEX = "model_index.json"
SUFFIX = ".safetensors"
CHECKER = "safety_checker"
LEFT_OUT = (CHECKER, "image_encoder", "feature_extractor")
"""Parts that a pipeline paints without; of them a safety checker is used where it is there."""
VARIANTS = ("", "fp16", "bf16")
"""In the order of preference where several are there: the plain files lose nothing."""
STEMS = ("diffusion_pytorch_model", "model")
"""What weights are called, of diffusers' networks and of transformers' towers."""

_WEIGHTLESS = re.compile(r"(^|_)(tokenizer|scheduler|processor|extractor)(_\d)?$")
"""How parts are called that have no weights."""
_WEIGHTLESS_CLASS = re.compile(r"(Scheduler|Tokenizer(Fast)?|Processor(Fast|Pil)?|Extractor)$")
"""How the classes of parts end that have no weights, whatever the part is called."""
_PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")


def as_path(source: str) -> Path | None:
    """Return the folder or file that `source` means; None where it is a model id of the hub."""
    if source == BUILT_IN.name:
        return BUILT_IN.generator
    path = disk.expanded(source)
    is_path = source.startswith((".", "~", os.sep)) or not is_hub_id(source)
    is_path = is_path or path.suffix.lower() in (SUFFIX, *_PICKLES) or disk.is_file(path / INDEX)
    return disk.from_root(path) if is_path else None


def find_generator(source: str) -> Path | None:
    """Return the folder or file with all weights of a generator; None where there is none."""
    path = as_path(source)
    if path is not None:
        return path if _is_whole(path) else None
    return next(filter(is_pipeline, snapshots(source)), None)


def require(source: str) -> Path:
    """Return the folder or file of a generator, or raise what is wrong and what to do."""
    found = find_generator(source)
    if found is not None:
        return found
    path = as_path(source)
    if path is None:
        raise ModelMissingError(
            f"{source} is not on this machine; looked in {repository(source)}",
            hint=f"t2itui models get {source}",
        )
    if path.suffix.lower() in _PICKLES:
        raise ModelUnusableError(
            f"{path} is a pickle, which can run any program when it is loaded; it is not opened",
            hint="Look for a .safetensors version of the model.",
        )
    if pickled := disk.matching(path, "*/*.bin"):
        raise ModelUnusableError(
            f"{path} has its weights only in {pickled[0].name}, a pickle, which can run any "
            "program when it is loaded; it is not opened",
            hint="Look for a version of the model with safetensors files.",
        )
    raise ModelMissingError(
        disk.absence(
            path,
            f"there is no generator in {path}: it needs {INDEX} and safetensors files of "
            f"{', '.join(_named_parts(path)) or 'all its parts'}",
        ),
        hint="Name a diffusers folder, a .safetensors checkpoint, or a model id of the hub.",
    )


def is_pipeline(folder: Path) -> bool:
    """Tell whether a folder holds a whole pipeline, in some variant."""
    return disk.is_file(folder / INDEX) and variant_of(folder) is not None


def classes_of(index: Mapping[str, Json]) -> dict[str, tuple[str, str]]:
    """Return the library and the class of each part that a pipeline's index names."""
    return {
        name: (str(entry[0]), str(entry[1]))
        for name, entry in index.items()
        if isinstance(entry, list) and len(entry) == 2 and all(entry) and not name.startswith("_")
    }


def weighty_parts(index: Mapping[str, Json]) -> list[str]:
    """Return the parts with weights, without which a pipeline does not paint."""
    return [
        name
        for name, (_, kind) in classes_of(index).items()
        if name not in LEFT_OUT
        and _WEIGHTLESS.search(name) is None
        and _WEIGHTLESS_CLASS.search(kind) is None
    ]


def variant_of(folder: Path) -> str | None:
    """Return the first of VARIANTS in which all parts are there; None where no variant is whole.

    Of a part that has no such variant the plain files count.
    """
    parts = _named_parts(folder)
    for variant in VARIANTS:
        if parts and all(weights(folder, part, variant) for part in parts):
            return variant
    return None


def weights(folder: Path, part: str, variant: str) -> list[Path]:
    """Return the safetensors files of a part, plain ones where it lacks the variant.

    None where they are not all there.
    """
    names = [f"{stem}.{variant}" for stem in STEMS if variant]
    for name in (*names, *STEMS):
        single = folder / part / f"{name}{SUFFIX}"
        if disk.is_file(single):
            return [single]
        pieces = disk.matching(folder / part, f"{name}-?????-of-?????{SUFFIX}")
        if pieces and len(pieces) == int(pieces[0].stem[-5:]):
            return pieces
    return []


def _named_parts(folder: Path) -> list[str]:
    """The parts with weights that the index in a folder names; none without an index."""
    index = read_json(folder / INDEX) if disk.is_folder(folder) else None
    return weighty_parts(index or {})


def configurations(source: str) -> Iterator[Path]:
    """Yield the folders in the hub's cache that hold at least the configurations of a model."""
    for snapshot in snapshots(source):
        if disk.is_file(snapshot / INDEX):
            yield snapshot


def _is_whole(path: Path) -> bool:
    if path.suffix.lower() == SUFFIX:
        return disk.is_file(path)
    return is_pipeline(path)


def read_json(path: Path, *, nan_is_null: bool = False) -> Mapping[str, Json] | None:
    """Return the object in the file; None where there is no file.

    `nan_is_null` is for what diffusers writes, which has infinities among its settings.
    Raises ModelUnusableError where it cannot be read or holds something else.
    """
    try:
        return read_object(path, nan_is_null=nan_is_null)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelUnusableError(
            f"{path} cannot be read: {error}", hint="Fetch the model again."
        ) from error
