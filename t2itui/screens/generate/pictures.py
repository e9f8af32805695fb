"""A picture with its scores as bars: the painted one, or the best that was found."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from engine.settings import DEFAULT_THRESHOLD
from t2itui.graphics.picture import Picture
from t2itui.text.plain import plain
from t2itui.widgets.score_bar import score_line


class PicturePane(Vertical):
    """One of the two pictures that are compared."""

    DEFAULT_CSS = """
    PicturePane {
        width: 1fr;
        padding: 0 1;
        & > Picture { height: 1fr; }
        & > Static { height: 3; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.picture = Picture()
        self._words = Static()
        self._title = ""
        self._scores: tuple[float, float, float, float] | None = None

    def compose(self) -> ComposeResult:
        yield self.picture
        yield self._words

    def on_resize(self) -> None:
        self._show()

    def show_words(
        self,
        title: str,
        match: float | None = None,
        cosine: float | None = None,
        *,
        top: float = 1.0,
        threshold: float = DEFAULT_THRESHOLD,
    ) -> None:
        """Say what it is, with its scores where it has some; `top` is a full bar of cosine."""
        self._title = plain(title)
        self._scores = (
            (match, cosine, top, threshold) if match is not None and cosine is not None else None
        )
        self._show()

    def _show(self) -> None:
        width = self._words.size.width
        lines = [Content.styled(self._title, "bold").truncate(max(1, width), ellipsis=True)]
        if self._scores is not None:
            match, cosine, top, threshold = self._scores
            sign = " ✓ passes" if match >= threshold else " · below "
            room = max(8, width - len(sign))
            share = max(0.0, cosine) / top if top > 0 else 0.0
            lines.append(score_line("match ", match, match, room, "$success") + sign)
            lines.append(score_line("cosine", cosine, share, room, "$primary"))
        self._words.update(Content("\n").join(lines), layout=False)
