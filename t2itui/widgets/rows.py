"""How a list divides its width among columns and fits untrusted text into cells."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, overload

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from t2itui.keys import bindings
from t2itui.text.plain import plain

GAP = 2
ELLIPSIS = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a list; a share of 0 keeps it at its width."""

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
    """Columns with the highest number go first when the list is narrow; 0 never goes."""


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
    """Return one line of the list."""
    return (" " * GAP).join(
        fit(cell, width, right=column.right, keep_end=column.keep_end)
        for cell, column, width in zip(cells, columns, widths, strict=True)
        if width
    )


TONES = {
    "muted": "rows--muted",
    "good": "row-list--good",
    "warning": "rows--warning",
    "bad": "row-list--bad",
}
"""The component whose colours a row of each tone has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a list."""

    key: str
    cells: tuple[str, ...]
    """Untrusted text; made safe when it is drawn."""
    tone: str = ""
    """muted, good, warning or bad; the words in the cells must say the same."""


class LazyRows(Sequence[Row]):
    """Rows made when they are drawn, so that a hundred thousand cost nothing to show."""

    def __init__(self, keys: Sequence[str], make: Callable[[int], Row]) -> None:
        self.keys = keys
        self._make = make

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self._make(each) for each in range(*index.indices(len(self)))]
        return self._make(range(len(self))[index])


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


class RowList(Rows):
    """Shows rows under a heading, with one row under the cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row-list--hover",
        "row-list--good",
        "row-list--bad",
    }
    DEFAULT_CSS = """
    RowList {
        & > .row-list--hover { background: $block-hover-background; }
        & > .row-list--good { color: $text-success; }
        & > .row-list--bad { color: $text-error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("rows")

    cursor: reactive[int] = reactive(0)
    """Index of the row under the cursor; 0 also while there is none."""
    hovered: reactive[int | None] = reactive(None)

    class Highlighted(Message):
        """The cursor came to another row, or the rows changed; None where there is none."""

        def __init__(self, row_list: RowList, row: Row | None) -> None:
            self.row_list = row_list
            self.row = row
            super().__init__()

        @property
        def control(self) -> RowList:
            return self.row_list

    class Chosen(Message):
        """Enter or a second click on the row under the cursor."""

        def __init__(self, row_list: RowList, row: Row) -> None:
            self.row_list = row_list
            self.row = row
            super().__init__()

        @property
        def control(self) -> RowList:
            return self.row_list

    def __init__(self, columns: Sequence[Column], *, empty: str, id: str | None = None) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.empty = empty
        """Said in place of rows where there are none."""
        self.rows: Sequence[Row] = ()

    @property
    def row_count(self) -> int:
        return len(self.rows)

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def show(self, rows: Sequence[Row]) -> None:
        """Replace the rows; the cursor stays on its row where that is still there."""
        before = self.current
        self.rows = rows if isinstance(rows, LazyRows) else tuple(rows)
        keys = self._keys()
        place = keys.index(before.key) if before and before.key in keys else self.cursor
        self.fit_rows()
        with self.prevent(self.Highlighted):
            self.cursor = self.validate_cursor(place)
        self.refresh()
        self.post_message(self.Highlighted(self, self.current))

    def select(self, key: str) -> None:
        """Put the cursor on the row of that key, if there is one."""
        keys = self._keys()
        if key in keys:
            self.cursor = keys.index(key)

    def _keys(self) -> Sequence[str]:
        rows = self.rows
        return rows.keys if isinstance(rows, LazyRows) else [row.key for row in rows]

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a row."""
        return max(0, min(cursor, len(self.rows) - 1))

    def watch_cursor(self) -> None:
        """Bring the row into sight and say which it is."""
        self.bring_into_sight(self.cursor)
        self.refresh()
        self.post_message(self.Highlighted(self, self.current))

    def watch_hovered(self) -> None:
        self.refresh()

    def on_resize(self) -> None:
        self.fit_rows()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw the heading, a row, or the words that stand for no rows."""
        width = self.size.width
        if y == 0:
            heading = tuple(column.title for column in self.columns)
            return self._line(heading, self.get_component_rich_style("rows--heading"))
        index = y - 1 + self.scroll_offset.y
        if not self.rows and y == 2:
            style = self.get_component_rich_style("rows--muted")
            return Strip([Segment(fit("  " + self.empty, width), style)], width)
        if index >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        return self._line(self.rows[index].cells, self._style_of(index))

    def _line(self, cells: Sequence[str], style: Style) -> Strip:
        width = self.size.width
        widths = column_widths(self.columns, width - 2)
        text = fit(f" {lay_out(cells, self.columns, widths)}", width)
        return Strip([Segment(text, style)], width)

    def _style_of(self, index: int) -> Style:
        tone = self.rows[index].tone
        style = self.get_component_rich_style(TONES[tone]) if tone else self.rich_style
        if index == self.cursor:
            return style + self.get_component_rich_style("rows--cursor")
        if index == self.hovered:
            return style + self.get_component_rich_style("row-list--hover", partial=True)
        return style

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self.hovered = self.row_at(event.y)

    def on_leave(self) -> None:
        self.hovered = None

    def on_click(self, event: events.Click) -> None:
        index = self.row_at(event.y)
        if index is None:
            return
        if index == self.cursor or event.chain > 1:
            self.cursor = index
            self.action_choose()
        else:
            self.cursor = index

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to choose only where there is a row."""
        return action != "choose" or self.current is not None

    def action_move(self, rows: int) -> None:
        self.cursor += rows

    def action_page(self, pages: int) -> None:
        self.cursor += pages * self.page

    def action_jump(self, index: int) -> None:
        self.cursor = index if index >= 0 else len(self.rows) - 1

    def action_choose(self) -> None:
        if self.current is not None:
            self.post_message(self.Chosen(self, self.current))
