"""Vectors of many pictures, one a column, in blocks that each lie in memory as one piece.

A product with a query reads a block in order, and what a matcher makes of one stays in the
processor's cache. Blocks are scored on all cores.

From HALF_FROM pictures on a number is kept as a whole one in 16 bits, times a step that each row of
a block has for itself: half of the memory. The largest error of a number is half a step, 1/65534 of
the largest of its row. Every score is computed in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray, IdArray
from engine.scoring.cores import on_all_cores

BLOCK = 4096
"""Columns of a block: 8 MB at 512 float32 numbers, as the cache stores them."""
HALF_FROM = 500_000
"""Pictures: 1 GB at 512 float32 numbers."""

_MOST = 32767
_TILE = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Some columns [dim, n]."""

    values: FloatArray | NDArray[np.int16]
    step: FloatArray | None = None
    """What 1 stands for in each row, [dim, 1]; None for values that stand for themselves."""

    @classmethod
    def halved(cls, columns: FloatArray) -> Block:
        """In 16 bits a number."""
        step = np.maximum(np.abs(columns).max(axis=1, keepdims=True, initial=0), 1e-30) / _MOST
        return cls(values=np.rint(columns / step).astype(np.int16), step=step.astype(np.float32))

    @property
    def count(self) -> int:
        """Columns."""
        return int(self.values.shape[1])

    @property
    def bytes(self) -> int:
        """In memory."""
        return self.values.nbytes

    def columns(self, chosen: IdArray | slice = slice(None)) -> FloatArray:
        """All of them, or some, as float32 [dim, n]."""
        values = self.values[:, chosen]
        if self.step is None:
            return values.astype(np.float32, copy=False)
        return np.multiply(values.astype(np.float32), self.step, dtype=np.float32)

    def row(self, number: int) -> FloatArray:
        """One number of every column, [n]."""
        values = self.values[number].astype(np.float32)
        return np.asarray(values if self.step is None else values * self.step[number])

    def products(self, rows: FloatArray) -> FloatArray:
        """Of rows [..., dim] with the columns, [..., n]."""
        if self.step is None:
            return np.asarray(rows @ self.values, np.float32)
        # The steps go into the rows, of which there are fewer.
        return np.asarray((rows * self.step[:, 0]) @ self.values.astype(np.float32), np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Columns:
    """A matrix [dim, N] in blocks; `rows @ columns` is its product with rows [..., dim]."""

    dim: int
    blocks: tuple[Block, ...]

    __array_ufunc__ = None
    """numpy leaves `rows @ columns` to this class."""

    @classmethod
    def of(cls, columns: FloatArray) -> Columns:
        """From one matrix [dim, N], which is kept where it is a single block."""
        parts = (columns[:, at : at + BLOCK] for at in range(0, columns.shape[1], BLOCK))
        blocks = tuple(Block(values=np.ascontiguousarray(part)) for part in parts)
        return cls(dim=columns.shape[0], blocks=blocks)

    @classmethod
    def of_rows(cls, parts: Iterable[tuple[IdArray, FloatArray]], count: int, dim: int) -> Columns:
        """From the rows of N pictures, as parts of positions [n] and vectors [n, dim].

        Every position is given once; the parts may come in any order.
        """
        filling, blocks = dict[int, tuple[FloatArray, int]](), dict[int, Block]()
        for positions, vectors in parts:
            order = np.argsort(positions, kind="stable")
            for number, some in _by_block(positions[order]):
                size = min(BLOCK, count - number * BLOCK)
                if number not in filling:
                    filling[number] = np.empty((dim, size), np.float32), 0
                columns, filled = filling[number]
                chosen = order[some]
                _put(columns, positions[chosen] - number * BLOCK, vectors, chosen)
                filling[number] = columns, filled + len(chosen)
                if filled + len(chosen) == size:
                    columns = filling.pop(number)[0]
                    is_half = count >= HALF_FROM
                    blocks[number] = Block.halved(columns) if is_half else Block(values=columns)
        assert not filling, "some positions were not given"
        for block in blocks.values():
            block.values.flags.writeable = False
        return cls(dim=dim, blocks=tuple(blocks[number] for number in sorted(blocks)))

    @cached_property
    def starts(self) -> IdArray:
        """Where each block begins, and where the last one ends."""
        counts = [0, *(block.count for block in self.blocks)]
        return np.cumsum(counts, dtype=np.int64)

    @property
    def count(self) -> int:
        """Pictures."""
        return int(self.starts[-1])

    @property
    def shape(self) -> tuple[int, int]:
        """As of an array."""
        return self.dim, self.count

    @property
    def bytes(self) -> int:
        """In memory."""
        return sum(block.bytes for block in self.blocks)

    def __rmatmul__(self, rows: FloatArray) -> FloatArray:
        return self._joined(rows.shape[:-1], partial(Block.products, rows=rows))

    def each(self, compute: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """A number for every picture [N], from the columns of some [dim, n] at a time."""
        return self._joined((), lambda block: compute(block.columns()))

    def _joined(self, shape: tuple[int, ...], compute: Callable[[Block], FloatArray]) -> FloatArray:
        if len(self.blocks) == 1:
            return compute(self.blocks[0])
        found = np.empty((*shape, self.count), np.float32)

        def fill(part: tuple[Block, int]) -> None:
            block, start = part
            found[..., start : start + block.count] = compute(block)

        on_all_cores(fill, list(zip(self.blocks, self.starts[:-1].tolist(), strict=True)))
        return found

    def mapped(self, compute: Callable[[FloatArray], FloatArray]) -> Columns:
        """What is computed of the columns of some pictures [dim, n] at a time: [k, n], likewise."""

        def mapped(block: Block) -> Block:
            columns = block.columns()
            found = compute(columns)
            if found is columns:
                return block
            return Block(values=found) if block.step is None else Block.halved(found)

        blocks = tuple(on_all_cores(mapped, self.blocks))
        dim = blocks[0].values.shape[0] if blocks else self.dim
        return Columns(dim=dim, blocks=blocks)

    def take(self, rows: IdArray) -> FloatArray:
        """The columns of some pictures, in one piece [dim, n]."""
        order = np.argsort(rows, kind="stable")
        found = np.empty((self.dim, len(rows)), np.float32)
        bounds = np.searchsorted(rows[order], self.starts)
        for block, start, (first, end) in zip(
            self.blocks, self.starts.tolist(), pairwise(bounds.tolist()), strict=False
        ):
            if first < end:
                found[:, first:end] = block.columns(_as_slice(rows[order[first:end]] - start))
        if np.array_equal(order, np.arange(len(order))):
            return found
        asked: FloatArray = np.empty_like(found)
        asked[:, order] = found
        return asked

    def row(self, number: int) -> FloatArray:
        """One number of every picture, [N]."""
        parts = [block.row(number) for block in self.blocks]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def total(self) -> NDArray[np.float64]:
        """The sum of all columns, [dim]."""
        found = np.zeros(self.dim)
        for block in self.blocks:
            found += block.columns().sum(axis=1, dtype=np.float64)
        return found

    def replaced(self, rows: IdArray, vectors: FloatArray) -> Columns:
        """With other vectors [n, dim] of some pictures, by ascending rows."""
        blocks = list(self.blocks)
        for number, some in zip(
            range(len(blocks)), pairwise(np.searchsorted(rows, self.starts).tolist()), strict=True
        ):
            if some[0] < some[1]:
                columns = blocks[number].columns().copy()
                columns[:, rows[slice(*some)] - self.starts[number]] = vectors[slice(*some)].T
                is_half = blocks[number].step is not None
                blocks[number] = Block.halved(columns) if is_half else Block(values=columns)
        return Columns(dim=self.dim, blocks=tuple(blocks))


def _by_block(positions: IdArray) -> Iterator[tuple[int, slice]]:
    """The block of ascending positions, and which of them lie there."""
    first, last = (int(positions[end]) // BLOCK for end in (0, -1))
    bounds = np.searchsorted(positions, np.arange(first, last + 2) * BLOCK).tolist()
    for number, (start, end) in enumerate(pairwise(bounds), first):
        if start < end:
            yield number, slice(start, end)


def _put(columns: FloatArray, at: IdArray, vectors: FloatArray, chosen: IdArray) -> None:
    """Write some of the vectors into columns, in tiles that the processor's cache holds."""
    for start in range(0, len(chosen), _TILE):
        tile = slice(start, start + _TILE)
        columns[:, _as_slice(at[tile])] = vectors[_as_slice(chosen[tile])].T


def _as_slice(positions: IdArray) -> IdArray | slice:
    """Positions as a slice where they follow each other, which numpy copies faster."""
    first, count = int(positions[0]), len(positions)
    follows = int(positions[-1]) - first == count - 1 and bool((np.diff(positions) == 1).all())
    return slice(first, first + count) if follows else positions
