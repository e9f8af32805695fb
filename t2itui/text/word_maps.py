"""Word maps as characters: bars of strength, and a grid of tenths over the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from t2itui.text.plain import plain
from t2itui.text.words import number

if TYPE_CHECKING:
    from engine.results import WhereResult, WordMap

BAR = 10
"""Characters of a bar."""
MOST_APART = 3
"""Lines from one row of a grid to the next."""
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


def tenths(grid: Sequence[Sequence[float]]) -> list[str]:
    """Return the rows of a grid as characters, a digit and a space for each patch."""
    return [
        " ".join("." if value < 0.1 else str(min(int(10 * value), 9)) for value in row)
        for row in grid
    ]


def fitted_tenths(strengths: Sequence[float], across: int, columns: int, rows: int) -> list[str]:
    """Return a grid, `across` patches wide and row by row, in a place of so many characters.

    Where there are more patches than room, the strongest of neighbours stands for them all.
    """
    down = len(strengths) // across
    if columns < 1 or rows < 1:
        return []
    x_cuts = _cuts(across, (columns + 1) // 2)
    y_cuts = _cuts(down, rows)
    grid = [
        [
            max(strengths[y * across + x] for y in range(top, bottom) for x in range(left, right))
            for left, right in x_cuts
        ]
        for top, bottom in y_cuts
    ]
    # With room to spare the digits stand apart, twice as far across as down.
    apart = max(1, min(MOST_APART, rows // len(y_cuts), (columns + 1) // (2 * len(x_cuts))))
    wide = (" " * (2 * apart - 1)).join
    lines = [wide(line.split(" ")) for line in tenths(grid)]
    return [line for row in lines for line in (row, *[""] * (apart - 1))][: 1 - apart or None]


def _cuts(count: int, room: int) -> list[tuple[int, int]]:
    """The bounds of `count` things as at most `room` groups of neighbours."""
    groups = max(1, min(count, room))
    return [(count * at // groups, count * (at + 1) // groups) for at in range(groups)]


def word_title(found: WhereResult, index: int) -> str:
    """Return what there is to say of one word: where it is strongest, or that it is nowhere."""
    from engine.results import WORD_THRESHOLD

    word = found.words[index]
    head = f"{index + 1}/{len(found.words)} {plain(word.word)}"
    if not word.is_there:
        chance = number(WORD_THRESHOLD)
        return f"{head} is nowhere: {number(word.strength)}; by chance {chance} is reached"
    rows, columns = word.strengths.shape
    row, column = word.peak
    place = f"row {row + 1} of {rows}, column {column + 1} of {columns}"
    return f"{head} {number(word.strength)} at {place}"


def grid_lines(found: WhereResult, width: int) -> list[str]:
    """Return the grids of all words that are there, side by side as far as there is room."""
    grids = [
        [plain(word.word), *tenths(word.strengths.tolist())]
        for word in found.words
        if word.is_there
    ]
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
