"""A narrow first pass over a large library: few numbers a picture find those worth all of them.

The products of queries with pictures are approximated in a few directions, in 8 bits a number. The
directions are learned from the library and from background texts: those in which the products of
such texts with such pictures vary most (the best approximation of low rank of texts' covariance
and pictures' covariance taken together). The best pictures by that are scored exactly, and
how many of the truly best are among them is measured on the very library.

Why not sign bits and Hamming distances (Charikar 2002; with the rotation of Gong and Lazebnik
2011): texts lie far from pictures in such spaces, and tell them apart by little. Among a million
pictures made of real CLIP vectors the best 4,096 by 512 sign bits hold .45 of a word's 100 nearest,
by these directions, in twice the memory, .97 (`python -m tests.bench.bench_narrow`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray
from engine.scoring.columns import Columns
from engine.scoring.cores import on_all_cores

Codes: TypeAlias = NDArray[np.int8]

DIRECTIONS = 128
"""Numbers a picture, a byte each."""
LEARNED_FROM = 20_000
"""Pictures that the directions are learned from."""

_MOST = 127
_SHARED = 1e-3
"""Variance that every direction of a query has at least: not all queries are like the texts."""
_TINY = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class NarrowSpace:
    """The directions, learned once for a library that may grow."""

    for_queries: FloatArray
    """What the numbers of a query are made with, [dim, D]."""
    for_pictures: FloatArray
    """And those of a picture less the mean, [D, dim]."""
    mean: FloatArray
    """[dim, 1]."""

    @classmethod
    def learn(cls, some: FloatArray, texts: FloatArray) -> NarrowSpace:
        """From some pictures [dim, n] of a library, and unit texts [B, dim]."""
        mean = some.mean(axis=1, keepdims=True)
        for_queries, for_pictures = _directions(some - mean, texts)
        sizes = np.abs(for_pictures.T @ (some - mean)).max(axis=1, initial=_TINY)
        step = (sizes / _MOST).astype(np.float32)
        return cls(
            for_queries=for_queries * step,
            for_pictures=np.ascontiguousarray((for_pictures / step).T),
            mean=mean,
        )

    def codes(self, columns: FloatArray) -> Codes:
        """Pictures [dim, n] by few numbers, [D, n]."""
        numbers = self.for_pictures @ (columns - self.mean)
        return np.clip(np.rint(numbers), -_MOST, _MOST).astype(np.int8)

    def estimates(self, query: FloatArray, codes: Sequence[Codes]) -> FloatArray:
        """Products of a query [dim] with pictures, but for a constant, about; [N]."""
        numbers = query @ self.for_queries

        def product(block: Codes) -> FloatArray:
            found: FloatArray = numbers @ block.astype(np.float32)
            return found

        parts = on_all_cores(product, codes)
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def codes_of(space: NarrowSpace, columns: Columns) -> tuple[Codes, ...]:
    """The codes of a library, in blocks as it has them."""
    return tuple(on_all_cores(lambda block: space.codes(block.columns()), columns.blocks))


def _directions(apart: FloatArray, texts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Directions [dim, D] for queries, and for pictures less their mean [dim, n].

    With covariances P of pictures and T of texts, the eigenvectors V of P^(1/2) T P^(1/2) give the
    products P^(1/2) V of queries with P^(-1/2) V of pictures: the least squared error of all.
    """
    pictures = np.asarray(apart @ apart.T, np.float64) / max(apart.shape[1], 1)
    spread = texts - texts.mean(axis=0)
    queries = np.asarray(spread.T @ spread, np.float64) / max(len(texts), 1)
    queries[np.diag_indices_from(queries)] += _SHARED
    variances, axes = np.linalg.eigh(pictures)
    lengths = np.sqrt(np.maximum(variances, _TINY))
    root, inverse = (axes * lengths) @ axes.T, (axes / lengths) @ axes.T
    _, found = np.linalg.eigh(root @ queries @ root)
    best = found[:, ::-1][:, :DIRECTIONS]
    return (root @ best).astype(np.float32), (inverse @ best).astype(np.float32)
