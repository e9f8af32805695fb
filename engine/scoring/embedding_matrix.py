"""Embeddings at work: of a query, one term or several, and of the library as a resident matrix."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from sqlite_utils import Database

from cache.embeddings import dimension, stored_vectors
from cache.mapped import AbsentFolder, absent_folders
from cache.sql import revision
from cache.store import Cache
from engine.errors import RequestError
from engine.results import FloatArray, IdArray
from engine.scoring.columns import Columns

MOST_RESIDENT = 2
"""Encoders whose matrices stay in memory: a person switches between two, not among ten."""
MOST_DERIVED = 4
"""Backgrounds of texts in two languages, and of pictures, and the pictures as a matcher sees them.
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedTerm:
    """One term of a query, embedded."""

    weight: float
    vector: FloatArray
    """Unit length, [dim]."""
    is_picture: bool


def combine(terms: Sequence[WeightedTerm]) -> FloatArray:
    """The embedding of a query: the weighted sum of its terms at unit length, [dim].

    Raises RequestError where it vanishes.
    """
    total = sum((term.weight * term.vector for term in terms), np.zeros_like(terms[0].vector))
    length = float(np.linalg.norm(total))
    if length < 1e-4 * sum(abs(term.weight) for term in terms):
        raise RequestError("the terms of the query cancel each other out", field="query")
    return np.asarray(total / length, np.float32)


@dataclass(slots=True, kw_only=True, eq=False)
class EmbeddingMatrix:
    """All embeddings of one encoder at one revision of the library, in picture-id order."""

    revision: int
    picture_ids: IdArray
    """[N], ascending."""
    columns: Columns
    """[dim, N]: one picture a column."""
    absent: tuple[AbsentFolder, ...] = ()
    """Attached folders that were not there when it was read: their pictures are not in it."""
    _derived: OrderedDict[Hashable, object] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, vectors: FloatArray, picture_ids: IdArray | None = None) -> EmbeddingMatrix:
        """Pictures that are no library: rows [N, dim], numbered from 0 unless they have ids."""
        ids = np.arange(len(vectors), dtype=np.int64) if picture_ids is None else picture_ids
        return cls(revision=0, picture_ids=ids, columns=Columns.of(vectors.T))

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return len(self.picture_ids)

    def vectors(self, indices: IdArray) -> FloatArray:
        """The embeddings of some pictures, [n, dim]."""
        return np.ascontiguousarray(self.columns.take(indices).T)

    def derived(self, key: Hashable, compute: Callable[[Columns], T]) -> T:
        """What is computed from the columns, kept under a key that says what it is."""
        with self._lock:
            if key not in self._derived:
                self._derived[key] = compute(self.columns)
            self._derived.move_to_end(key)
            found = self._derived[key]
            while len(self._derived) > MOST_DERIVED:
                self._derived.popitem(last=False)
            return found  # type: ignore[return-value]


class EmbeddingMatrices:
    """Hands out resident matrices; one is loaded beside the event loop, once for all who wait."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._resident: OrderedDict[str, EmbeddingMatrix] = OrderedDict()
        self._lock = asyncio.Lock()

    async def get(self, encoder_id: str, at_revision: int) -> EmbeddingMatrix:
        """The matrix of an encoder, no older than a revision of the library."""
        async with self._lock:
            found = self._resident.get(encoder_id)
            if (
                found is None
                or found.revision < at_revision
                or await self._is_back(found, encoder_id)
            ):
                # Dropped first: two generations of a large matrix need not fit into memory.
                self._resident.pop(encoder_id, None)
                found = await self._cache.read(load, encoder_id)
                self._resident[encoder_id] = found
            self._resident.move_to_end(encoder_id)
            while len(self._resident) > MOST_RESIDENT:
                self._resident.popitem(last=False)
            return found

    async def _is_back(self, found: EmbeddingMatrix, encoder_id: str) -> bool:
        """Whether an attached folder that was not there is there by now."""
        if not found.absent:
            return False
        return found.absent != await self._cache.read(absent_folders, encoder_id)


def load(db: Database, encoder_id: str) -> EmbeddingMatrix:
    """The matrix of an encoder as the cache holds it, one block after the other."""
    absent = absent_folders(db, encoder_id)
    ids, stored = stored_vectors(db, encoder_id)
    parts = ((np.searchsorted(ids, their), vectors) for their, vectors in stored)
    columns = Columns.of_rows(parts, len(ids), dimension(db, encoder_id))
    ids.flags.writeable = False
    return EmbeddingMatrix(revision=revision(db), picture_ids=ids, columns=columns, absent=absent)
