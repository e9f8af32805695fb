"""What can be done to the descriptions of a comparison; pairs stay together in all of it.

Every function takes lines as `tidy` leaves them and gives lines as it would leave them.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import getters, on

from engine.comparing.sheet import Line, Sheet
from engine.search.query import normalise
from t2itui.screens.compare.files import SheetFiles
from t2itui.screens.compare.heatmap import Heatmap, RowInput

if TYPE_CHECKING:
    from t2itui.session import Session

    Lines = tuple[Line, ...]


def tidy(lines: Lines) -> Lines:
    """The lines of a pair side by side, where the first of them stood; a lone one is no pair."""
    members: dict[int, list[Line]] = {}
    for line in lines:
        if line.pair is not None:
            members.setdefault(line.pair, []).append(line)
    found: list[Line] = []
    for line in lines:
        if line.pair is None:
            found.append(line)
        elif len(two := members.pop(line.pair, [])) > 1:
            found += two
        else:
            found += [replace(each, pair=None) for each in two]
    return tuple(found)


def group(lines: Lines, place: int) -> range:
    """The places of a line and of what is paired with it."""
    pair = lines[place].pair
    if pair is None:
        return range(place, place + 1)
    places = [at for at, line in enumerate(lines) if line.pair == pair]
    return range(places[0], places[-1] + 1)


def changed(lines: Lines, place: int, text: str) -> Lines:
    """A line with another text."""
    return (*lines[:place], replace(lines[place], text=text), *lines[place + 1 :])


def added(lines: Lines, after: int, line: Line) -> tuple[Lines, int]:
    """A line added below another one and its pair, and where it stands."""
    place = group(lines, after).stop if lines else 0
    return (*lines[:place], line, *lines[place:]), place


def paired(lines: Lines, place: int, line: Line) -> tuple[Lines, int]:
    """A line added as the pair of another one, and where it stands; that one must have none."""
    number = max((each.pair or 0 for each in lines), default=0) + 1
    two = (replace(lines[place], pair=number), replace(line, pair=number))
    return (*lines[:place], *two, *lines[place + 1 :]), place + 1


def removed(lines: Lines, place: int) -> Lines:
    """One line less."""
    return tidy((*lines[:place], *lines[place + 1 :]))


def moved(lines: Lines, place: int, by: int) -> tuple[Lines, int]:
    """A line and its pair moved up (-1) or down (1) past what stands there, and where it stands."""
    mine = group(lines, place)
    beside = mine.start - 1 if by < 0 else mine.stop
    if not 0 <= beside < len(lines):
        return lines, place
    theirs = group(lines, beside)
    first, second = (theirs, mine) if by < 0 else (mine, theirs)
    swapped = (
        *lines[: first.start],
        *(lines[at] for at in second),
        *(lines[at] for at in first),
        *lines[second.stop :],
    )
    return swapped, place + by * len(theirs)


PAST = 50
"""Changes that can be taken back."""


class SheetEditing(SheetFiles):
    """Changes a sheet in place."""

    heatmap = getters.query_one(Heatmap)
    line = getters.query_one(RowInput)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
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
        sheet = replace(sheet, lines=tidy(lines))
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
        self._write(*added(self.sheet.lines, self.heatmap.row, Line(text="")))

    def action_pair(self) -> None:
        """Add the pair of the description under the cursor."""
        if self.sheet.lines and not self.has_pair:
            self._write(*paired(self.sheet.lines, self.heatmap.row, Line(text="")))

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
        lines = changed(lines, place, kept) if kept else removed(lines, place)
        self.heatmap.focus()
        if lines == self.sheet.lines:
            self.show()
        else:
            self.take(replace(self.sheet, lines=lines), row=place)

    def action_delete(self) -> None:
        """Delete the description under the cursor."""
        if self.sheet.lines:
            lines = removed(self.sheet.lines, self.heatmap.row)
            self.take(replace(self.sheet, lines=lines))

    def action_move(self, by: int) -> None:
        """Move the description under the cursor, and its pair."""
        if self.sheet.lines:
            lines, row = moved(self.sheet.lines, self.heatmap.row, by)
            self.take(replace(self.sheet, lines=lines), row=row)

    def action_undo(self) -> None:
        """Take the last change back."""
        if self.past:
            self._put(self.past.pop())
