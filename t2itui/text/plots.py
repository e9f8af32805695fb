"""Plots of evaluations and trainings: what is in them, and drawing them with characters.

Each line has a letter of its own beside its colour. In colours lines are fine dots with their
letters along them; without colours, for pipes and screens of text, they are made of their letters.
The import of the library takes a tenth of a second: screens call `draw` on a thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import floor, log10
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeAlias

from engine.states import Direction

if TYPE_CHECKING:
    from rich.text import Text

    from engine.evaluation.results import (
        CalibrationFigures,
        RetrievalFigures,
        RoutingFigures,
        SizeCurve,
    )
    from engine.scoring.resampling import Interval

Rgb: TypeAlias = tuple[int, int, int]
Points: TypeAlias = Sequence[tuple[float, float]]

INK, FAINT = "foreground", "foreground-muted"
COLOURS = (INK, FAINT, "text-primary", "text-success", "text-warning")
"""Names of the theme's colours that lines and words have."""
LETTERS = 7
"""So many letters stand along a line."""
EDGE = 0.1
"""Part of the width at either side where words stand beside their position."""
LEAST_SPAN = 0.02
"""Of values that are nearly the same the axis shows so much, lest noise look like news."""
AXIS = 8
"""Cells of the values at the left and of the frame."""
WIDTH, HEIGHT = 72, 14
"""Of a plot in a pipe."""

# plotext has one figure for the whole program.
_one_at_a_time = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
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
    curves: tuple[Curve, ...]
    across: str = ""
    """What the horizontal axis counts; empty where the title says it."""
    uprights: tuple[tuple[str, float], ...] = ()
    """Vertical lines: a word, and where."""
    bounds: tuple[float, float] = (0.0, 1.0)
    """The least and the greatest value there is room for."""
    end: float | None = None
    """Where the horizontal axis ends, if it begins at 0; else it spans what there is."""
    ticks: tuple[tuple[float, str], ...] = ()
    """Where the horizontal axis has words; none for numbers of its own."""


def routing_plot(routing: RoutingFigures) -> Plot | None:
    """Precision, recall and accuracy of a scorer over all thresholds, the best one marked."""
    if len(routing.curve) < 2:
        return None
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
        curves=tuple(
            Curve(
                letter=letter,
                points=tuple((point.threshold, getattr(point, name)) for point in routing.curve),
                colour=colour,
            )
            for letter, name, colour in named
        ),
        uprights=tuple(uprights),
    )


def routing_plots(routings: Sequence[RoutingFigures]) -> tuple[Plot, ...]:
    """The curves of each scorer that has any."""
    plots = (routing_plot(each) for each in routings)
    return tuple(plot for plot in plots if plot is not None)


def size_plots(curves: Sequence[SizeCurve]) -> tuple[Plot, ...]:
    """Balanced accuracy by library size, of all scorers, and both rates of the last one.

    The sizes are as far from one another as their logarithms; one alone makes no curve.
    """
    shown = [each for each in curves if len(each.points) > 1]
    if not shown:
        return ()
    letters = _letters([each.scorer for each in shown])
    named = ", ".join(f"{key} {each.scorer}" for key, each in zip(letters, shown, strict=True))
    last = shown[-1]
    lines = [
        (letter, [point.balanced for point in each.points], colour)
        for letter, each, colour in zip(letters, shown, cycle(_SCORER_COLOURS), strict=False)
    ]
    rates = [
        ("p", [point.retrieved for point in last.points], "text-success"),
        ("a", [point.generated for point in last.points], "text-warning"),
    ]
    return (
        _by_size("balanced accuracy by library size", named, lines, last),
        _by_size(f"{last.scorer}: routed right", "p present, a absent", rates, last),
    )


_SCORER_COLOURS = ("text-primary", "text-success", "text-warning")


