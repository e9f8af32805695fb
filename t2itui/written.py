"""What a command would write, as lines for a widget."""

from __future__ import annotations

from textual.content import Content

from t2itui.cli.output import Output
from t2itui.plain import plain


class Written(Output):
    """Collects the lines of a result; what is said beside it goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Content] = []

    def line(self, text: str = "", *, dim: bool = False, bold: bool = False) -> None:
        style = "bold" if bold else "$text-muted" if dim else ""
        self.lines.append(Content.styled(plain(text), style))

    def say(self, text: str) -> None:
        """A remark is no part of the result."""

    @property
    def content(self) -> Content:
        """All lines."""
        return Content("\n").join(self.lines)
