"""How a sheet divides its width among columns and fits untrusted text into cells."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from t2itui.plain import plain

GAP = 2
ELLIPSIS = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a sheet; a share of 0 keeps it at its width."""

    title: str
    width: int
    """Cells; the least it is drawn with."""
    share: int = 0
    """Its part of the cells that are left over."""
    right: bool = False
    """Numbers stand at the right."""
    keep_end: bool = False
    """Cut at the start, as paths are: their end tells them apart."""
    priority: int = 0
    """Columns with the highest number go first when the sheet is narrow; 0 never goes."""


def column_widths(columns: Sequence[Column], width: int) -> tuple[int, ...]:
    """Return the cells of each column in `width` cells, gaps apart; 0 hides a column."""
    shown = set(range(len(columns)))
    by_priority = sorted(shown, key=lambda index: -columns[index].priority)
    for index in by_priority:
        if needed(columns, shown) <= width or columns[index].priority == 0:
            break
        shown.discard(index)
    left = max(0, width - needed(columns, shown))
    shares = sum(columns[index].share for index in shown)
    widths = []
    for index, column in enumerate(columns):
        if index not in shown:
            widths.append(0)
            continue
        extra = left * column.share // shares if column.share else 0
        left -= extra
        shares -= column.share
        widths.append(column.width + extra)
    return tuple(widths)


def needed(columns: Sequence[Column], shown: set[int]) -> int:
    """Return the cells that the `shown` columns take at their least."""
    return sum(columns[index].width for index in shown) + GAP * max(0, len(shown) - 1)


def fit(text: str, width: int, *, right: bool = False, keep_end: bool = False) -> str:
    """Return `text`, made safe, as exactly `width` cells."""
    safe = plain(text)
    length = cell_len(safe)
    if length <= width:
        padding = " " * (width - length)
        return padding + safe if right else safe + padding
    if width <= 1:
        return ELLIPSIS[:width]
    if not keep_end:
        return set_cell_size(set_cell_size(safe, width - 1).rstrip() + ELLIPSIS, width)
    start = len(safe)
    cells = 0
    while start and cells + cell_len(safe[start - 1]) <= width - 1:
        start -= 1
        cells += cell_len(safe[start])
    return set_cell_size(ELLIPSIS + safe[start:], width)


def lay_out(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    """Return one line of the sheet."""
    return (" " * GAP).join(
        fit(cell, width, right=column.right, keep_end=column.keep_end)
        for cell, column, width in zip(cells, columns, widths, strict=True)
        if width
    )
