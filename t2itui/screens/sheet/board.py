"""The cells of a sheet: pictures with their scores under each prompt, or a line for each prompt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from engine.sheets.sheet import Sheet, SheetCell
from engine.states import CellState, ScorerKind
from t2itui.graphics.drawing import Drawing, DrawingHolder, DrawingStyle
from t2itui.keys import bindings
from t2itui.text.plain import plain
from t2itui.text.sheets import cell_sign, mean_words, picture_words
from t2itui.widgets.rows import fit


class Layout(StrEnum):
    """How the cells are drawn."""

    PICTURES = "pictures"
    TABLE = "table"


NARROWEST, WIDEST = 14, 26
"""Cells across a picture; wider only where no further row or column would find room."""
LEAST_ROW = 8
"""Lines of a row of pictures with its prompt and its words."""
SIGN = 9
"""Cells across a score in the table."""
LEAST_PROMPT = 20
KEPT = 600
"""Thumbnails kept in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardView:
    """What is drawn, and in which order."""

    sheet: Sheet
    previews: Mapping[int, bytes]
    """Of cells that are being painted, by their numbers."""
    rows: Sequence[int]
    """Of the prompts, from top to bottom."""
    columns: Sequence[int]
    scorer: ScorerKind
    threshold: float

    def cell(self, row: int, column: int) -> SheetCell:
        """The cell at a place of the board."""
        return self.sheet.row(self.rows[row])[self.columns[column]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardShape:
    """How many cells of the terminal each part takes."""

    left: int
    """Before the first column."""
    width: int
    """Of a column."""
    height: int
    """Of a row."""
    columns: int
    """Columns in sight."""
    rows: int
    """Rows in sight."""


def shape_of(layout: Layout, size: Size, columns: int) -> BoardShape:
    """The shape that fills a board; one line is for the titles of the columns."""
    width, height = max(1, size.width), max(2, size.height)
    if layout is Layout.TABLE:
        most = max(1, (width - LEAST_PROMPT) // SIGN)
        shown = min(columns, most)
        return BoardShape(
            left=width - shown * SIGN, width=SIGN, height=1, columns=shown, rows=height - 1
        )
    # Two rows are in sight wherever their pictures can still be made out.
    tallest = min(height - 1, max(LEAST_ROW, (height - 1) // 2))
    across = max(NARROWEST, min(WIDEST, (width - 1) // max(1, columns), 2 * (tallest - 2) + 2))
    shown = max(1, min(columns, (width - 1) // across))
    rows = max(1, (height - 1) // min(tallest, across // 2 + 2))
    # What is left over of a large terminal goes to the pictures.
    tallest = (height - 1) // rows
    across = max(across, min((width - 1) // shown, 2 * (tallest - 2) + 2))
    tall = min(tallest, across // 2 + 2)
    return BoardShape(left=1, width=across, height=tall, columns=shown, rows=rows)


class SheetBoard(DrawingHolder, can_focus=True):
    """Draws the cells in sight and lets the cursor walk them."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "board--heading",
        "board--muted",
        "board--good",
        "board--warning",
        "board--cursor",
    }
    DEFAULT_CSS = """
    SheetBoard {
        background: $surface;
        color: $foreground;
        & > .board--heading { text-style: bold; color: $text-muted; background: $panel; }
        & > .board--muted { color: $text-muted; }
        & > .board--good { color: $text-success; }
        & > .board--warning { color: $text-warning; }
        & > .board--cursor {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
        }
        &:focus > .board--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: bold;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("board")

    row: reactive[int] = reactive(0)
    """Of the cursor, from 0, as drawn."""
    column: reactive[int] = reactive(0)

    class CellSelected(Message):
        """The cursor came to another cell, or another cell came under it."""

    class CellChosen(Message):
        """Enter, or a second click, on the cell under the cursor."""

    class ThumbnailsWanted(Message):
        """Pictures came into sight that were not fetched yet."""

        def __init__(self, picture_ids: Sequence[int]) -> None:
            super().__init__()
            self.picture_ids = picture_ids

    def __init__(self) -> None:
        super().__init__()
        self.view: BoardView | None = None
        self.layout_kind = Layout.PICTURES
        self.first_row = 0
        self.first_column = 0
        self._drawings: dict[tuple[int, int], Drawing] = {}
        """By places in sight, from 0."""
        self._thumbnails: dict[int, bytes] = {}
        self._asked: set[int] = set()

    def drawings(self) -> Iterable[Drawing]:
        """The pictures in sight."""
        return tuple(self._drawings.values())

    @property
    def shape(self) -> BoardShape:
        """How the board is divided."""
        columns = len(self.view.columns) if self.view is not None else 1
        return shape_of(self.layout_kind, self.size, columns)

    @property
    def current(self) -> SheetCell | None:
        """The cell under the cursor."""
        if self.view is None or not self.view.rows:
            return None
        return self.view.cell(self.row, self.column)

    def show(self, view: BoardView | None, layout: Layout | None = None) -> None:
        """Draw another view; the cursor stays on its cell where that is still there."""
        before = self.current
        self.view = view
        if layout is not None:
            self.layout_kind = layout
        if view is not None and before is not None:
            self._return_to(before, view)
        self.row, self.column = self.row, self.column
        self._follow()

    def _return_to(self, cell: SheetCell, view: BoardView) -> None:
        place = cell.cell
        if place.row in view.rows and place.column in view.columns:
            self.set_reactive(SheetBoard.row, view.rows.index(place.row))
            self.set_reactive(SheetBoard.column, view.columns.index(place.column))

    def take_thumbnails(self, thumbnails: Mapping[int, bytes]) -> None:
        """Draw pictures that were fetched."""
        self._thumbnails |= thumbnails
        while len(self._thumbnails) > KEPT:
            self._thumbnails.pop(next(iter(self._thumbnails)))
        self._fill()

    def thumbnail(self, picture_id: int) -> bytes | None:
        """A picture that was fetched."""
        return self._thumbnails.get(picture_id)

    def forget_thumbnails(self) -> None:
        """Fetch pictures anew that did not come."""
        self._asked.clear()

    # Places

    def validate_row(self, row: int) -> int:
        """Keep the cursor on a row."""
        return max(0, min(row, len(self.view.rows) - 1)) if self.view is not None else 0

    def validate_column(self, column: int) -> int:
        """Keep the cursor on a column."""
        return max(0, min(column, len(self.view.columns) - 1)) if self.view is not None else 0

    def watch_row(self) -> None:
        self._follow()

    def watch_column(self) -> None:
        self._follow()

    def on_resize(self) -> None:
        self._follow()

    def _follow(self) -> None:
        """Bring the cursor into sight, and the pictures there into step."""
        shape, view = self.shape, self.view
        rows, columns = (len(view.rows), len(view.columns)) if view is not None else (0, 0)
        self.first_row = _first(self.first_row, self.row, shape.rows, rows)
        self.first_column = _first(self.first_column, self.column, shape.columns, columns)
        self._fill()
        self.post_message(self.CellSelected())

    def _fill(self) -> None:
        """Give each place in sight its picture, and ask for those that are not here."""
        wanted: list[int] = []
        shown: set[tuple[int, int]] = set()
        if self.layout_kind is Layout.PICTURES and self.view is not None:
            for place, cell in self._in_sight(self.view):
                shown.add(place)
                if place not in self._drawings:
                    self._drawings[place] = Drawing(self, self.refresh)
                picture = cell.picture
                preview = self.view.previews.get(cell.number)
                if picture is None and preview is not None:
                    self._drawings[place].show_next(preview)
                    continue
                picture_id = picture.picture_id if picture is not None else 0
                data = self._thumbnails.get(picture_id)
                words = _alt(cell) if picture is None or data is None else picture.path
                self._drawings[place].show(data, alt=plain(words))
                if picture_id and data is None and picture_id not in self._asked:
                    wanted.append(picture_id)
        for place in self._drawings.keys() - shown:
            self._drawings.pop(place).free()
        if wanted:
            self._asked.update(wanted)
            self.post_message(self.ThumbnailsWanted(wanted))
        self.refresh()

    def _in_sight(self, view: BoardView) -> Iterable[tuple[tuple[int, int], SheetCell]]:
        shape = self.shape
        for down in range(min(shape.rows, len(view.rows) - self.first_row)):
            for across in range(min(shape.columns, len(view.columns) - self.first_column)):
                yield (
                    (down, across),
                    view.cell(self.first_row + down, self.first_column + across),
                )

    # Drawing

    def render_lines(self, crop: Region) -> list[Strip]:
        """Strips of the visible part."""
        width, height = self.size
        lines = [self._heading()]
        if self.view is not None:
            shape = self.shape
            for row in range(self.first_row, min(len(self.view.rows), self.first_row + shape.rows)):
                lines += self._row_lines(self.view, row, shape)
        blank = Strip.blank(width, self.rich_style)
        lines += [blank] * (height - len(lines))
        lines = lines[crop.y : crop.bottom]
        if crop.column_span == (0, width):
            return lines
        return [line.crop(crop.x, crop.right) for line in lines]

    def _heading(self) -> Strip:
        style = self.get_component_rich_style("board--heading")
        shape, view = self.shape, self.view
        if view is None:
            return self._text([Segment(" " * self.size.width, style)])
        titles = view.sheet.titles
        end = self.first_column + shape.columns
        more = (" ◂" if self.first_column else "") + (" ▸" if end < len(view.columns) else "")
        words = f" {view.scorer}{more}" if self.layout_kind is Layout.TABLE else ""
        parts = [fit(words, shape.left)]
        parts += [
            fit(
                titles[column] or "picture", shape.width - 1, right=self.layout_kind is Layout.TABLE
            )
            + " "
            for column in view.columns[self.first_column : end]
        ]
        return self._text([Segment(fit("".join(parts), self.size.width), style)])

    def _row_lines(self, view: BoardView, row: int, shape: BoardShape) -> list[Strip]:
        if self.layout_kind is Layout.TABLE:
            return [self._table_line(view, row, shape)]
        return [self._prompt_line(view, row), *self._picture_lines(view, row, shape)]

    def _prompt_line(self, view: BoardView, row: int) -> Strip:
        sheet_row = view.rows[row]
        prompt = view.sheet.request.prompts[sheet_row]
        group = f"{prompt.group} · " if prompt.group else ""
        mean = mean_words(view.sheet, sheet_row, view.scorer)
        room = max(0, self.size.width - len(mean) - 3)
        style = self.rich_style + Style(bold=row == self.row)
        muted = self.rich_style + self._ink("board--muted")
        text = fit(f" {group}{prompt.prompt}", room)
        return self._text([Segment(text, style), Segment(f"  {mean} ", muted)])

    def _picture_lines(self, view: BoardView, row: int, shape: BoardShape) -> list[Strip]:
        """The pictures of a row side by side, each with its words below it."""
        tall = shape.height - 2
        looks = DrawingStyle(background=self.background_colors[1], words=self.rich_style)
        size = Size(max(1, shape.width - 1), max(0, tall))
        gap = Strip.blank(1, self.rich_style)
        strips: list[list[Strip]] = [[gap] * tall]
        words: list[Segment] = [Segment(" ", self.rich_style)]
        for column in range(
            self.first_column, min(len(view.columns), self.first_column + shape.columns)
        ):
            drawing = self._drawings.get((row - self.first_row, column - self.first_column))
            blank = [Strip.blank(size.width, self.rich_style)] * tall
            strips += [drawing.lines(size, looks)[:tall] if drawing else blank, [gap] * tall]
            cell = view.cell(row, column)
            text = fit(picture_words(view.sheet, cell, view.threshold), size.width)
            words += [Segment(text, self._style(cell, view, row, column))]
            words += [Segment(" ", self.rich_style)]
        used = 1 + (len(strips) // 2) * shape.width
        rest = Strip.blank(max(0, self.size.width - used), self.rich_style)
        lines = [Strip.join([*(each[y] for each in strips), rest]) for y in range(tall)]
        return [*lines, self._text(words).extend_cell_length(self.size.width, self.rich_style)]

    def _table_line(self, view: BoardView, row: int, shape: BoardShape) -> Strip:
        prompt = view.sheet.request.prompts[view.rows[row]]
        group = f"{prompt.group} · " if prompt.group else ""
        style = self.rich_style + Style(bold=row == self.row)
        parts = [Segment(fit(f" {group}{prompt.prompt}", shape.left), style)]
        for column in range(
            self.first_column, min(len(view.columns), self.first_column + shape.columns)
        ):
            cell = view.cell(row, column)
            sign = cell_sign(view.sheet, cell, view.threshold, view.scorer)
            is_under = (row, column) == (self.row, self.column)
            text = fit(sign, SIGN - 3, right=True)
            text = f" [{text}]" if is_under else f"  {text} "
            parts.append(Segment(fit(text, SIGN), self._style(cell, view, row, column)))
        return self._text(parts)

    def _style(self, cell: SheetCell, view: BoardView, row: int, column: int) -> Style:
        """Of the words of a cell; the words say the same without colours."""
        if (row, column) == (self.row, self.column):
            return self.get_component_rich_style("board--cursor")
        if cell.state is not CellState.PAINTED:
            return self.rich_style + self._ink("board--muted")
        passes = cell.passes(view.threshold)
        return self.rich_style + self._ink("board--good" if passes else "board--warning")

    def _ink(self, name: str) -> Style:
        """The colour of a component's text alone."""
        return Style(color=self.get_component_rich_style(name).color)

    def _text(self, segments: Sequence[Segment]) -> Strip:
        """A line of words as the app's filters leave it."""
        strip = Strip(segments)
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, self.background_colors[1])
        return strip

    # Moving

    def on_click(self, event: events.Click) -> None:
        view, shape = self.view, self.shape
        row = self.first_row + (event.y - 1) // shape.height
        column = self.first_column + (event.x - shape.left) // shape.width
        is_in_sight = (
            view is not None
            and 1 <= event.y <= shape.rows * shape.height
            and shape.left <= event.x < shape.left + shape.columns * shape.width
        )
        if view is None or not is_in_sight or row >= len(view.rows) or column >= len(view.columns):
            return
        is_under = (row, column) == (self.row, self.column)
        self.row, self.column = row, column
        if is_under or event.chain > 1:
            self.action_open()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.row += 1

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.row -= 1

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to open only where there is a cell."""
        return action != "open" or self.current is not None

    def action_move(self, rows: int, columns: int) -> None:
        self.row += rows
        self.column += columns

    def action_page(self, pages: int) -> None:
        self.row += pages * max(1, self.shape.rows)

    def action_jump(self, row: int) -> None:
        self.row = row if row >= 0 else len(self.view.rows) - 1 if self.view is not None else 0

    def action_open(self) -> None:
        if self.current is not None:
            self.post_message(self.CellChosen())


def _first(first: int, cursor: int, room: int, count: int) -> int:
    """The first row or column in sight, so that the cursor is and no more moves than must."""
    least, most = max(0, cursor - room + 1), min(cursor, max(0, count - room))
    return max(0, min(max(first, least), max(least, most)))


def _alt(cell: SheetCell) -> str:
    """What stands in the place of a picture that is not there."""
    if cell.state is CellState.REJECTED:
        return cell.check.message
    return "…" if cell.state is CellState.PAINTED else "not painted yet"