def _by_size(
    title: str,
    named: str,
    lines: Sequence[tuple[str, Sequence[Interval], str]],
    curve: SizeCurve,
) -> Plot:
    across = [log10(point.pictures) for point in curve.points]
    values = [interval.value for _, intervals, _ in lines for interval in intervals]
    return Plot(
        title=title,
        across=f"pictures ({named})",
        curves=tuple(
            Curve(
                letter=letter,
                points=tuple((x, each.value) for x, each in zip(across, intervals, strict=True)),
                colour=colour,
            )
            for letter, intervals, colour in lines
        ),
        bounds=(_floor(min(values)), 1.0),
        ticks=tuple(
            (x, f"{point.pictures:,}") for x, point in zip(across, curve.points, strict=True)
        ),
    )


def precision_recall_plots(retrieval: Sequence[RetrievalFigures]) -> tuple[Plot, ...]:
    """Interpolated precision by recall of all scorers, for each direction that has curves."""
    plots = []
    for direction in dict.fromkeys(each.direction for each in retrieval):
        shown = [each for each in retrieval if each.direction == direction and each.curve]
        letters = _letters([each.scorer for each in shown])
        named = ", ".join(f"{key} {each.scorer}" for key, each in zip(letters, shown, strict=True))
        curves = tuple(
            Curve(letter=letter, points=each.curve_points, colour=colour)
            for letter, each, colour in zip(letters, shown, cycle(_SCORER_COLOURS), strict=False)
        )
        if curves:
            title = f"{Direction(direction).words}: precision by recall"
            least = min(value for each in shown for value in each.curve)
            bounds = (_floor(least), 1.0)
            across = f"recall ({named})"
            plots.append(Plot(title=title, across=across, curves=curves, bounds=bounds))
    return tuple(plots)


def _floor(least: float) -> float:
    """Where an axis that ends at 1 begins, for values from `least` on."""
    return min(0.9, floor(10 * least) / 10)


def _letters(names: Sequence[str]) -> list[str]:
    """A letter for each name: its first one that none before it has."""
    taken: list[str] = []
    for name in names:
        free = (each for each in name if each.isalpha() and each not in taken)
        taken.append(next(free, str(len(taken) % 10)))
    return taken


def reliability_plot(calibration: CalibrationFigures) -> Plot:
    """How often pairs belong together where a scorer says that they do with a probability."""
    full = [bar for bar in calibration.bins if bar.count]
    return Plot(
        title=f"{calibration.scorer}: expected calibration error {calibration.error:.3f}",
        across="predicted (o observed; the faint line is where it should be)",
        curves=(
            Curve(letter="", points=((0.0, 0.0), (1.0, 1.0)), colour=FAINT),
            Curve(
                letter="o",
                points=tuple((bar.predicted, bar.observed) for bar in full),
                colour="text-primary",
            ),
        ),
    )


def loss_plot(losses: Points, steps: float) -> Plot:
    """The loss of a training over its steps."""
    return _over_steps("l loss", {"l": (losses, "text-warning")}, steps)


def validation_plot(precisions: Points, recalls: Points, steps: float) -> Plot:
    """The figures that a training watches, over its steps."""
    curves = {"r": (recalls, "text-primary"), "m": (precisions, "text-success")}
    return _over_steps("validation: m mAP, r recall@1", curves, steps)


def _over_steps(title: str, curves: Mapping[str, tuple[Points, str]], steps: float) -> Plot:
    values = [value for points, _ in curves.values() for _, value in points]
    return Plot(
        title=title,
        curves=tuple(
            Curve(letter=letter, points=tuple(points), colour=colour)
            for letter, (points, colour) in curves.items()
        ),
        bounds=_bounds(values) if values else (0.0, 1.0),
        end=steps or 1.0,
    )


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """The least and the greatest value, apart from one another where all are the same."""
    low, high = min(values), max(values)
    room = max(0.0, LEAST_SPAN - (high - low)) / 2
    return low - room, high + room


