"""One picture of the answer with its rank and both scores, as lines of the grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from textual.geometry import Size
from textual.strip import Strip

from t2itui.graphics.art import Line
from t2itui.graphics.drawing import Drawing, DrawingHolder
from t2itui.plain import plain
from t2itui.widgets.score_bar import bar, head

if TYPE_CHECKING:
    from engine.results import Shown
    from t2itui.widgets.card_looks import CardLooks, Parts

CAPTION_ROWS = 3
EDGE = 1
"""Cells at the left of a card that show whether it is selected."""
DISOWNED = -1
"""The index of a card that still shows a picture of an earlier answer."""
SAID = {None: "", True: "[fits] ", False: "[not] "}
"""What a person said, before the name."""


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
    fits: bool | None = None
    """What a person said; None for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardContent:
    """What has to be fetched for a card."""

    shown: Shown
    thumbnail: bytes | None


class Card:
    """A picture with its caption; the grid moves it from result to result.

    No widget: dozens of them, each with its styles and children, would hold up every key.
    """

    def __init__(self, slot: int, holder: DrawingHolder, repaint: Callable[[Card], None]) -> None:
        """`repaint` is called whenever the lines have changed."""
        self.slot = slot
        """Place among the visible cards, in reading order."""
        self.index: int | None = None
        """Of the picture in the arrays of scores; None while the card is empty, and DISOWNED."""
        self.is_filled = False
        """The card shows the picture of its index, not only the figures."""
        self.name = ""
        """Of the file; empty until it was fetched."""
        self.picture = Drawing(holder, lambda: repaint(self))
        self._repaint = repaint
        self._scores: CardScores | None = None
        self._is_selected = False
        self._lines: tuple[list[Strip], tuple[object, ...], list[Strip]] | None = None

    @property
    def is_marked(self) -> bool:
        """The card shows a marked picture."""
        return self._scores is not None and self._scores.marked

    @property
    def is_below(self) -> bool:
        """The card shows a picture below the threshold."""
        return self._scores is not None and not self._scores.passes

    @property
    def is_selected(self) -> bool:
        """The card shows the selected picture."""
        return self._is_selected

    @is_selected.setter
    def is_selected(self, selected: bool) -> None:
        if selected != self._is_selected:
            self._is_selected = selected
            self._repaint(self)

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
        self.name = ""
        self.picture.show(None, alt="")
        if index is None:
            self.show_scores(None)
        return True

    def show_scores(self, scores: CardScores | None) -> None:
        """Show figures; nothing is repainted when they are the ones shown already."""
        if scores != self._scores:
            self._scores = scores
            self.picture.dim = self.is_below
            self._repaint(self)

    def fill(self, content: CardContent) -> None:
        """Show the fetched picture and name."""
        self.is_filled = True
        painted = "painted " if content.shown.synthetic else ""
        self.name = painted + plain(content.shown.path.rpartition("/")[2])
        self.picture.show(content.thumbnail, alt=self.name, dim=self.is_below)
        self._repaint(self)

    def caption(self, width: int) -> list[Parts]:
        """What stands under the picture, in lines of `width` cells."""
        scores = self._scores
        if scores is None:
            return [("", " " * width, "")] * CAPTION_ROWS
        sign = f"{'✓' if scores.passes else '·'}{scores.rank}{'◆' if scores.marked else ' '}"[
            :width
        ]
        match, cosine = head("match", scores.match)[:width], head("cos  ", scores.cosine)[:width]
        return [
            (sign, _cut(f" {SAID[scores.fits]}{self.name}", width - len(sign)), ""),
            ("", match, bar(scores.match, width - len(match))),
            ("", cosine, bar(scores.cosine_share, width - len(cosine))),
        ]

    def lines(self, width: int, height: int, looks: CardLooks) -> list[Strip]:
        """The card in `height` strips of `width` cells; the same list while nothing changed."""
        rows = max(0, height - CAPTION_ROWS)
        picture = self.picture.lines(Size(max(0, width - EDGE), rows), looks.ground)
        key = (width, height, looks, self._is_selected, self._scores, self.name)
        if self._lines is None or self._lines[0] is not picture or self._lines[1] != key:
            edge = looks.edge(selected=self._is_selected)
            below = looks.caption(
                self.caption(max(0, width - EDGE)), below=self.is_below, selected=self._is_selected
            )
            lines: list[Strip] = [Line.join((edge, line)) for line in (*picture[:rows], *below)]
            self._lines = (picture, key, lines[:height])
        return self._lines[2]


def _cut(text: str, width: int) -> str:
    """A text in exactly `width` cells, with an ellipsis where it was too long."""
    if width < 1 or cell_len(text) <= width:
        return set_cell_size(text, max(0, width))
    return f"{set_cell_size(text, width - 1)}…"
