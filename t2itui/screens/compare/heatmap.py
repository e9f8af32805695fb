"""The heatmap: how it divides its width, how it is drawn, and the line written over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widgets import Input

from t2itui.keys import bindings
from t2itui.text.heat_table import Heat, HeatRow, HeatTable, change_words, digits
from t2itui.widgets.rows import Rows, fit


class FieldKind(StrEnum):
    """What a part of a line shows; most say so in the heading."""

    TEXT = "description"
    ADDED = " added"
    HEAT = "heat"
    CHANGE = "change"
    RANK = "rank"
    TOKENS = "tok."


GUTTER = 2
"""Cells at the left, for what joins a pair."""
HEAT, CHANGE, RANK, TOKENS = 8, 7, 7, 5
NAMED_HEAT, MOST_NAMED_HEAT = 12, 18
"""A column that has a picture's name over it."""
LEAST_TEXT, ROOMY_TEXT = 20, 32
"""The text before names have room, and after."""
ROOM_FOR_ADDED = 100
"""From so many cells on the phrase that a line adds has a column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatField:
    """A part of each line."""

    kind: FieldKind
    x: int
    width: int
    column: int = 0
    """Which heat it belongs to, from 0."""


def lay_out(table: HeatTable, width: int, first: int = 0) -> tuple[HeatField, ...]:
    """Fields from left to right; of many pictures those from `first` on that there is room for."""
    if table.is_single:
        widths = _single(len(table.columns), width)
    else:
        widths = _several(len(table.columns), width, first)
    left = width - GUTTER - sum(part[1] for part in widths)
    parts: list[tuple[FieldKind, int, int]] = [(FieldKind.TEXT, left, 0)]
    if width >= ROOM_FOR_ADDED:
        parts = [(FieldKind.TEXT, left - left * 2 // 5, 0), (FieldKind.ADDED, left * 2 // 5, 0)]
    fields, x = [], GUTTER
    for kind, cells, column in (*parts, *widths):
        fields.append(HeatField(kind=kind, x=x, width=cells, column=column))
        x += cells
    return tuple(fields)


def _single(columns: int, width: int) -> list[tuple[FieldKind, int, int]]:
    """Score, change and rank of each scorer; ranks and then changes give way to the text."""
    kinds: Sequence[tuple[FieldKind, int]] = (
        (FieldKind.HEAT, HEAT),
        (FieldKind.CHANGE, CHANGE),
        (FieldKind.RANK, RANK),
    )
    while len(kinds) > 1 and width - columns * sum(w for _, w in kinds) - TOKENS < LEAST_TEXT:
        kinds = kinds[:-1]
    widths: list[tuple[FieldKind, int, int]] = []
    for column in range(columns):
        widths += [(kind, cells, column) for kind, cells in kinds]
    return [*widths, (FieldKind.TOKENS, TOKENS, 0)]


def _several(columns: int, width: int, first: int) -> list[tuple[FieldKind, int, int]]:
    roomy = (width - GUTTER - ROOMY_TEXT - TOKENS) // max(1, columns)
    cells = max(NAMED_HEAT, min(MOST_NAMED_HEAT, roomy))
    room = max(1, (width - GUTTER - LEAST_TEXT - TOKENS) // cells)
    shown = range(first, min(columns, first + room))
    widths: list[tuple[FieldKind, int, int]] = [(FieldKind.HEAT, cells, column) for column in shown]
    return [*widths, (FieldKind.TOKENS, TOKENS, 0)]


def first_in_sight(table: HeatTable, width: int, first: int, column: int) -> int:
    """The first picture to draw so that `column` is in sight and no more moves than must."""
    if table.is_single:
        return 0
    room = sum(field.kind is FieldKind.HEAT for field in lay_out(table, width))
    return max(0, min(max(first, column - room + 1), column, len(table.columns) - room))


UNKNOWN = "…"
CUT = "✂"
"""Stands at the token count where the tower cut the text."""
EMPTY = HeatTable(columns=(), rows=(), is_single=True)
STRENGTH = 0.9
"""The share of the theme's colour in the cell with the highest score."""


