"""Containers that cost next to nothing to paint."""

from __future__ import annotations

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Backdrop(Widget):
    """Paints nothing but its background, all of it one strip; for containers without a border.

    Name it last among the bases: stylesheet and keys are those of the first.

    Every container is painted wherever its children are, and each of its lines is cut where they
    begin and end. With lines of their own, a handful of nested containers takes longer than what
    they hold. (Textual's own BLANK passes by the filters, which a terminal without colour needs.)
    """

    def render_lines(self, crop: Region) -> list[Strip]:
        """As many times the same strip."""
        background = self.background_colors[1]
        strip = Strip.blank(crop.width, Style(bgcolor=background.rich_color))
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, background)
        return [strip] * crop.height
