"""A picture drawn for one place in the terminal, what it depends on, and words in its place.

Free of Pillow, so that the first paint does not wait for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from textwrap import wrap

from rich.cells import cell_len, chop_cells, set_cell_size
from textual.strip import Strip

from t2itui.text.plain import plain

RGB = tuple[int, int, int]


class UnreadablePictureError(Exception):
    """The bytes are no picture that can be drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """Strengths of a grid of patches, laid over a picture."""

    rows: int
    columns: int
    strengths: tuple[float, ...]
    """0 to 1, row by row."""
    seen: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    """The part of the picture that the grid covers: left, top, right and bottom as shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingOptions:
    """All that a drawing depends on besides the picture's bytes."""

    columns: int
    rows: int
    background: RGB
    dim: bool
    grey: bool
    overlay: Overlay | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Art:
    """What stands for a picture, as strips of equal width in cells."""

    columns: int
    rows: int
    strips: list[Strip]
    """Segments in half cells; what they render to may be another protocol's sequences."""
    veil: list[Strip]
    """What stands in its place while a dialog lies over it."""
    translucent: bool
    """The background shows through, so another background needs another drawing."""
    upload: str = ""
    """Sent to the terminal once before the strips are."""
    remove: str = ""
    """Sent when the drawing is no longer needed."""


class UncachedStrip(Strip):
    """A strip that goes when nothing shows it any more.

    Textual's own keep themselves in their cache of cuts, so that each waits, with all the cells of
    a picture, for the garbage collector, which then holds up the keys.
    """

    __slots__ = ()

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """The strips between the cuts; a line that is not cut is not kept."""
        places = list(cuts)
        return [self] if places == [self.cell_length] else super().divide(places)


def encoded_strip(half_cells: Strip, sequences: str) -> Strip:
    """A strip that the terminal gets as `sequences` as long as it is drawn whole.

    Whatever cuts, tints or exports it (dialogs, toasts, screenshots) works on its half cells.
    """
    strip = Strip(half_cells, half_cells.cell_length)
    strip._render_cache = sequences
    return strip


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
