"""A widget that shows one picture by whatever means the terminal has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.segment import Segment
from textual import on
from textual.app import App
from textual.geometry import Region
from textual.strip import Strip

from t2itui.graphics.art import Overlay, Reason, UncachedStrip
from t2itui.graphics.detection import Graphics
from t2itui.graphics.drawing import Drawing, DrawingHolder, DrawingReady, DrawingStyle
from t2itui.text.word_maps import fitted_tenths

if TYPE_CHECKING:
    from engine.results import Shown

Result = TypeVar("Result")


MOST_BYTES = 50_000_000
MOST_PIXELS = 60_000_000
"""Larger files are shown by their thumbnails: decoding them takes seconds and gigabytes."""


class Picture(DrawingHolder):
    """Shows a picture in its proportions, or its words in a box where that cannot be done.

    Give it a size by CSS but no border or padding: those belong to what holds it.
    """

    DEFAULT_CSS = """
    Picture { width: 1fr; height: 1fr; }
    """
    ALLOW_SELECT = False

    def __init__(
        self, *, graphics: Graphics | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        """Without `graphics` the widget asks the app's attribute of that name."""
        super().__init__(id=id, classes=classes)
        self.given_graphics = graphics
        self._drawing = Drawing(self, self.refresh)
        self._newest: bytes | None = None
        """A later picture that waits until the one before is drawn."""
        self._as_numbers = False

    def drawings(self) -> tuple[Drawing, ...]:
        """The one picture."""
        return (self._drawing,)

    @property
    def place(self) -> Region | None:
        """Where in the widget the picture is drawn, in cells; None where there is none."""
        return self._drawing.place

    @property
    def reason(self) -> Reason | None:
        """Why words stand in the picture's place; None while the picture itself is there."""
        self._drawing.size = self.size
        return self._drawing.reason

    @property
    def dim(self) -> bool:
        """Whether the picture is blended towards the background."""
        return self._drawing.dim

    @dim.setter
    def dim(self, dim: bool) -> None:
        self._drawing.dim = dim

    @property
    def overlay(self) -> Overlay | None:
        """What is laid over the picture; where there are no graphics, its numbers stand instead."""
        return self._drawing.overlay

    @overlay.setter
    def overlay(self, overlay: Overlay | None) -> None:
        self._drawing.overlay = overlay

    @property
    def as_numbers(self) -> bool:
        """Whether an overlay is shown as numbers in the picture's place, whatever the terminal."""
        return self._as_numbers

    @as_numbers.setter
    def as_numbers(self, as_numbers: bool) -> None:
        if as_numbers != self._as_numbers:
            self._as_numbers = as_numbers
            self.refresh()

    def show(self, data: bytes | None, *, alt: str, dim: bool = False) -> None:
        """Show the picture encoded in `data`, or `alt` alone, or nothing; returns at once."""
        self._newest = None
        self._drawing.size = self.size
        self._drawing.show(data, alt=alt, dim=dim)

    def show_next(self, data: bytes) -> None:
        """Show a later picture of the same thing, and the one before until this one is drawn.

        Those for which the terminal has no time are passed by.
        """
        if self._drawing.is_drawing:
            self._newest = data
        else:
            self._drawing.size = self.size
            self._drawing.show_next(data)

    @on(DrawingReady)
    def go_on(self) -> None:
        """Draw the newest of the later pictures once this one is on the screen."""
        self.call_next(self._show_newest)

    def _show_newest(self) -> None:
        data, self._newest = self._newest, None
        if data is not None:
            self.show_next(data)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Strips of the visible part."""
        overlay = self._drawing.overlay
        if overlay is not None and (self._as_numbers or self.graphics.is_text):
            lines = self._number_lines(overlay)[crop.y : crop.bottom]
            return [line.crop(crop.x, crop.right) for line in lines]
        style = DrawingStyle(
            background=self.background_colors[1],
            words=self.rich_style,
            at_bottom=self.region.bottom >= self.screen.size.height,
        )
        lines = self._drawing.lines(self.size, style)[crop.y : crop.bottom]
        if crop.column_span == (0, self.size.width):
            return lines
        return [line.crop(crop.x, crop.right) for line in lines]

    def _number_lines(self, overlay: Overlay) -> list[Strip]:
        """The overlay in tenths, in the middle of the widget."""
        columns, rows = self.size
        grid = fitted_tenths(overlay.strengths, overlay.columns, columns, rows)
        above = (rows - len(grid)) // 2
        lines = [*[""] * above, *grid, *[""] * (rows - len(grid) - above)]
        strips: list[Strip] = []
        for line in lines:
            strip: Strip = UncachedStrip([Segment(line.center(columns), self.rich_style)], columns)
            for line_filter in self.get_line_filters():
                strip = strip.apply_filter(line_filter, self.background_colors[1])
            strips.append(strip)
        return strips


def free_pictures(app: App[Result]) -> None:
    """Have the terminal forget the pictures of every screen, while it is still on the app's own.

    Call it when the app is about to exit: widgets unmount only after the terminal was given back.
    """
    for screen in app.screen_stack:
        for widget in screen.query("*"):
            if isinstance(widget, DrawingHolder):
                widget.free()


def read_original(shown: Shown) -> bytes | None:
    """Return the file's bytes; None where it is gone, or too large to decode at leisure."""
    if not shown.present or shown.width * shown.height > MOST_PIXELS:
        return None
    return read_file(Path(shown.path))


def read_file(path: Path) -> bytes | None:
    """Return a file's bytes; None where it cannot be read, or is too large for that."""
    try:
        return path.read_bytes() if path.stat().st_size <= MOST_BYTES else None
    except (OSError, ValueError):
        return None
