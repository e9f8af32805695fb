"""Plots made of text: a routing curve, a reliability diagram, and lines over steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.evaluation.results import Calibration, Routing

WIDTH, HEIGHT = 64, 9
_BAR = 30


def curve_lines(routing: Routing) -> list[str]:
    """Precision (p), recall (r) and accuracy (a) over all thresholds; | marks the best one.

    A line above says the same in words.
    """
    points = routing.curve
    if len(points) < 2:
        return []
    low, high = points[0].threshold, points[-1].threshold
    span = (high - low) or 1.0
    cells = [[" "] * WIDTH for _ in range(HEIGHT)]

    def column(threshold: float) -> int:
        return round((threshold - low) / span * (WIDTH - 1))

    best = column(routing.best.threshold)
    for row in cells:
        row[best] = "|"
    for point in points:
        values = (("p", point.precision), ("r", point.recall), ("a", point.accuracy))
        for mark, value in values:
            cells[round((1 - value) * (HEIGHT - 1))][column(point.threshold)] = mark
    lines = [
        f"{routing.scorer} over thresholds: p precision, r recall, a accuracy;"
        f" | best {routing.best.threshold:.3f}"
    ]
    for number, row in enumerate(cells):
        lines.append(f"{1 - number / (HEIGHT - 1):4.2f} {''.join(row).rstrip()}")
    left, right = f"{low:.3f}", f"{high:.3f}"
    lines.append("     " + left + right.rjust(WIDTH - len(left)))
    return lines


def reliability_lines(calibration: Calibration) -> list[str]:
    """For each bin of probability: what was predicted, what was observed, how many pairs."""
    lines = ["predicted  observed" + " " * (_BAR - 6) + "pairs"]
    for bar in calibration.bins:
        if not bar.count:
            continue
        filled = round(bar.observed * _BAR)
        cells = ["#"] * filled + ["."] * (_BAR - filled)
        expected = min(round(bar.predicted * _BAR), _BAR - 1)
        cells[expected] = "|"
        lines.append(f"{bar.predicted:9.3f}  {bar.observed:.3f} {''.join(cells)} {bar.count:>8,}")
    lines.append("(| where the bar should end)")
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Values over steps, drawn with one mark."""

    mark: str
    points: Sequence[tuple[float, float]]
    """Ascending steps with their values."""


def series_lines(
    series: Sequence[Series],
    *,
    title: str,
    end: float,
    width: int,
    height: int,
    ends: tuple[str, str] | None = None,
) -> list[str]:
    """Lines over steps from 0 to `end`, in `height` lines of `width` cells with title and axes.

    The title and the numbers at the axes say what the marks stand for; `ends` are words for both
    ends of the steps.
    """
    values = [value for each in series for _, value in each.points]
    rows, columns = height - 2, width - _AXIS
    if not values or rows < 2 or columns < 8:
        return [title[:width]]
    low, high = _bounds(values)
    digits = 3 if high - low < 0.1 else 2
    cells = [[" "] * columns for _ in range(rows)]
    for each in series:
        for column, value in _columns_of(each.points, end or 1.0, columns):
            row = round((high - value) / (high - low) * (rows - 1))
            cells[min(max(row, 0), rows - 1)][column] = each.mark
    lines = [title[:width]]
    for number, row_cells in enumerate(cells):
        label = (
            f"{high - (high - low) * number / (rows - 1):.{digits}f}"
            if number % 2 == 0 or number == rows - 1
            else ""
        )
        lines.append(f"{label:>{_AXIS - 1}} {''.join(row_cells).rstrip()}")
    left, right = ends or ("0", f"{end:,.0f}")
    return [*lines, " " * _AXIS + left + right.rjust(columns - len(left))]


_AXIS = 6
"""Cells of the numbers at the left."""


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """The least and greatest value, a little apart where all are the same."""
    low, high = min(values), max(values)
    return (low, high) if high - low > 0.02 else (low - 0.01, low + 0.02)


def _columns_of(
    points: Sequence[tuple[float, float]], end: float, columns: int
) -> Iterator[tuple[int, float]]:
    """The columns between the first and the last point, each with the value on the line there."""
    if not points:
        return

    def column(step: float) -> int:
        return min(max(round(step / end * (columns - 1)), 0), columns - 1)

    yield column(points[0][0]), points[0][1]
    for (step, value), (later, next_value) in pairwise(points):
        first, last = column(step), column(later)
        for at in range(first + 1, last + 1):
            yield at, value + (next_value - value) * (at - first) / (last - first)
