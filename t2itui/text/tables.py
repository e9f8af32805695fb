"""Lines and tables of words, written to a pipe, a terminal or a screen by the same code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from t2itui.text.plain import plain

if TYPE_CHECKING:
    from textual.content import Content


class LineWriter(Protocol):
    """Takes the lines of a result."""

    def line(self, text: str = "", *, dim: bool = False, bold: bool = False) -> None:
        """Write one line."""

    def say(self, text: str) -> None:
        """Write a remark beside the result."""


def write_table(
    output: LineWriter, head: Sequence[str], rows: Sequence[Sequence[str]], *, left: str = ""
) -> None:
    """Write columns as wide as their longest cell; names in `left` are set to the left.

    The last column is not padded, so that long paths can be copied whole.
    """
    from rich.cells import cell_len

    cells = [list(head), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(cell_len(row[column]) for row in cells) for column in range(len(head))]
    for index, row in enumerate(cells):
        parts = []
        for name, text, width in zip(head[:-1], row[:-1], widths[:-1], strict=True):
            gap = " " * (width - cell_len(text))
            parts.append(text + gap if name in left.split() else gap + text)
        output.line("  ".join([*parts, row[-1]]).rstrip(), dim=index == 0)


class RichOutput:
    """Keeps lines for a screen that a command would write."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, str]] = []

    def line(self, text: str = "", *, dim: bool = False, bold: bool = False) -> None:
        style = "$foreground-muted" if dim else "bold" if bold else ""
        self._lines.append((plain(text), style))

    def say(self, text: str) -> None:
        self.line(text, dim=True)

    @property
    def content(self) -> Content:
        """The lines so far, without empty ones at the start."""
        from textual.content import Content

        first = next((i for i, (text, _) in enumerate(self._lines) if text), len(self._lines))
        return Content("\n").join(
            Content.styled(text, style) for text, style in self._lines[first:]
        )