def draw(plot: Plot, width: int, height: int, colours: Mapping[str, Rgb] | None) -> Text:
    """Draw a plot in so many cells; without colours its lines are made of letters."""
    from rich.text import Text

    if colours is None:
        return Text("\n".join(plot_lines(plot, width, height)))
    return Text.from_ansi(_build(plot, width, height, colours))


def plot_lines(plot: Plot, width: int = WIDTH, height: int = HEIGHT) -> list[str]:
    """Draw a plot in ASCII, as pipes and screen readers take it."""
    from plotext import uncolorize

    built = uncolorize(_build(plot, width, height, None))
    return [line.rstrip() for line in built.splitlines()]


def _build(plot: Plot, width: int, height: int, colours: Mapping[str, Rgb] | None) -> str:
    import plotext

    with _one_at_a_time:
        plotext.clear_figure()
        # The figure is as large as it is told to be, whatever terminal there is.
        plotext.limit_size(False, False)
        plotext.plot_size(width, height)
        # Words that are wider than the lines' own room would be left out.
        plotext.title(plot.title[: width - AXIS])
        if plot.across:
            plotext.xlabel(plot.across[: width - AXIS])
        if plot.end is not None:
            plotext.xlim(0, plot.end)
            plotext.xticks([0, plot.end], ["0", f"{plot.end:,.0f}"])
        if plot.ticks:
            plotext.xticks([x for x, _ in plot.ticks], [words for _, words in plot.ticks])
        low, high = plot.bounds
        middle = (low + high) / 2
        plotext.ylim(low, high)
        plotext.yticks([low, middle, high], [_short(each) for each in (low, middle, high)])
        if colours is None:
            _draw_letters(plot)
        else:
            _draw_dots(plot, colours)
        return str(plotext.build())


def _draw_letters(plot: Plot) -> None:
    import plotext

    plotext.theme("clear")
    plotext.frame(False)
    low, high = plot.bounds
    for _, position in plot.uprights:
        plotext.plot([position, position], [low, high], marker="|")
    for curve in plot.curves:
        plotext.plot(*_axes(curve.points), marker=curve.letter or ".")


def _draw_dots(plot: Plot, colours: Mapping[str, Rgb]) -> None:
    import plotext

    ground = colours["background"]
    plotext.canvas_color(ground)
    plotext.axes_color(ground)
    plotext.ticks_color(colours[INK])
    for curve in plot.curves:
        plotext.plot(*_axes(curve.points), marker="braille", color=colours[curve.colour])
    low, high = plot.bounds
    for number, (word, position) in enumerate(plot.uprights):
        plotext.vline(position, colours[INK])
        plotext.text(
            word,
            position,
            (low + high) / 2 - number * (high - low) / 4,
            color=colours[INK],
            background=ground,
            alignment=_side(position, plot),
        )
    for number, curve in enumerate(plot.curves):
        if curve.letter:
            some = lettered(curve.points, number)
            plotext.scatter(*_axes(some), marker=curve.letter, color=colours[curve.colour])


def _axes(points: Points) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _short(value: float) -> str:
    """A value at an axis, without what goes without saying: 0, .5, 1, .412."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return text.removeprefix("0") or "0"


def _side(position: float, plot: Plot) -> Literal["left", "center", "right"]:
    """How a word stands at a position, so that neither edge cuts it."""
    xs = [x for curve in plot.curves for x, _ in curve.points]
    share = (position - min(xs)) / ((max(xs) - min(xs)) or 1.0)
    return "left" if share < EDGE else "right" if share > 1 - EDGE else "center"


def lettered(points: Points, number: int) -> list[tuple[float, float]]:
    """The points of a line that get its letter; all, where they are few.

    Lines of another number have theirs elsewhere, so that they do not hide one another.
    """
    if len(points) <= 2 * LETTERS:
        return list(points)
    low, high = points[0][0], points[-1][0]
    positions = [low + (high - low) * (i + (number + 1) / 4) / LETTERS for i in range(LETTERS)]
    return [min(points, key=lambda point: abs(point[0] - position)) for position in positions]
