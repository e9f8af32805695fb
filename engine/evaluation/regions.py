"""Where in a picture people saw what a phrase names: boxes, outlines and masks.

All are in shares of the picture's width and height, so that they hold at any size it is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.results import IdArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionBox:
    """A rectangle; right and bottom are beyond it."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, across: Floats, down: Floats) -> Bools:
        """Which points lie in it, [n]."""
        return (
            (self.left <= across)
            & (across < self.right)
            & (self.top <= down)
            & (down < self.bottom)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionOutline:
    """A polygon, which may be hollow or cross itself."""

    corners: Floats
    """Across and down, [n, 2]."""

    def holds(self, across: Floats, down: Floats) -> Bools:
        """Which points a ray to the right leaves through an odd number of sides, [n]."""
        x, y = self.corners.T
        other_x, other_y = np.roll(x, 1), np.roll(y, 1)
        below = down[:, None]
        crosses = (y <= below) != (other_y <= below)
        rise = np.where(other_y == y, 1.0, other_y - y)  # A level side is crossed by no ray.
        at = x + (below - y) * (other_x - x) / rise
        left: Bools = (crosses & (across[:, None] < at)).sum(axis=1) % 2 == 1
        return left


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionMask:
    """A mask over the whole picture, kept as runs: unpacked, thousands fill gigabytes."""

    rows: int
    columns: int
    ends: IdArray
    """Where runs end, column by column from the upper left: the first is outside, the second
    inside, and so on."""

    @classmethod
    def of(cls, mask: Bools) -> RegionMask:
        """The mask [rows, columns]."""
        down = mask.T.ravel()
        changes = np.flatnonzero(np.diff(down, prepend=False)).astype(np.int64)
        return cls(rows=mask.shape[0], columns=mask.shape[1], ends=np.append(changes, len(down)))

    @classmethod
    def of_counts(cls, counts: Sequence[int], rows: int, columns: int) -> RegionMask:
        """The mask that runs of these lengths make. Raises ValueError where they do not fill it."""
        if rows < 1 or columns < 1 or any(count < 0 for count in counts):
            raise ValueError("a mask has a size, and runs of no less than nothing")
        if sum(counts) != rows * columns:
            raise ValueError(f"runs of {sum(counts):,} pixels for a mask of {rows * columns:,}")
        return cls(rows=rows, columns=columns, ends=np.cumsum(counts, dtype=np.int64))

    def holds(self, across: Floats, down: Floats) -> Bools:
        """Which points lie in it, [n]."""
        column = np.floor(across * self.columns).astype(np.int64)
        row = np.floor(down * self.rows).astype(np.int64)
        is_within = (column >= 0) & (column < self.columns) & (row >= 0) & (row < self.rows)
        runs = np.searchsorted(self.ends, column * self.rows + row, side="right")
        held: Bools = is_within & (runs % 2 == 1)
        return held


Area: TypeAlias = RegionBox | RegionOutline | RegionMask


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A phrase, and where in a picture people saw what it names."""

    picture: int
    text: str
    kind: str
    """Figures are given for each."""
    areas: tuple[Area, ...]
    """Any of them will do."""

    def holds(self, across: Floats, down: Floats) -> Bools:
        """Which points lie in it, [n]."""
        inside = np.zeros(len(across), np.bool_)
        for area in self.areas:
            inside |= area.holds(across, down)
        return inside


_SIX_BITS, _FIVE_BITS, _MORE, _NEGATIVE = 48, 0x1F, 0x20, 0x10
_MOST_PARTS = 7
"""So many characters hold any number of pixels that a mask can have."""


def unpacked_counts(text: str) -> list[int]:
    """The run lengths that COCO's masks keep as text (pycocotools, `rleFrString`).

    Each number stands in characters of six bits from '0' on, the lowest five bits first, the sixth
    saying that more follow; from the fourth number on it is what sets it apart from the one two
    before. Raises ValueError for another text.
    """
    counts: list[int] = []
    value, parts = 0, 0
    for letter in text:
        code = ord(letter) - _SIX_BITS
        if not 0 <= code < 1 << 6 or parts == _MOST_PARTS:
            raise ValueError("a mask's runs are packed in another way")
        value |= (code & _FIVE_BITS) << 5 * parts
        parts += 1
        if code & _MORE:
            continue
        if code & _NEGATIVE:
            value -= 1 << 5 * parts
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value, parts = 0, 0
    if parts:
        raise ValueError("a mask's runs end within a number")
    return counts
