"""Word maps as characters: bars of strength, and a grid of tenths over the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from t2itui.text.plain import plain

if TYPE_CHECKING:
    from engine.results import FloatArray, WhereResult, WordMap

BAR = 10
"""Characters of a bar."""
GAP = 3
"""Between two grids that stand side by side."""
NOWHERE = "nowhere"
KEY = "tenths of strength, from the top left of what the encoder sees; . is less than one"


def strength_bar(word: WordMap) -> str:
    """Return how strong a word is, as a bar."""
    return ("#" * round(BAR * word.strength)).ljust(BAR, ".")


def position_words(word: WordMap) -> str:
    """Return where a word is strongest: 'row 2, column 5', or that it is nowhere."""
    if not word.is_there:
        return NOWHERE
    row, column = word.peak
    return f"row {row + 1}, column {column + 1}"


def strength_rows(found: WhereResult) -> list[tuple[str, ...]]:
    """Return the cells of a table: word, bar, strength, and where it is."""
    return [
        (word.word, strength_bar(word), f"{word.strength:.2f}", position_words(word))
        for word in found.words
    ]


def tenths(strengths: FloatArray) -> list[str]:
    """Return the rows of a grid as characters, a digit and a space for each patch."""
    return [
        " ".join("." if value < 0.1 else str(min(int(10 * value), 9)) for value in row)
        for row in strengths.tolist()
    ]


def grid_lines(found: WhereResult, width: int) -> list[str]:
    """Return the grids of all words that are there, side by side as far as there is room."""
    grids = [[plain(word.word), *tenths(word.strengths)] for word in found.words if word.is_there]
    if not grids:
        return []
    from rich.cells import cell_len

    room = max(cell_len(line) for grid in grids for line in grid) + GAP
    across = max(1, (width + GAP) // room)
    lines: list[str] = []
    for start in range(0, len(grids), across):
        for row in zip(*grids[start : start + across], strict=True):
            padded = (line + " " * (room - cell_len(line)) for line in row)
            lines.append("".join(padded).rstrip())
        lines.append("")
    return lines[:-1]
