"""What tables share that draw the lines in sight and nothing else: a heading, rows, a cursor."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from textual.geometry import Size
from textual.scroll_view import ScrollView


class Rows(ScrollView, can_focus=True):
    """Rows under a heading that stays; which of them is under the cursor is its heirs' business."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--heading",
        "rows--cursor",
        "rows--muted",
        "rows--warning",
    }
    DEFAULT_CSS = """
    Rows {
        background: $surface;
        color: $foreground;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        overflow-y: auto;
        & > .rows--heading { text-style: bold; color: $text-muted; background: $panel; }
        & > .rows--cursor {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
        }
        & > .rows--muted { color: $text-muted; }
        & > .rows--warning { color: $text-warning; }
        &:focus > .rows--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: $block-cursor-text-style;
        }
    }
    """

    @property
    @abstractmethod
    def row_count(self) -> int:
        """How many rows there are."""

    @property
    def page(self) -> int:
        """Rows that the page keys go on by: one less than are in sight."""
        return max(1, self.size.height - 2)

    def fit_rows(self) -> None:
        """Let the widget scroll over all its rows."""
        self.virtual_size = Size(self.size.width, self.row_count + 1)

    def bring_into_sight(self, row: int) -> None:
        """Scroll just so far that a row is seen, in the frame that shows the cursor there."""
        in_sight = max(1, self.size.height - 1)
        # Forced: Textual scrolls only what has a scrollbar already, and new rows have none yet.
        if row < self.scroll_offset.y:
            self.scroll_to(y=row, animate=False, immediate=True, force=True)
        elif row >= self.scroll_offset.y + in_sight:
            self.scroll_to(y=row - in_sight + 1, animate=False, immediate=True, force=True)

    def row_at(self, y: int) -> int | None:
        """Return the index of the row drawn at line `y` of the widget, if there is one."""
        index = y - 1 + self.scroll_offset.y
        return index if y > 0 and index < self.row_count else None
