"""Where the files of a model lie: a folder of one's own, or the cache of the Hugging Face hub."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from engine.errors import ModelUnusableError
from engine.models.json_files import read_json
from engine.storybook.shipped import ENCODER
from engine.storybook.shipped import STORYBOOK as STORYBOOK

_HUB_ID = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*(?:@[\w-][\w./-]*)?")
_INDEX = "model.safetensors.index.json"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def hub_cache() -> Path:
    """Return the folder of the hub's cache, by the environment variables that the hub reads."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{home}/huggingface"
    legacy = os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return Path(os.path.expandvars(os.environ.get("HF_HUB_CACHE") or legacy)).expanduser()


def split_revision(source: str) -> tuple[str, str]:
    """Split `id@revision`; the revision is empty where none is pinned."""
    name, _, revision = source.partition("@")
    return name, revision


def is_hub_id(source: str) -> bool:
    """Tell whether `source` could name a model on the hub."""
    return _HUB_ID.fullmatch(source) is not None and ".." not in source and "--" not in source


def as_folder(source: str) -> Path | None:
    """Return the folder that `source` means; None where it is the id of a model on the hub."""
    if source == STORYBOOK:
        return ENCODER
    try:
        path = Path(source).expanduser()
    except RuntimeError:
        path = Path(source)
    is_path = source.startswith((".", "~", os.sep)) or not is_hub_id(source)
    return path.absolute() if is_path or (path / "config.json").is_file() else None


def repository(source: str) -> Path:
    """Return the folder in the hub's cache that holds every revision of a model."""
    return hub_cache() / ("models--" + split_revision(source)[0].replace("/", "--"))


def find(source: str) -> Path | None:
    """Return the folder that holds a complete copy of the model; None where there is none."""
    folder = as_folder(source)
    if folder is not None:
        return folder if is_complete(folder) else None
    return next(filter(is_complete, snapshots(source)), None)


def is_complete(folder: Path) -> bool:
    """Tell whether the folder has a configuration and all weights, as safetensors."""
    return (folder / "config.json").is_file() and bool(weight_files(folder))


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a model; none unless all of them are there.

    Raises ModelUnusableError where the list of the parts is malformed.
    """
    single = folder / "model.safetensors"
    if single.is_file():
        return [single]
    index = read_json(folder / _INDEX)
    if index is None:
        return []
    parts = index.get("weight_map")
    if not isinstance(parts, dict) or not all(_is_plain_name(part) for part in parts.values()):
        raise ModelUnusableError(f"{folder / _INDEX} does not name the parts of the weights")
    files = [folder / str(name) for name in sorted(set(parts.values()))]
    return files if all(file.is_file() for file in files) else []


def pickled_files(folder: Path) -> list[str]:
    """Return the names of the weights that only unpickling could load."""
    return sorted(file.name for pattern in _PICKLED for file in folder.glob(pattern))


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
    yield from sorted((model / "snapshots").glob("*"))


def _commit(ref: Path) -> str:
    try:
        return ref.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
