"""The plots of an evaluation: what is in them, and drawing them with the characters of a cell.

Each line has a letter of its own beside its colour. Drawing takes tens of milliseconds, and so does
the import of the library: call `draw` on a thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from rich.text import Text

    from engine.evaluation.results import Calibration, Evaluation, Routing

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
    ticks: tuple[tuple[str, float], ...] = ()
    """Words under the horizontal axis, and where; numbers, where there are none."""


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
        if plot.ticks:
            figure.xticks([place for _, place in plot.ticks], [word for word, _ in plot.ticks])
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
