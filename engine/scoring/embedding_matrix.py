"""The embeddings of the library as one resident matrix an encoder, loaded again when it changes."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
from sqlite_utils import Database

from cache.embeddings import load_matrix
from cache.sql import revision
from cache.store import Cache
from engine.results import FloatArray, IdArray
from engine.scoring.label_free import Background, prepare

MOST_RESIDENT = 2
"""Encoders whose matrices stay in memory: a person switches between two, not among ten."""
MOST_BACKGROUNDS = 3
"""Texts in two languages, and pictures."""
_TILE = 256


@dataclass(slots=True, kw_only=True, eq=False)
class EmbeddingMatrix:
    """All embeddings of one encoder at one revision of the library, in picture-id order."""

    revision: int
    picture_ids: IdArray
    """[N], ascending."""
    columns: FloatArray
    """[dim, N]: one picture a column, so that a product with a query reads memory in order."""
    _backgrounds: OrderedDict[Hashable, Background] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return len(self.picture_ids)

    def vectors(self, indices: IdArray) -> FloatArray:
        """The embeddings of some pictures, [n, dim]."""
        return np.ascontiguousarray(self.columns[:, indices].T)

    def background(self, key: Hashable, vectors: FloatArray, scale: float) -> Background:
        """The background of these vectors [B, dim], kept under `key`; computed the first time."""
        with self._lock:
            found = self._backgrounds.get(key)
            if found is None:
                found = self._backgrounds[key] = prepare(vectors, self.columns, scale)
            self._backgrounds.move_to_end(key)
            while len(self._backgrounds) > MOST_BACKGROUNDS:
                self._backgrounds.popitem(last=False)
            return found


class EmbeddingMatrices:
    """Hands out resident matrices; a matrix is loaded in threads, once for all who wait."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._resident: OrderedDict[str, EmbeddingMatrix] = OrderedDict()
        self._lock = asyncio.Lock()

    async def get(self, encoder_id: str, at_revision: int) -> EmbeddingMatrix:
        """The matrix of an encoder, no older than a revision of the library."""
        async with self._lock:
            found = self._resident.get(encoder_id)
            if found is None or found.revision < at_revision:
                # Dropped first: two generations of a large matrix need not fit into memory.
                self._resident.pop(encoder_id, None)
                at, ids, vectors = await self._cache.read(_load, encoder_id)
                found = await asyncio.to_thread(_arrange, at, ids, vectors)
                self._resident[encoder_id] = found
            self._resident.move_to_end(encoder_id)
            while len(self._resident) > MOST_RESIDENT:
                self._resident.popitem(last=False)
            return found


def arrange(vectors: FloatArray, order: IdArray) -> FloatArray:
    """Rows [N, dim] in a new order, as the columns of a contiguous matrix [dim, N]."""
    count, dim = len(order), vectors.shape[1]
    columns = np.empty((dim, count), np.float32)
    for start in range(0, count, _TILE):
        tile = order[start : start + _TILE]
        columns[:, start : start + len(tile)] = vectors[tile].T
    return columns


def _load(db: Database, encoder_id: str) -> tuple[int, IdArray, FloatArray]:
    ids, vectors = load_matrix(db, encoder_id)
    return revision(db), ids, vectors


def _arrange(at: int, ids: IdArray, vectors: FloatArray) -> EmbeddingMatrix:
    order = np.argsort(ids, kind="stable")
    columns, picture_ids = arrange(vectors, order), ids[order]
    columns.flags.writeable = picture_ids.flags.writeable = False
    return EmbeddingMatrix(revision=at, picture_ids=picture_ids, columns=columns)
