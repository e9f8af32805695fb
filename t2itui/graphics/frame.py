"""The box of text that stands where no picture can be drawn."""

from enum import StrEnum
from textwrap import wrap

from rich.cells import cell_len, chop_cells, set_cell_size

from t2itui.text.plain import plain


class Reason(StrEnum):
    """Why no picture is drawn."""

    TEXT = "text"
    """The terminal draws none."""
    EMPTY = "empty"
    """None was given."""
    LOADING = "loading"
    MISSING = "missing"
    """There are no bytes of it."""
    BROKEN = "broken"
    """Its bytes are no picture."""


SYMBOLS = {
    Reason.TEXT: "▣",
    Reason.EMPTY: "",
    Reason.LOADING: "…",
    Reason.MISSING: "∅",
    Reason.BROKEN: "✗",
}
QUIET = (Reason.EMPTY, Reason.LOADING)
"""States of a moment, shown without box and words."""


def frame(alt: str, reason: Reason, columns: int, rows: int, *, dim: bool) -> list[str]:
    """`rows` lines of `columns` cells: a symbol and the words, boxed where there is room.

    Blank where nothing is missing because nothing was named.
    """
    if reason is Reason.MISSING and not alt:
        return [" " * columns] * rows
    boxed = columns >= 6 and rows >= 3 and reason not in QUIET
    inner_columns, inner_rows = (columns - 4, rows - 2) if boxed else (columns, rows)
    words = [] if reason in QUIET else _fit(plain(alt), inner_columns, inner_rows - 1)
    lines = [SYMBOLS[reason], *words]
    if inner_rows < 2 and reason not in QUIET:
        lines = [f"{SYMBOLS[reason]} {plain(alt)}"]
    above = (inner_rows - len(lines)) // 2
    below = inner_rows - len(lines) - above
    body = [_centre(line, inner_columns) for line in [""] * above + lines + [""] * below]
    return _box(body, columns, dim=dim) if boxed else body[:rows]


def _fit(text: str, columns: int, rows: int) -> list[str]:
    if rows < 1:
        return []
    lines = [piece for line in wrap(text, columns) for piece in chop_cells(line, columns)]
    if len(lines) > rows:
        last = set_cell_size(lines[rows - 1], columns - 1).rstrip()
        lines = [*lines[: rows - 1], f"{last}…"]
    return lines


def _centre(text: str, columns: int) -> str:
    space = max(0, columns - cell_len(text))
    return set_cell_size(" " * (space // 2) + text, columns)


def _box(body: list[str], columns: int, *, dim: bool) -> list[str]:
    across, down = ("┄", "┆") if dim else ("─", "│")
    bar = across * (columns - 2)
    return [f"┌{bar}┐", *(f"{down} {line} {down}" for line in body), f"└{bar}┘"]
