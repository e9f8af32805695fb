"""All match scores of the library as a histogram, with the threshold standing in it."""

from __future__ import annotations

from collections.abc import Callable
from math import log1p

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

EIGHTHS = " ▁▂▃▄▅▆▇█"

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


class Histogram(Widget):
    """Shows how match is distributed; a click or a drag puts the threshold there."""

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
        self._passed = self._total = 0
        self.tooltip = "Click or drag to move the threshold; keys [ ] and { }"

    def show(self, count: Count) -> None:
        """Show another distribution."""
        self._count = count
        self._counts = ()
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
        return min(int(self.threshold * self._width + 1e-6), self._width - 1)

    def render(self) -> Content:
        rows = max(1, self.content_size.height - 1)
        if self._count is not None and len(self._counts) != self._width:
            self._counts = self._count(self._width)
        counts = self._counts or (0,) * self._width
        lines = [self._bars(line) for line in columns_of(counts, rows)]
        if self.content_size.height > 1:
            lines.append(self._axis())
        return Content("\n").join(lines)

    def _bars(self, line: str) -> Content:
        at = self._line
        return Content.assemble(
            (line[:at], "$foreground-muted"), ("┃", "bold $warning"), (line[at + 1 :], "$success")
        )

    def _axis(self) -> Content:
        """0, 1, the threshold under its line, and how many lie on either side of it."""
        label = f"▲ threshold {self.threshold:.2f}"
        left, right = f"0  {self._total - self._passed:,} below", f"{self._passed:,} pass  1"
        at, width = self._line, self._width
        if at + len(label) + len(right) + 2 > width:
            label = f"threshold {self.threshold:.2f} ▲"
            at = at - len(label) + 1
        if at < len(left) + 1:
            left = "" if at < 2 else "0"
        if at + len(label) + len(right) + 1 > width:
            right = "" if at + len(label) + 2 > width else "1"
        line = left.ljust(at)[:at] + label
        line += right.rjust(max(0, width - len(line)))
        return (
            Content(line[:width]).stylize("$foreground-muted").stylize("bold $warning", at, at + 21)
        )

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
