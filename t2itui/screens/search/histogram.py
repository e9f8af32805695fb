"""All match scores of the library as a histogram, with the threshold and chance drawn into it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import log1p
from typing import TYPE_CHECKING

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from t2itui.text.words import number

if TYPE_CHECKING:
    from engine.results import Chance

EIGHTHS = " ▁▂▃▄▅▆▇█"
BELOW, LINE, BAND, PASS = "$foreground-muted", "bold $text-warning", "$text-primary", "$success"
"""Colours of what is below, of the threshold, of the band of chance, of what passes."""
MOVES = "Click or drag to move the threshold; keys [ ] and { }"
BY_CHANCE = (
    "By chance: of texts that the library does not show, half come out left of the band,\n"
    "four tenths in it and a tenth right of it"
)

Count = Callable[[int], tuple[int, ...]]
"""Takes a number of bins and returns how many pictures fall into each, over match from 0 to 1."""


def columns_of(counts: tuple[int, ...], rows: int) -> list[str]:
    """Draw counts as bars on a logarithmic scale: `rows` strings, the top one first.

    One picture in thousands must still be seen, so any count but 0 takes at least an eighth.
    """
    highest = log1p(max(counts, default=0)) or 1.0
    levels = [max(1, round(log1p(count) / highest * rows * 8)) if count else 0 for count in counts]
    return [
        "".join(EIGHTHS[max(0, min(8, level - 8 * row))] for level in levels)
        for row in reversed(range(rows))
    ]


def column_of(match: float, width: int) -> int:
    """The column, of so many over match from 0 to 1, that a match stands in."""
    return min(int(match * width + 1e-6), width - 1)


class Line:
    """A line of cells that words are put into one after the other."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._cells = [" "] * width
        self._is_free = [True] * width
        self._styles: list[tuple[int, int, str]] = []

    def put(self, start: int, words: str, style: str) -> None:
        """Put words at a column; what the edges cut is left out."""
        stop = min(self.width, start + len(words))
        for at in range(max(0, start), stop):
            self._cells[at], self._is_free[at] = words[at - start], False
        self._styles.append((max(0, start), stop, style))

    def fill(self, columns: range, character: str, style: str) -> None:
        """Put a character wherever nothing stands; words may still be put over it."""
        for at in columns:
            if self._is_free[at]:
                self._cells[at] = character
                self._styles.append((at, at + 1, style))

    def has_room(self, start: int, stop: int) -> bool:
        """Nothing stands from one column to before another, all of them within the line."""
        return start >= 0 and stop <= self.width and all(self._is_free[start:stop])

    def longest_blank(self, columns: range) -> range:
        """The most columns, of some, next to one another in which nothing stands."""
        longest, start = range(0), columns.start
        for at in columns:
            if not self._is_free[at]:
                start = at + 1
            elif at + 1 - start > len(longest):
                longest = range(start, at + 1)
        return longest

    def content(self) -> Content:
        """The line as it is shown."""
        content = Content("".join(self._cells))
        for start, stop, style in self._styles:
            content = content.stylize(style, start, stop)
        return content


def draw_band(line: Line, chance: Chance) -> bool:
    """Draw where texts come out by chance where nothing else stands; whether the name found room.

    The name stands in the longest blank of the band, or else beside it.
    """
    first, last = column_of(chance.half, line.width), column_of(chance.high, line.width)
    line.fill(range(first, last + 1), "─", BAND)
    line.fill(range(first, first + 1), "├" if first < last else "│", BAND)
    line.fill(range(last, last + 1), "┤" if first < last else "│", BAND)
    blank = line.longest_blank(range(first + 1, last))
    for name in band_names(chance):
        words = f" {name} "
        inside = blank.start + (len(blank) - len(words)) // 2
        within = (inside,) if len(words) <= len(blank) else ()
        for start in (*within, last + 1, first - len(words)):
            if line.has_room(start, start + len(words)):
                line.put(start, words, BAND)
                return True
    return False


def band_names(chance: Chance) -> tuple[str, ...]:
    """What the band is called, the longest first."""
    half, high = number(chance.half), number(chance.high)
    if half == high:
        return f"by chance {half}", "by chance"
    return (
        f"by chance: half of absent texts below {half}, nine tenths below {high}",
        f"by chance {half} to {high}",
        "by chance",
    )


