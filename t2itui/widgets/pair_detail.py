"""The pair under the cursor: the picture where there is room, the text in full, and its figures."""

from __future__ import annotations

from pathlib import PurePath

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from t2itui.graphics.picture import Picture
from t2itui.pair_view import PairView
from t2itui.plain import plain


class PairDetail(Vertical):
    """Shows one pair; the stylesheet of the screen says whether its picture is in sight."""

    DEFAULT_CSS = """
    PairDetail {
        padding: 0 1;
        & > Picture { height: 1fr; min-height: 4; }
        & > Static { height: auto; max-height: 14; }
    }
    """

    picture = getters.query_one(Picture)
    facts = getters.query_one("#facts", Static)

    def __init__(self) -> None:
        super().__init__()
        self._shown: bytes | None = None
        self._name = ""
        self._view: PairView | None = None
        self._text = ""

    def compose(self) -> ComposeResult:
        yield Picture()
        yield Static(id="facts")

    def on_resize(self) -> None:
        self._show()

    def show_picture(self, name: str, data: bytes | None) -> None:
        """Show another picture."""
        if (name, data) != (self._name, self._shown):
            self._name, self._shown = name, data
            self.picture.show(data, alt=plain(PurePath(name).name))

    def show_pair(self, text: str, view: PairView | None) -> None:
        """Show a description, and its figures once they are known."""
        self._text, self._view = text, view
        self._show()

    def _show(self) -> None:
        width = max(20, self.content_size.width)
        lines = [Content.styled(plain(self._text), "bold")] if self._text else []
        if self._view is not None:
            lines += [*self._view.text_lines(), *self._view.score_lines(width)]
        self.facts.update(Content("\n").join(lines))
