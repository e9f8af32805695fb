"""How the sheet of the Compare screen changes: lines written, paired, moved, taken back."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

from textual import getters, on

from engine.comparing.sheet import Line, Sheet
from engine.search.query import normalise
from t2itui import compare_lines as edits
from t2itui.screens.compare_sheet import SheetFiles
from t2itui.widgets.heatmap import Heatmap
from t2itui.widgets.row_input import RowInput

PAST = 50
"""Changes that can be taken back."""


class SheetEditing(SheetFiles):
    """Changes a sheet in place."""

    heatmap = getters.query_one(Heatmap)
    line = getters.query_one(RowInput)

    def __init__(self) -> None:
        super().__init__()
        self.past: list[Sheet] = []
        """Sheets from before each change, the last one at the end."""
        self.draft: tuple[tuple[Line, ...], int] | None = None
        """Lines with one that is not written yet, and where that stands."""

    @abstractmethod
    def show(self) -> None:
        """Draw the sheet, or the first steps where it is empty."""

    @abstractmethod
    def compare(self) -> None:
        """Score the sheet, if it has pictures and descriptions and the engine is there."""

    @property
    def has_pair(self) -> bool:
        """The description under the cursor has its pair in another language."""
        lines, row = self.sheet.lines, self.heatmap.row
        return row < len(lines) and lines[row].pair is not None

    def begin(self, pictures: tuple[str, ...], texts: tuple[str, ...]) -> None:
        """Compare these; what was on the screen can be had back."""
        lines = tuple(Line(text=text) for text in texts)
        self.take(Sheet(pictures=tuple(dict.fromkeys(pictures)), lines=lines), row=0, column=1)

    def take(self, sheet: Sheet, row: int | None = None, column: int | None = None) -> None:
        """Show another sheet, its cursor at a place, and score it."""
        lines = tuple(replace(line, text=normalise(line.text)) for line in sheet.lines)
        sheet = replace(sheet, lines=edits.tidy(lines))
        if sheet != self.sheet:
            self.past = [*self.past[1 - PAST :], self.sheet]
            self._put(sheet, row, column)

    def _put(self, sheet: Sheet, row: int | None = None, column: int | None = None) -> None:
        self.line.action_drop()
        self.sheet = sheet
        self.show()
        self.heatmap.go(
            self.heatmap.row if row is None else row,
            self.heatmap.column if column is None else column,
        )
        if sheet.pictures or sheet.lines:
            self.heatmap.focus()
        self.compare()

    def action_edit(self) -> None:
        """Change the description under the cursor."""
        if self.sheet.lines:
            self._write(self.sheet.lines, self.heatmap.row)

    def action_add(self) -> None:
        """Add a description below the one under the cursor and its pair."""
        self._write(*edits.added(self.sheet.lines, self.heatmap.row, Line(text="")))

    def action_pair(self) -> None:
        """Add the pair of the description under the cursor."""
        if self.sheet.lines and not self.has_pair:
            self._write(*edits.paired(self.sheet.lines, self.heatmap.row, Line(text="")))

    def _write(self, lines: tuple[Line, ...], place: int) -> None:
        self.draft = lines, place
        self.show()
        self.heatmap.go(place, 0)
        self.call_after_refresh(self._open_line)

    def _open_line(self) -> None:
        if self.draft is not None:
            lines, place = self.draft
            self.line.open(lines[place].text, self.heatmap.text_region(place))

    @on(RowInput.Done)
    def take_text(self, message: RowInput.Done) -> None:
        """Keep what was written; a description without words is none."""
        if self.draft is None:
            return
        (lines, place), self.draft = self.draft, None
        text = normalise(message.text) if message.text is not None else None
        kept = lines[place].text if text is None else text
        lines = edits.changed(lines, place, kept) if kept else edits.removed(lines, place)
        self.heatmap.focus()
        if lines == self.sheet.lines:
            self.show()
        else:
            self.take(replace(self.sheet, lines=lines), row=place)

    def action_delete(self) -> None:
        """Delete the description under the cursor."""
        if self.sheet.lines:
            lines = edits.removed(self.sheet.lines, self.heatmap.row)
            self.take(replace(self.sheet, lines=lines))

    def action_move(self, by: int) -> None:
        """Move the description under the cursor, and its pair."""
        if self.sheet.lines:
            lines, row = edits.moved(self.sheet.lines, self.heatmap.row, by)
            self.take(replace(self.sheet, lines=lines), row=row)

    def action_undo(self) -> None:
        """Take the last change back."""
        if self.past:
            self._put(self.past.pop())
