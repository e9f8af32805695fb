"""What a query comes to in the space of one encoder: a vector, and a background of its kind."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import RequestError
from engine.results import FloatArray
from engine.search.matrix import Resident

BANK_PICTURES = 200
"""Pictures of the library, spread evenly over it, that stand against a picture as a query."""
_STEP = 37
"""Terms of a mix take their background from so many places further on, never the same twice."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One term, embedded."""

    weight: float
    vector: FloatArray
    """Unit length, [dim]."""
    is_picture: bool


def mix(parts: Sequence[Part]) -> FloatArray:
    """The weighted sum of the parts at unit length, [dim]; RequestError where it vanishes."""
    total = sum((part.weight * part.vector for part in parts), np.zeros_like(parts[0].vector))
    length = float(np.linalg.norm(total))
    if length < 1e-4 * sum(abs(part.weight) for part in parts):
        raise RequestError("the terms of the query cancel each other out")
    return np.asarray(total / length, np.float32)


def spread_pictures(resident: Resident) -> FloatArray:
    """Background pictures [B, dim]: the same ones as long as the library stays as it is."""
    count = min(BANK_PICTURES, resident.count)
    indices = np.linspace(0, resident.count - 1, count).astype(np.int64)
    return resident.vectors(np.unique(indices))


def background_of(
    parts: Sequence[Part], texts: FloatArray, pictures: FloatArray
) -> tuple[Hashable | None, FloatArray]:
    """Background vectors [B, dim] for a query, and a key where other queries have the same.

    The background of a mix is the same mix of random texts and pictures, so that it differs from
    the query in what it says and not in how it is made.
    """
    kinds = [pictures if part.is_picture else texts for part in parts]
    if len(parts) == 1 and parts[0].weight > 0:
        return ("pictures" if parts[0].is_picture else "texts"), kinds[0]
    size = min(len(kind) for kind in kinds)
    total = np.zeros((size, len(parts[0].vector)), np.float32)
    for place, (part, kind) in enumerate(zip(parts, kinds, strict=True)):
        total += np.float32(part.weight) * np.roll(kind, -_STEP * place, axis=0)[:size]
    lengths = np.linalg.norm(total, axis=1, keepdims=True)
    kept = lengths[:, 0] > 1e-6
    return None, total[kept] / lengths[kept]