class Heatmap(Rows):
    """Draws a table of scores and lets the cursor walk its cells."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "heatmap--hot",
        "heatmap--row",
    }
    DEFAULT_CSS = """
    Heatmap {
        & > .heatmap--hot { background: $primary; }
        & > .heatmap--row { background: $panel; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("heat")

    row: reactive[int] = reactive(0)
    """Of the cursor, from 0."""
    column: reactive[int] = reactive(1)
    """Of the cursor: 0 is the description, 1 the first score."""

    class Moved(Message):
        """The cursor came to another cell, or other cells came under it."""

    class CellOpened(Message):
        """Enter, or a second click, on the cell under the cursor."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.table = EMPTY
        self._first = 0
        """The first of many pictures that is drawn."""

    def show(self, table: HeatTable) -> None:
        """Draw another table; the cursor stays where it is, if there is such a cell."""
        self.table = table
        self.fit_rows()
        self.row, self.column = self.row, self.column
        self._follow()

    @property
    def row_count(self) -> int:
        return len(self.table.rows)

    def go(self, row: int, column: int) -> None:
        """Put the cursor on a cell."""
        self.row, self.column = row, column

    def validate_row(self, row: int) -> int:
        """Keep the cursor on a row."""
        return max(0, min(row, len(self.table.rows) - 1))

    def validate_column(self, column: int) -> int:
        """Keep the cursor on a column."""
        return max(0, min(column, len(self.table.columns)))

    def watch_row(self) -> None:
        self.bring_into_sight(self.row)
        self._follow()

    def watch_column(self) -> None:
        self._follow()

    def _follow(self) -> None:
        column = max(0, self.column - 1)
        self._first = first_in_sight(self.table, self.size.width, self._first, column)
        self.refresh()
        self.post_message(self.Moved())

    def on_resize(self) -> None:
        self.fit_rows()
        self._follow()

    @property
    def fields(self) -> tuple[HeatField, ...]:
        """What stands where in each line."""
        return lay_out(self.table, self.size.width, self._first)

    def text_region(self, row: int) -> Region:
        """Where the text of a row is drawn, in the widget."""
        field = self.fields[0]
        return Region(field.x, 1 + row - self.scroll_offset.y, field.width, 1)

    # Drawing

    def render_line(self, y: int) -> Strip:
        """Draw the heading or a row."""
        width, row = self.size.width, y - 1 + self.scroll_offset.y
        if y == 0:
            style = self.get_component_rich_style("rows--heading")
            parts = [Segment("  ", style)]
            parts += [Segment(self._heading(field), style) for field in self.fields]
        elif row < len(self.table.rows):
            each = self.table.rows[row]
            background = self._background(row)
            parts = [Segment(fit(each.mark, 2), background)]
            for field in self.fields:
                parts += self._field(field, each, background, is_under=self._is_under(row, field))
        else:
            return Strip.blank(width, self.rich_style)
        return Strip(parts).adjust_cell_length(width, self.rich_style)

    def _heading(self, field: HeatField) -> str:
        if field.kind is FieldKind.HEAT:
            name = self.table.columns[field.column]
            return fit(fit(name, field.width - 1, keep_end=True, right=True), field.width)
        return fit(field.kind, field.width, right=field.kind in _NUMBERS)

    def _background(self, row: int) -> Style:
        if row != self.row:
            return self.rich_style
        marked = self.get_component_rich_style("heatmap--row")
        return self.rich_style + Style(bgcolor=marked.bgcolor, bold=True)

    def _ink(self, name: str) -> Style:
        """The colour of a component's text alone."""
        return Style(color=self.get_component_rich_style(name).color)

    def _is_under(self, row: int, field: HeatField) -> bool:
        """The cursor is on this field."""
        if row != self.row:
            return False
        at = {FieldKind.TEXT: 0, FieldKind.HEAT: field.column + 1}.get(field.kind)
        return at == self.column

    def _field(
        self, field: HeatField, row: HeatRow, background: Style, *, is_under: bool
    ) -> list[Segment]:
        heat = row.heats[field.column] if row.heats else None
        muted = background + self._ink("rows--muted")
        match field.kind:
            case FieldKind.HEAT:
                return self._heat(field, heat, background, is_under=is_under)
            case FieldKind.TEXT:
                if is_under:
                    background += self.get_component_rich_style("rows--cursor")
                return [Segment(fit(row.text, field.width), background)]
            case FieldKind.ADDED:
                return [Segment(fit(f" {row.added}", field.width), muted)]
            case FieldKind.TOKENS:
                words = f"{row.tokens}{CUT if row.is_cut else ''}" if row.tokens else "-"
                style = "rows--warning" if row.is_cut else "rows--muted"
                tone = background + self._ink(style)
                return [Segment(fit(words, field.width, right=True), tone)]
            case FieldKind.CHANGE:
                words = "" if heat is None else change_words(heat.change)
            case FieldKind.RANK:
                words = "" if heat is None else f"#{heat.rank:,}"
        return [Segment(fit(words, field.width, right=True), muted)]

    def _heat(
        self, field: HeatField, heat: Heat | None, background: Style, *, is_under: bool
    ) -> list[Segment]:
        """A coloured block with the number in it, and a cell's width of space before it."""
        words = UNKNOWN if heat is None else digits(heat.score)
        inner = fit(words.center(field.width - 3), field.width - 3)
        text = f"[{inner}]" if is_under else f" {inner} "
        style = background
        if heat is not None:
            hot = self.get_component_styles("heatmap--hot").background
            colour = self.background_colors[1].blend(hot, heat.share * STRENGTH)
            ink = colour + colour.get_contrast_text(0.95)
            style = Style(color=ink.rich_color, bgcolor=colour.rich_color)
        if is_under:
            style += Style(bold=True, underline=self.has_focus)
        return [Segment(" ", background), Segment(text, style)]

    # Moving

    def on_click(self, event: events.Click) -> None:
        row = self.row_at(event.y)
        if row is None:
            return
        at = next((each for each in self.fields if each.x <= event.x < each.x + each.width), None)
        column = at.column + 1 if at is not None and at.kind in _OF_A_SCORE else 0
        is_under = (row, column) == (self.row, self.column)
        self.go(row, column)
        if is_under or event.chain > 1:
            self.action_open()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to open only where there is a row."""
        return action != "open" or bool(self.table.rows)

    def action_move(self, rows: int, columns: int) -> None:
        self.go(self.row + rows, self.column + columns)

    def action_page(self, pages: int) -> None:
        self.row += pages * self.page

    def action_jump(self, row: int) -> None:
        self.row = row if row >= 0 else len(self.table.rows) - 1

    def action_open(self) -> None:
        if self.table.rows:
            self.post_message(self.CellOpened())


_NUMBERS = (FieldKind.CHANGE, FieldKind.RANK, FieldKind.TOKENS)
_OF_A_SCORE = (FieldKind.HEAT, FieldKind.CHANGE, FieldKind.RANK)


class RowInput(Input):
    """Takes a text; Enter or going elsewhere keeps it, Escape does not."""

    DEFAULT_CSS = """
    RowInput {
        display: none;
        layer: edit;
        height: 1;
        border: none;
        padding: 0;
        background: $boost;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("row")

    class TextWritten(Message):
        """The text is to be kept, or with None to be left as it was."""

        def __init__(self, text: str | None) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(compact=True, select_on_focus=False, placeholder="a description")
        self.is_open = False

    def open(self, text: str, region: Region) -> None:
        """Begin to write, at a region of the container."""
        self.is_open = True
        self.value = text
        self.cursor_position = len(text)
        self.styles.width = region.width
        self.styles.offset = region.offset
        self.display = True
        self.focus()

    def _close(self, text: str | None) -> None:
        if self.is_open:
            self.is_open = False
            self.display = False
            self.post_message(self.TextWritten(text))

    def action_drop(self) -> None:
        self._close(None)

    def action_accept(self) -> None:
        self._close(self.value)

    async def action_submit(self) -> None:
        self._close(self.value)

    def on_blur(self) -> None:
        self._close(self.value)


class HeatmapBoard(Container):
    """The heatmap, and over it the line in which a description is written."""

    DEFAULT_CSS = """
    HeatmapBoard { layers: base edit; width: 1fr; height: 1fr; }
    HeatmapBoard > Heatmap { width: 1fr; height: 1fr; }
    """

    def compose(self) -> ComposeResult:
        yield Heatmap()
        yield RowInput()
