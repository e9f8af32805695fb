"""What there is to know of an encoder without running it, read from its files."""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cache.embeddings import EncoderRecord
from engine import disk
from engine.errors import ModelMissingError, ModelUnusableError
from engine.files import recall, remember
from engine.models import paths
from engine.models.families import family_of, languages_of, width_of
from engine.models.input_spec import InputSpec, read_input_spec
from engine.models.local_head import PairOdds, local_head_id, read_pair_odds
from engine.models.paths import read_json
from engine.untrusted import arrays

_DEFAULT_LOGIT_SCALE = 100.0
_MOST_LOGIT_SCALE = 1e6
"""CLIP's is 100; beyond this, cosines that differ by rounding alone would decide."""
_HASHED = ("config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json")
_ALSO_HASHED = ("tokenizer_config.json", "vocab.json", "merges.txt", "vocab.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderInfo:
    """An encoder on this machine."""

    id: str
    """The encoder id: vectors of two ids are never compared."""
    source: str
    """Hub id or folder, as it was asked for."""
    folder: Path
    """Where its files are."""
    family: str
    """The name of its entry in FAMILIES."""
    dim: int
    """Numbers in a vector."""
    logit_scale: float
    """The factor, already out of the logarithm, that turns a cosine into a logit."""
    languages: tuple[str, ...]
    """What its texts may be written in."""
    spec: InputSpec
    """How it wants its pictures."""
    local_way: str
    """How its patches and tokens come into the joint space: states of two ways never mix."""
    pair_odds: PairOdds | None = None
    """How a cosine of a word and a patch is read, where its local head was taught that."""

    @property
    def record(self) -> EncoderRecord:
        """What the cache keeps of it."""
        return EncoderRecord(
            id=self.id,
            dim=self.dim,
            logit_scale=self.logit_scale,
            source=self.source,
            languages=self.languages,
        )


def read_encoder_info(source: str, identity: str) -> EncoderInfo:
    """Read the info of the model that `source` names; an empty `identity` stands for its hub id.

    Raises ModelMissingError where it is not on this machine, ModelUnusableError where its files
    are of an unknown kind, damaged or pickled.
    """
    folder = require(source)
    config = read_json(folder / "config.json") or {}
    family = family_of(config, read_json(folder / "tokenizer_config.json") or {})
    return EncoderInfo(
        id=identity or source,
        source=source,
        folder=folder,
        family=family.name,
        dim=width_of(config, family),
        logit_scale=_logit_scale(folder),
        languages=languages_of(config, family),
        spec=read_input_spec(folder),
        local_way=local_head_id(folder) or family.patches,
        pair_odds=read_pair_odds(folder),
    )


def require(source: str) -> Path:
    """Return the folder with the files of a model, or raise what is wrong and what to do."""
    found = paths.find_encoder(source)
    if found is not None:
        return found
    folder = paths.as_folder(source)
    pickled = [folder] if folder else disk.matching(paths.repository(source), "snapshots/*")
    for place in pickled:
        if names := paths.pickled_files(place):
            raise ModelUnusableError(
                f"{source} has its weights only in {names[0]}, a pickle, which can run any program "
                "when it is loaded; it is not opened",
                hint=f"Put a model.safetensors beside it in {place}."
                if folder
                else f"Fetch its safetensors version: t2itui models get {source}",
            )
    if folder is not None:
        raise ModelMissingError(
            disk.absence(
                folder / "config.json",
                f"there is no model in {folder}: it needs config.json and model.safetensors",
            ),
            hint="Name a folder in Hugging Face format, or a model id of the hub.",
        )
    raise ModelMissingError(
        f"{source} is not on this machine; looked in {paths.repository(source)}",
        hint=f"t2itui models get {source}",
    )


def hash_folder(folder: Path) -> str:
    """Return 8 hex digits over everything that decides about the vectors; reads all weights."""
    digest = hashlib.sha256()
    for file in [folder / name for name in _HASHED + _ALSO_HASHED] + paths.weight_files(folder):
        if disk.is_file(file):
            with file.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256")
            digest.update(f"{file.name} {content.hexdigest()}\n".encode())
    return digest.hexdigest()[:8]


def _logit_scale(folder: Path) -> float:
    scale = read_scalar(folder, "logit_scale")
    if scale is None:
        return _DEFAULT_LOGIT_SCALE
    if not abs(scale) <= math.log(_MOST_LOGIT_SCALE):
        raise ModelUnusableError(f"the weights in {folder} have a logit scale of {scale:g}")
    return float(np.exp(scale))


def read_scalar(folder: Path, name: str) -> float | None:
    """Return one number from the weights without reading the rest; None where it has no such."""
    for file in paths.weight_files(folder):
        try:
            found = arrays.read_scalar(file, name)
        except (OSError, ValueError) as error:
            raise ModelUnusableError(
                f"{file} is no safetensors file: {error}", hint="Fetch the model again."
            ) from error
        if found is not None:
            return found
    return None


def identify(source: str, memory: Path) -> str:
    """Return the encoder id of `source`: a hub id as it is, for a folder `name@hash`.

    Hashing reads all weights, so the result is kept in the file `memory` until a file changes.
    Raises ModelMissingError or ModelUnusableError where there is no usable model.
    """
    folder = require(source)
    if paths.as_folder(source) is None:
        return source
    return remembered(folder, memory, lambda: f"{folder.name}@{hash_folder(folder)}")


def remembered(place: Path, memory: Path, identity: Callable[[], str]) -> str:
    """Return what `identity` says of a folder or file, kept in `memory` until a file changes."""
    stamp = _stamp(place)
    known = recall(memory)
    found = known.get(stamp)
    if not isinstance(found, str):
        try:
            found = identity()
        except OSError as error:
            raise ModelUnusableError(f"{place} cannot be read: {error}") from error
        remember(memory, known | {stamp: found})
    return found


def _stamp(place: Path) -> str:
    """Return a text that changes when the file, or any file in the folder, does."""
    entries = []
    for file in disk.below(place) if disk.is_folder(place) else [place]:
        with contextlib.suppress(OSError):
            status = file.stat()
            entries.append(
                [str(file.relative_to(place)), status.st_size, status.st_mtime_ns, status.st_ino]
            )
    return json.dumps([str(os.path.realpath(place)), entries])
