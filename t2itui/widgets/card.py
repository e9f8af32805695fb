"""One picture of the answer with its rank and both scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from t2itui.graphics.picture import Picture
from t2itui.plain import plain
from t2itui.widgets.score_bar import score_line

if TYPE_CHECKING:
    from engine.results import Shown

CAPTION_ROWS = 3
DISOWNED = -1
"""The index of a card that still shows a picture of an earlier answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardScores:
    """The figures on a card; they are known before its picture is."""

    rank: int
    match: float
    cosine: float
    cosine_share: float
    """Where the cosine lies between the lowest and the highest of the answer, 0 to 1."""
    passes: bool
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CardContent:
    """What has to be fetched for a card."""

    shown: Shown
    thumbnail: bytes | None


class Caption(Static):
    """Rank, name and both scores under a picture."""

    scores: CardScores | None = None
    name_text: str = ""

    def render(self) -> Content:
        if self.scores is None:
            return Content("")
        scores, width = self.scores, self.size.width
        sign = "✓" if scores.passes else "·"
        mark = "◆" if scores.marked else " "
        head = f"{sign}{scores.rank}{mark}"
        lines = [
            Content.assemble((head, "bold"), " ", self.name_text).truncate(width, ellipsis=True),
            score_line("match", scores.match, scores.match, width, "$success"),
            score_line("cos  ", scores.cosine, scores.cosine_share, width, "$primary"),
        ]
        return Content("\n").join(lines)


class Card(Vertical):
    """A picture with its caption; the grid moves it from result to result."""

    DEFAULT_CSS = """
    Card {
        border-left: blank;
        & > Picture { height: 1fr; }
        & > Caption { height: 3; text-wrap: nowrap; }
        &.-below > Caption { color: $text-muted; text-style: dim; }
        &.-selected { border-left: thick $foreground-muted; }
        &.-selected > Caption { background: $boost; }
    }
    """

    class Clicked(Message):
        """The card was clicked; twice opens the picture."""

        def __init__(self, slot: int, *, twice: bool) -> None:
            super().__init__()
            self.slot = slot
            self.twice = twice

    def __init__(self, slot: int) -> None:
        super().__init__()
        self.slot = slot
        """Place among the visible cards, in reading order."""
        self.index: int | None = None
        """Of the picture in the arrays of scores; None while the card is empty, and DISOWNED."""
        self.is_filled = False
        """The card shows the picture of its index, not only the figures."""
        self._picture = Picture()
        self._caption = Caption()

    @property
    def is_marked(self) -> bool:
        """The card shows a marked picture."""
        return self._caption.scores is not None and self._caption.scores.marked

    def compose(self) -> ComposeResult:
        yield self._picture
        yield self._caption

    def disown(self) -> None:
        """Say that what the card shows belongs to an earlier answer; it stays for the moment."""
        if self.index is not None:
            self.index = DISOWNED
        self.is_filled = False

    def assign(self, index: int | None) -> bool:
        """Give the card another picture, to be filled later, or none; returns whether it was."""
        if index == self.index:
            return False
        self.index = index
        self.is_filled = False
        self._caption.name_text = ""
        self._picture.show(None, alt="")
        if index is None:
            self.show_scores(None)
        return True

    def show_scores(self, scores: CardScores | None) -> None:
        """Show figures; nothing is repainted when they are the ones shown already."""
        if scores == self._caption.scores:
            return
        self._caption.scores = scores
        self._caption.refresh()
        below = scores is not None and not scores.passes
        self.set_class(below, "-below")
        self._picture.dim = below

    def fill(self, content: CardContent) -> None:
        """Show the fetched picture and name."""
        self.is_filled = True
        name = plain(content.shown.path.rpartition("/")[2])
        self._caption.name_text = name
        self._caption.refresh()
        self._picture.show(content.thumbnail, alt=name, dim=self.has_class("-below"))

    def on_click(self, event: events.Click) -> None:
        if self.index is not None:
            self.post_message(self.Clicked(self.slot, twice=event.chain > 1))
