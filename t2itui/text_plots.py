"""Plots made of text: a routing curve and a reliability diagram."""

from __future__ import annotations

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
        f"precision p, recall r, accuracy a of {routing.scorer} over thresholds;"
        f" best {routing.best.threshold:.3f} with accuracy {routing.best.accuracy:.3f}"
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
