"""A table for very many rows: it draws the lines in sight and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, overload

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from t2itui.widgets.sheet_layout import Column, column_widths, fit, lay_out


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


class Sheet(ScrollView, can_focus=True):
    """Shows rows under a heading, with one row under the cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "sheet--heading",
        "sheet--cursor",
        "sheet--hover",
        "sheet--muted",
        "sheet--good",
        "sheet--warning",
        "sheet--bad",
    }
    DEFAULT_CSS = """
    Sheet {
        background: $surface;
        color: $foreground;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        overflow-y: auto;
        & > .sheet--heading { text-style: bold; color: $text-muted; background: $panel; }
        & > .sheet--cursor {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
        }
        & > .sheet--hover { background: $block-hover-background; }
        & > .sheet--muted { color: $text-muted; }
        & > .sheet--good { color: $text-success; }
        & > .sheet--warning { color: $text-warning; }
        & > .sheet--bad { color: $text-error; }
        &:focus > .sheet--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: $block-cursor-text-style;
        }
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
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def show(self, rows: Sequence[Row]) -> None:
        """Replace the rows; the cursor stays on its row where that is still there."""
        before = self.current
        self.rows = rows if isinstance(rows, LazyRows) else tuple(rows)
        keys = self._keys()
        place = keys.index(before.key) if before and before.key in keys else self.cursor
        self.virtual_size = Size(self.size.width, len(self.rows) + 1)
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
        page = max(1, self.size.height - 1)
        if self.cursor < self.scroll_offset.y:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= self.scroll_offset.y + page:
            self.scroll_to(y=self.cursor - page + 1, animate=False)
        self.refresh()
        self.post_message(self.Highlighted(self, self.current))

    def watch_hovered(self) -> None:
        self.refresh()

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.rows) + 1)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw the heading, a row, or the words that stand for no rows."""
        width = self.size.width
        if y == 0:
            heading = tuple(column.title for column in self.columns)
            return self._line(heading, self.get_component_rich_style("sheet--heading"))
        index = y - 1 + self.scroll_offset.y
        if not self.rows and y == 2:
            style = self.get_component_rich_style("sheet--muted")
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
        style = self.get_component_rich_style(f"sheet--{tone}") if tone else self.rich_style
        if index == self.cursor:
            return style + self.get_component_rich_style("sheet--cursor")
        if index == self.hovered:
            return style + self.get_component_rich_style("sheet--hover", partial=True)
        return style

    def row_at(self, y: int) -> int | None:
        """Return the index of the row drawn at line `y` of the widget, if there is one."""
        index = y - 1 + self.scroll_offset.y
        return index if y > 0 and index < len(self.rows) else None

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
        self.cursor += pages * max(1, self.size.height - 2)

    def action_jump(self, index: int) -> None:
        self.cursor = index if index >= 0 else len(self.rows) - 1

    def action_choose(self) -> None:
        if self.current is not None:
            self.post_message(self.Chosen(self, self.current))
