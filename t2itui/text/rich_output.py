"""What a command would write, for a screen: the same tables by the same code."""

from __future__ import annotations

from textual.content import Content

from t2itui.cli.support.output import Output
from t2itui.text.plain import plain


class Written(Output):
    """Keeps lines instead of writing them."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Content] = []

    @property
    def content(self) -> Content:
        """The lines so far, without empty ones at the start."""
        first = next((i for i, line in enumerate(self._lines) if line.plain), len(self._lines))
        return Content("\n").join(self._lines[first:])

    def line(self, text: str = "", *, dim: bool = False, bold: bool = False) -> None:
        style = "$foreground-muted" if dim else "bold" if bold else ""
        self._lines.append(Content.styled(plain(text), style))

    def say(self, text: str) -> None:
        self.line(text, dim=True)
