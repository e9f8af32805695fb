"""What stands in the results' place: a greeting, or an error with the way out of it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Middle, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from t2itui.plain import plain


class Panel(Middle):
    """A few centred lines."""

    DEFAULT_CSS = """
    Panel {
        width: 100%;
        align: center middle;
        & > VerticalScroll {
            width: 80%;
            max-width: 84;
            height: auto;
            max-height: 100%;
            padding: 0 2;
        }
        &.-error > VerticalScroll { border-left: thick $error; }
        &.-plain > VerticalScroll { border-left: thick $primary; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = Static()

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield self._text

    def show_error(self, title: str, message: str, hint: str, keys: str = "") -> None:
        """Say what is wrong, what to do, and which keys do it."""
        self.set_classes("-error")
        parts = [Content.styled(f"✗ {title}", "bold $error"), Content(_lines(message))]
        if hint:
            parts.append(Content.assemble(("what to do  ", "bold"), _lines(hint)))
        if keys:
            parts.append(Content.styled(keys, "$foreground-muted"))
        self._text.update(Content("\n\n").join(parts))

    def show_text(self, title: str, lines: tuple[str, ...]) -> None:
        """Say something that is no error."""
        self.set_classes("-plain")
        body = Content("\n").join([Content(_lines(line)) for line in lines])
        self._text.update(Content("\n\n").join([Content.styled(title, "bold $primary"), body]))


def _lines(text: str) -> str:
    return "\n".join(plain(line) for line in text.split("\n"))
