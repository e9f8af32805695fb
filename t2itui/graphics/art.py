"""A picture drawn for one place in the terminal, and what that drawing depends on.

Free of Pillow, so that the first paint does not wait for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual.strip import Strip

RGB = tuple[int, int, int]


class UnreadablePictureError(Exception):
    """The bytes are no picture that can be drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingOptions:
    """All that a drawing depends on besides the picture's bytes."""

    columns: int
    rows: int
    background: RGB
    dim: bool
    grey: bool


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


class Line(Strip):
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
