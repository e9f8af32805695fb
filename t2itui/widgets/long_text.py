"""Text that scrolls, laid out for the width there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment
from textual.content import Content
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

Compose = Callable[[int], Sequence[Content]]
"""Takes a width in cells and returns lines that fit into it."""


class LongText(ScrollView):
    """Scrolls lines that are drawn only where they are in sight."""

    DEFAULT_CSS = """
    LongText { height: 1fr; }
    """
    ALLOW_SELECT = False
    PADDING = 2
    """Cells left free on either side."""

    def __init__(self, compose_lines: Compose) -> None:
        super().__init__()
        self._compose_lines = compose_lines
        self._lines: Sequence[Content] = ()
        self._width = 0

    def on_resize(self) -> None:
        width = self.scrollable_content_region.width
        if width != self._width:
            self._width = width
            self._lines = [Content(""), *self._compose_lines(width - 2 * self.PADDING)]
            self.virtual_size = Size(width, len(self._lines))
            self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Strips of the lines in sight."""
        top, style = self.scroll_offset.y, self.rich_style
        background = self.background_colors[1]
        blank = Segment(" " * self.PADDING, style)
        strips = []
        for line in self._lines[top + crop.y : top + crop.bottom]:
            strip = Strip([blank, *line.render_segments(self.visual_style)])
            strip = strip.extend_cell_length(crop.width, style)
            for line_filter in self.get_line_filters():
                strip = strip.apply_filter(line_filter, background)
            strips.append(strip)
        rest = Strip.blank(crop.width, style)
        strips += [rest] * (crop.height - len(strips))
        return strips
