"""How many cards of what size fit into a space."""

from dataclasses import dataclass

from t2itui.widgets.card import CAPTION_ROWS

CARD_WIDTHS = (16, 18, 22, 28, 36)
"""Least cells across a card, from the smallest to the largest cards."""
USUAL_SIZE = 1
LEAST_PICTURE_ROWS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GridShape:
    """Cards across, cards down, and the rows of one card."""

    columns: int
    rows: int
    card_height: int

    @property
    def slots(self) -> int:
        """Cards in sight."""
        return self.columns * self.rows


def fit(width: int, height: int, size: int) -> GridShape:
    """Return the shape that fills `width` x `height` cells with cards of a size of CARD_WIDTHS.

    A cell is about twice as high as wide, so a picture of 4:3 takes 3/8 of its width in rows.
    """
    columns = max(1, width // (CARD_WIDTHS[size] + 1))
    picture_rows = max(LEAST_PICTURE_ROWS, round((width / columns - 2) * 3 / 8))
    wanted = picture_rows + CAPTION_ROWS
    rows = max(1, round(height / wanted - 0.2))
    return GridShape(columns=columns, rows=rows, card_height=max(1, height // rows))
