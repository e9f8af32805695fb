"""A column of the grid: one widget that draws all its cards itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from t2itui.widgets.card import EDGE

if TYPE_CHECKING:
    from t2itui.widgets.card import Card
    from t2itui.widgets.card_looks import CardLooks


class CardColumn(Widget):
    """Draws the cards that stand below each other.

    Columns and not one widget, since a change to a card then rewrites no other column's pictures;
    and not a widget for each card, whose styles and layout would cost more than its drawing.
    """

    ALLOW_SELECT = False

    class Clicked(Message):
        """A card was clicked; twice opens the picture."""

        def __init__(self, number: int, row: int, *, twice: bool) -> None:
            super().__init__()
            self.number = number
            self.row = row
            self.twice = twice

    def __init__(
        self, number: int, cards: Callable[[int], Sequence[Card]], looks: Callable[[], CardLooks]
    ) -> None:
        """`cards` gives the cards of a column, the top one first."""
        super().__init__()
        self.number = number
        """From the left."""
        self._cards = cards
        self._looks = looks
        self.card_height = 1

    def repaint(self, row: int) -> None:
        """Paint the card of one row anew."""
        self.refresh(Region(0, row * self.card_height, self.size.width, self.card_height))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Strips of the visible part."""
        (width, height), looks = self.size, self._looks()
        cards = self._cards(self.number) if width > EDGE else ()
        lines = [line for card in cards for line in card.lines(width, self.card_height, looks)]
        lines += [Strip.blank(width, looks.ground.words)] * (height - len(lines))
        lines = lines[crop.y : crop.bottom]
        if crop.column_span == (0, width):
            return lines
        return [line.crop(crop.x, crop.right) for line in lines]

    def on_click(self, event: events.Click) -> None:
        row = event.y // self.card_height
        if row < len(self._cards(self.number)):
            self.post_message(self.Clicked(self.number, row, twice=event.chain > 1))
