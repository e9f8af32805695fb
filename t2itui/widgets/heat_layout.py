"""How a heatmap divides its width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from t2itui.heat_table import HeatTable

Kind = Literal["text", "added", "heat", "change", "rank", "tokens"]

GUTTER = 2
"""Cells at the left, for what joins a pair."""
HEAT, CHANGE, RANK, TOKENS = 8, 7, 7, 5
NAMED_HEAT, MOST_NAMED_HEAT = 12, 18
"""A column that has a picture's name over it."""
LEAST_TEXT, ROOMY_TEXT = 20, 32
"""The text before names have room, and after."""
ROOM_FOR_ADDED = 100
"""From so many cells on the phrase that a line adds has a column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A part of each line."""

    kind: Kind
    x: int
    width: int
    column: int = 0
    """Which heat it belongs to, from 0."""


def lay_out(table: HeatTable, width: int, first: int = 0) -> tuple[Field, ...]:
    """Fields from left to right; of many pictures those from `first` on that there is room for."""
    if table.is_single:
        widths = _single(len(table.columns), width)
    else:
        widths = _several(len(table.columns), width, first)
    left = width - GUTTER - sum(part[1] for part in widths)
    parts: list[tuple[Kind, int, int]] = [("text", left, 0)]
    if width >= ROOM_FOR_ADDED:
        parts = [("text", left - left * 2 // 5, 0), ("added", left * 2 // 5, 0)]
    fields, x = [], GUTTER
    for kind, cells, column in (*parts, *widths):
        fields.append(Field(kind=kind, x=x, width=cells, column=column))
        x += cells
    return tuple(fields)


def _single(columns: int, width: int) -> list[tuple[Kind, int, int]]:
    """Score, change and rank of each scorer; ranks and then changes give way to the text."""
    kinds: Sequence[tuple[Kind, int]] = (("heat", HEAT), ("change", CHANGE), ("rank", RANK))
    while len(kinds) > 1 and width - columns * sum(w for _, w in kinds) - TOKENS < LEAST_TEXT:
        kinds = kinds[:-1]
    widths: list[tuple[Kind, int, int]] = []
    for column in range(columns):
        widths += [(kind, cells, column) for kind, cells in kinds]
    return [*widths, ("tokens", TOKENS, 0)]


def _several(columns: int, width: int, first: int) -> list[tuple[Kind, int, int]]:
    roomy = (width - GUTTER - ROOMY_TEXT - TOKENS) // max(1, columns)
    cells = max(NAMED_HEAT, min(MOST_NAMED_HEAT, roomy))
    room = max(1, (width - GUTTER - LEAST_TEXT - TOKENS) // cells)
    shown = range(first, min(columns, first + room))
    widths: list[tuple[Kind, int, int]] = [("heat", cells, column) for column in shown]
    return [*widths, ("tokens", TOKENS, 0)]


def first_in_sight(table: HeatTable, width: int, first: int, column: int) -> int:
    """The first picture to draw so that `column` is in sight and no more moves than must."""
    if table.is_single:
        return 0
    room = sum(field.kind == "heat" for field in lay_out(table, width))
    return max(0, min(max(first, column - room + 1), column, len(table.columns) - room))
