"""How a figure went over all evaluations of the same data: as a table, as text, and as a plot."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from engine.evaluation.over_time import MEASURES
from t2itui.text.plain import plain
from t2itui.text.plots import HEIGHT, WIDTH, Line, Plot, Series, series_lines
from t2itui.text.words import counted, when_words

if TYPE_CHECKING:
    from engine.evaluation.over_time import OverTime
    from t2itui.cli.support.output import Output


_COLOURS = ("text-primary", "text-success", "text-warning", "foreground")
_ROOM = 0.1
"""Part of what the values span that stays empty above and below."""


def write_trend(found: OverTime, measure: str, output: Output, *, with_plot: bool = True) -> None:
    """Write a figure of every scorer, an evaluation a line, and a plot where there are two."""
    if output.as_json:
        _write_records(found, measure, output)
        return
    scorers = list(found.series(measure))
    output.line(
        f"{plain(found.data)}: {found.texts:,} texts, {found.pictures:,} pictures;"
        f" {MEASURES[measure]}, {counted(len(found.moments), 'evaluation')}",
        bold=True,
    )
    rows = []
    for moment in found.moments:
        values = (moment.figures.get((scorer, measure)) for scorer in scorers)
        rows.append(
            (
                when_words(moment.created_at),
                str(moment.id),
                *("-" if value is None else f"{value:.3f}" for value in values),
                moment.match,
                moment.encoder,
            )
        )
    output.table(("time", "id", *scorers, "matcher", "encoder"), rows, left="time matcher")
    for line in _changes(found, measure):
        output.line(f"  {line}")
    for line in trend_lines(found, measure) if with_plot else ():
        output.line(f"  {line}")


def _write_records(found: OverTime, measure: str, output: Output) -> None:
    for moment in found.moments:
        for (scorer, name), value in moment.figures.items():
            if name == measure:
                values = {
                    "measure": measure,
                    "scorer": scorer,
                    "value": value,
                    "id": moment.id,
                    "created_at": moment.created_at,
                    "encoder": moment.encoder,
                    "match": moment.match,
                }
                output.record("trend", values)


def _changes(found: OverTime, measure: str) -> list[str]:
    """Of each scorer, the first figure, the last, and what lies between them."""
    return [
        f"{scorer}: {points[0][1]:.3f} to {points[-1][1]:.3f}"
        f" ({points[-1][1] - points[0][1]:+.3f}), least {min(v for _, v in points):.3f},"
        f" greatest {max(v for _, v in points):.3f}"
        for scorer, points in found.series(measure).items()
        if len(points) > 1
    ]


def trend_lines(found: OverTime, measure: str) -> list[str]:
    """The plot made of text; empty where there is nothing to draw a line between."""
    series = found.series(measure)
    times = [when for points in series.values() for when, _ in points]
    if len(set(times)) < 2:
        return []
    first, last = min(times), max(times)
    return series_lines(
        [
            Series(mark=_letter(name), points=[(when - first, value) for when, value in points])
            for name, points in series.items()
        ],
        title=f"{MEASURES[measure]}: {_letters(series)}",
        end=last - first,
        width=WIDTH,
        height=HEIGHT + 2,
        ends=(when_words(first), when_words(last)),
    )


def trend_plot(found: OverTime, measure: str) -> Plot | None:
    """The plot to be drawn; None where there is nothing to draw a line between."""
    series = found.series(measure)
    times = [when for points in series.values() for when, _ in points]
    values = [value for points in series.values() for _, value in points]
    if len(set(times)) < 2:
        return None
    first, last = min(times), max(times)
    room = _ROOM * (max(values) - min(values)) or _ROOM
    return Plot(
        title=MEASURES[measure],
        across=f"time ({_letters(series)})",
        lines=tuple(
            Line(letter=_letter(name), points=tuple(points), colour=colour)
            for (name, points), colour in zip(series.items(), _COLOURS, strict=False)
        ),
        bounds=(min(values) - room, max(values) + room),
        ticks=tuple((_tick(when, last - first), when) for when in (first, last)),
    )


def _letter(scorer: str) -> str:
    return scorer[0]


def _letters(scorers: dict[str, list[tuple[float, float]]]) -> str:
    return ", ".join(f"{_letter(name)} {name}" for name in scorers)


def _tick(when: float, span: float) -> str:
    """A day, or the time of the day where there is one day only."""
    is_short = span < 24 * 3600
    return datetime.fromtimestamp(when).strftime("%H:%M" if is_short else "%Y-%m-%d")
