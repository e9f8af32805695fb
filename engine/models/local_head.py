"""A local head: linear maps that take patches and tokens of one encoder into its joint space.

It lies beside the weights of an encoder that comes with one, as `local_head.safetensors`: for each
tower a weight [dim, layers * width] and a bias [dim], over the normalised states of the last
`layers` of its layers (the first entry is what enters the first), the earliest first. It was taught
what patches show, and so says how a cosine is to be read: `pair.even` is that of even odds that a
patch shows a word, `pair.scale` the log odds for one more. A head changes nothing about the
embeddings of whole pictures and texts, and so is no part of the encoder's id.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine import disk
from engine.errors import ModelUnusableError
from engine.results import FloatArray
from engine.untrusted import arrays
from engine.untrusted.documents import UntrustedError

FILE = "local_head.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StateProjection:
    """weight x + bias."""

    weight: FloatArray
    """[dim, layers * width]"""
    bias: FloatArray
    """[dim]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOdds:
    """How a cosine of a word and a patch is read: log odds of scale (cosine - even)."""

    scale: float
    even: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalHead:
    """The maps of one encoder."""

    patches: StateProjection
    tokens: StateProjection


def local_head_id(folder: Path) -> str:
    """What tells the local head in a model's folder from others; empty where there is none."""
    file = folder / FILE
    if not disk.is_file(file):
        return ""
    try:
        with file.open("rb") as stream:
            return f"head {hashlib.file_digest(stream, 'sha256').hexdigest()[:8]}"
    except OSError as error:
        raise ModelUnusableError(f"{file} cannot be read: {error}") from error


def read_pair_odds(folder: Path) -> PairOdds | None:
    """How the cosines of the local head in a model's folder are read; None where nothing says."""
    file = folder / FILE
    if not disk.is_file(file):
        return None
    try:
        scale, even = (arrays.read_scalar(file, f"pair.{name}") for name in ("scale", "even"))
    except (OSError, UntrustedError) as error:
        raise ModelUnusableError(f"{file} cannot be read: {error}") from error
    if scale is None or even is None or not (0 < scale < math.inf and -1 < even < 1):
        return None
    return PairOdds(scale=scale, even=even)


def read_local_head(folder: Path, *, dim: int, widths: tuple[int, int]) -> LocalHead | None:
    """The local head in a model's folder; None where there is none.

    `widths` are those of the vision and of the text tower. Raises ModelUnusableError where it
    cannot be read, or does not fit the model.
    """
    file = folder / FILE
    if not disk.is_file(file):
        return None
    try:
        tensors, _ = arrays.read_tensors(file.read_bytes())
    except (OSError, UntrustedError) as error:
        raise ModelUnusableError(f"{file} cannot be read: {error}") from error
    patches, tokens = (
        _linear(tensors, name, dim, width)
        for name, width in zip(("patches", "tokens"), widths, strict=True)
    )
    if patches is None or tokens is None:
        raise ModelUnusableError(f"{file} does not fit the model beside it")
    return LocalHead(patches=patches, tokens=tokens)


def _linear(
    tensors: Mapping[str, FloatArray], name: str, dim: int, width: int
) -> StateProjection | None:
    weight, bias = (tensors.get(f"{name}.{part}") for part in ("weight", "bias"))
    if weight is None or bias is None or weight.ndim != 2 or bias.shape != (dim,):
        return None
    fits = weight.shape[0] == dim and weight.shape[1] and weight.shape[1] % width == 0
    if not fits or not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        return None
    return StateProjection(weight=weight, bias=bias)
