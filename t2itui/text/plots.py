"""Plots made of text: a routing curve, a reliability diagram, and lines over steps.

The plots of an evaluation: what is in them, and drawing them with the characters of a cell.

Each line has a letter of its own beside its colour. Drawing takes tens of milliseconds, and so does
the import of the library: call `draw` on a thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from rich.text import Text

    from engine.evaluation.results import Calibration, Evaluation, Routing


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
) -> list[str]:
    """Lines over steps from 0 to `end`, in `height` lines of `width` cells with title and axes.

    The title and the numbers at the axes say what the marks stand for.
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
    left, right = "0", f"{end:,.0f}"
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


Rgb: TypeAlias = tuple[int, int, int]

INK, FAINT = "foreground", "foreground-muted"
COLOURS = (INK, FAINT, "text-primary", "text-success", "text-warning")
"""Names of the theme's colours that lines and words have."""
LETTERS = 7
"""So many letters stand along a line."""

EDGE = 0.1
"""Part of the width at either side where words stand beside their place."""

_one_at_a_time = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a plot."""

    letter: str
    """Empty for a line that only helps the eye."""
    points: tuple[tuple[float, float], ...]
    colour: str
    """Name of a theme colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Values over something."""

    title: str
    across: str
    """What the horizontal axis counts."""
    lines: tuple[Line, ...]
    uprights: tuple[tuple[str, float], ...] = ()
    """Vertical lines: a word, and where."""
    bounds: tuple[float, float] = (0.0, 1.0)
    """The least and the greatest value there is room for."""


def routing_plots(found: Evaluation) -> tuple[Plot, ...]:
    """Precision, recall and accuracy of each scorer over all thresholds, the best one marked."""
    return tuple(_routing(each) for each in found.routing if len(each.curve) > 1)


def _routing(routing: Routing) -> Plot:
    best = routing.best
    named = (
        ("p", "precision", "text-warning"),
        ("r", "recall", "text-success"),
        ("a", "accuracy", "text-primary"),
    )
    uprights = [("best", best.threshold)]
    if routing.at is not None:
        uprights.append(("set", routing.at.threshold))
    return Plot(
        title=f"{routing.scorer}: best {best.threshold:.3f}, accuracy {best.accuracy:.3f}",
        across="threshold (p precision, r recall, a accuracy)",
        lines=tuple(
            Line(
                letter=letter,
                points=tuple((point.threshold, getattr(point, name)) for point in routing.curve),
                colour=colour,
            )
            for letter, name, colour in named
        ),
        uprights=tuple(uprights),
    )


def reliability_plots(found: Evaluation) -> tuple[Plot, ...]:
    """How often pairs belong together where a scorer says that they do with a probability."""
    return tuple(_reliability(each) for each in found.calibration)


def _reliability(calibration: Calibration) -> Plot:
    full = [bar for bar in calibration.bins if bar.count]
    return Plot(
        title=f"{calibration.scorer}: expected calibration error {calibration.error:.3f}",
        across="predicted (o observed; the faint line is where it should be)",
        lines=(
            Line(letter="", points=((0.0, 0.0), (1.0, 1.0)), colour=FAINT),
            Line(
                letter="o",
                points=tuple((bar.predicted, bar.observed) for bar in full),
                colour="text-primary",
            ),
        ),
    )


def draw(plot: Plot, width: int, height: int, colours: Mapping[str, Rgb]) -> Text:
    """Draw a plot in so many cells."""
    from rich.text import Text
    from textual_plotext import Plot as Figure

    with _one_at_a_time:
        figure = Figure()
        figure.canvas_color(colours["background"])
        figure.axes_color(colours["background"])
        figure.ticks_color(colours[INK])
        figure.title(plot.title)
        figure.xlabel(plot.across)
        low, high = plot.bounds
        middle = (low + high) / 2
        figure.ylim(low, high)
        figure.yticks([low, middle, high], [_short(each) for each in (low, middle, high)])
        for line in plot.lines:
            xs, ys = [x for x, _ in line.points], [y for _, y in line.points]
            figure.plot(xs, ys, marker="braille", color=colours[line.colour])
        for number, (word, place) in enumerate(plot.uprights):
            figure.vline(place, colours[INK])
            figure.text(
                word,
                place,
                0.5 - number / 4,
                color=colours[INK],
                background=colours["background"],
                alignment=_side(place, plot),
            )
        for number, line in enumerate(plot.lines):
            if line.letter:
                some = lettered(line.points, number)
                xs, ys = [x for x, _ in some], [y for _, y in some]
                figure.scatter(xs, ys, marker=line.letter, color=colours[line.colour])
        # `plotsize` asks the terminal how large it is, which a widget is not.
        figure._set_size(width, height)
        return Text.from_ansi(figure.build())


def _short(value: float) -> str:
    """A value at an axis, without what goes without saying: 0, .5, 1, .412."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return text.removeprefix("0") or "0"


def _side(place: float, plot: Plot) -> Literal["left", "center", "right"]:
    """How a word stands at a place, so that neither edge cuts it."""
    xs = [x for line in plot.lines for x, _ in line.points]
    share = (place - min(xs)) / ((max(xs) - min(xs)) or 1.0)
    return "left" if share < EDGE else "right" if share > 1 - EDGE else "center"


def lettered(points: Sequence[tuple[float, float]], number: int) -> list[tuple[float, float]]:
    """The points of a line that get its letter; all, where they are few.

    Lines of another number have theirs elsewhere, so that they do not hide one another.
    """
    if len(points) <= 2 * LETTERS:
        return list(points)
    low, high = points[0][0], points[-1][0]
    places = [low + (high - low) * (i + (number + 1) / 4) / LETTERS for i in range(LETTERS)]
    return [min(points, key=lambda point: abs(point[0] - place)) for place in places]
