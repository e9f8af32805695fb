"""A table for very many rows: it draws the lines in sight and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, overload

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from t2itui.widgets.rows import Rows
from t2itui.widgets.sheet_layout import Column, column_widths, fit, lay_out

TONES = {
    "muted": "rows--muted",
    "good": "sheet--good",
    "warning": "rows--warning",
    "bad": "sheet--bad",
}
"""The component whose colours a row of each tone has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a sheet."""

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


class Sheet(Rows):
    """Shows rows under a heading, with one row under the cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "sheet--hover",
        "sheet--good",
        "sheet--bad",
    }
    DEFAULT_CSS = """
    Sheet {
        & > .sheet--hover { background: $block-hover-background; }
        & > .sheet--good { color: $text-success; }
        & > .sheet--bad { color: $text-error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False, id="sheet.up"),
        Binding("down", "move(1)", "Down", show=False, id="sheet.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="sheet.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="sheet.page_down"),
        Binding("home", "jump(0)", "First", show=False, id="sheet.first"),
        Binding("end", "jump(-1)", "Last", show=False, id="sheet.last"),
        Binding("enter", "choose", "Choose", show=False, id="sheet.choose"),
    ]

    cursor: reactive[int] = reactive(0)
    """Index of the row under the cursor; 0 also while there is none."""
    hovered: reactive[int | None] = reactive(None)

    class Highlighted(Message):
        """The cursor came to another row, or the rows changed; None where there is none."""

        def __init__(self, sheet: "Sheet", row: Row | None) -> None:
            self.sheet = sheet
            self.row = row
            super().__init__()

        @property
        def control(self) -> "Sheet":
            return self.sheet

    class Chosen(Message):
        """Enter or a second click on the row under the cursor."""

        def __init__(self, sheet: "Sheet", row: Row) -> None:
            self.sheet = sheet
            self.row = row
            super().__init__()

        @property
        def control(self) -> "Sheet":
            return self.sheet

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
        """Bring the row into sight and tell."""
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
            return style + self.get_component_rich_style("sheet--hover", partial=True)
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