class Histogram(Widget):
    """Shows how match is distributed; a click or a drag puts the threshold there.

    Below the bars lies a band: where texts come out by chance that the library does not show.
    """

    DEFAULT_CSS = """
    Histogram {
        height: 5;
        padding: 0 1;
        pointer: pointer;
    }
    """

    threshold: reactive[float] = reactive(0.5)
    """Where the line stands, 0 to 1."""

    class ThresholdMoved(Message):
        """The mouse put the threshold somewhere else."""

        def __init__(self, threshold: float) -> None:
            super().__init__()
            self.threshold = threshold

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Histogram.ThresholdMoved)

    class Stepped(Message):
        """The wheel turned over the histogram."""

        def __init__(self, steps: int) -> None:
            super().__init__()
            self.steps = steps

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._count: Count | None = None
        self._counts: tuple[int, ...] = ()
        self._chance: Chance | None = None
        self._passed = self._total = 0
        self.tooltip = MOVES

    def show(self, count: Count, chance: Chance | None) -> None:
        """Show another distribution, and the band of chance where that was measured."""
        self._count, self._chance = count, chance
        self._counts = ()
        self.tooltip = MOVES if chance is None else f"{MOVES}\n{BY_CHANCE}"
        self.refresh()

    def show_passed(self, passed: int, total: int) -> None:
        """Say how many of all pictures are at or above the threshold."""
        self._passed, self._total = passed, total
        self.refresh()

    @property
    def _width(self) -> int:
        return max(1, self.content_size.width)

    @property
    def _line(self) -> int:
        """The column of the threshold: the bin it is the lower edge of."""
        return column_of(self.threshold, self._width)

    def render(self) -> Content:
        height, chance = self.content_size.height, self._chance
        has_line = chance is not None and height > 2
        if self._count is not None and len(self._counts) != self._width:
            self._counts = self._count(self._width)
        counts = self._counts or (0,) * self._width
        bars = max(1, height - 2 if has_line else height - 1)
        lines = [self._bars(line) for line in columns_of(counts, bars)]
        if chance is not None and has_line:
            lines.append(self._band(chance))
        if height > 1:
            lines.append(self._axis(None if has_line else chance))
        return Content("\n").join(lines)

    def _bars(self, line: str) -> Content:
        at = self._line
        return Content.assemble((line[:at], BELOW), ("┃", LINE), (line[at + 1 :], PASS))

    def _band(self, chance: Chance) -> Content:
        """The band of chance in a line of its own, which the threshold runs through."""
        line = Line(self._width)
        line.put(self._line, "┃", LINE)
        draw_band(line, chance)
        return line.content()

    def _axis(self, chance: Chance | None) -> Content:
        """0, 1, the threshold under its line, and how many lie on either side of it.

        A band of chance without a line of its own is drawn between them, and they make room for
        its name.
        """
        below = f"0  {self._total - self._passed:,} below"
        if chance is None:
            return self._counted(below).content()
        for left, to_left in product((below, "0", ""), (False, True)):
            line = self._counted(left, to_left=to_left)
            if draw_band(line, chance):
                break
        return line.content()

    def _counted(self, left: str, *, to_left: bool = False) -> Line:
        """The axis with as much as fits beside the threshold's own words, left of it or right."""
        label, right = f"▲ threshold {self.threshold:.2f}", f"{self._passed:,} pass  1"
        at, width = self._line, self._width
        if to_left or at + len(label) + len(right) + 2 > width:
            label = f"threshold {self.threshold:.2f} ▲"
            at = at - len(label) + 1
        if at < len(left) + 1:
            left = left[:1] if at >= 2 else ""
        if at + len(label) + len(right) + 1 > width:
            right = "" if at + len(label) + 2 > width else "1"
        line = Line(width)
        if left:
            line.put(0, f"{left} ", BELOW)
        line.put(width - len(right) - 1, f" {right}", BELOW)
        line.put(at - 1, f" {label} ", LINE)
        return line

    def _move_to(self, x: int) -> None:
        share = (x - self.styles.padding.left) / self._width
        self.post_message(self.ThresholdMoved(min(1.0, max(0.0, round(share, 2)))))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.capture_mouse()
        self._move_to(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self:
            self._move_to(event.x)

    def on_mouse_up(self) -> None:
        self.release_mouse()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.post_message(self.Stepped(-1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.post_message(self.Stepped(1))
