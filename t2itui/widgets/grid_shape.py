"""How many cards of what size fit into a space."""

from dataclasses import dataclass

from t2itui.widgets.card import CAPTION_ROWS

CARD_WIDTHS = (16, 18, 22, 28, 36)
"""Least cells across a card, from the smallest to the largest cards."""
USUAL_SIZE = 1
LEAST_WIDTH = 12
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

    A column more or less than the size asks for is taken where that leaves fewer rows empty.
    """
    asked = max(1.0, width / (CARD_WIDTHS[size] + 1))
    most = max(1, width // LEAST_WIDTH)
    choices = {max(1, min(most, int(asked) + by)) for by in (-1, 0, 1)}
    columns = max(choices, key=lambda each: _worth(each, width, height, asked))
    wanted = _card_height(columns, width)
    rows = max(1, height // wanted)
    return GridShape(columns=columns, rows=rows, card_height=min(height // rows, wanted + 2) or 1)


def _card_height(columns: int, width: int) -> int:
    """Rows for a picture of 4:3 with its caption; a cell is about twice as high as wide."""
    picture_rows = round((width / columns - 2) * 3 / 8)
    return max(LEAST_PICTURE_ROWS, picture_rows) + CAPTION_ROWS


def _worth(columns: int, width: int, height: int, asked: float) -> float:
    """The share of the height that would be used, less something for another size than asked."""
    wanted = _card_height(columns, width)
    used = max(1, height // wanted) * wanted / height
    return min(used, 1 / used) - 0.1 * abs(columns - asked)
