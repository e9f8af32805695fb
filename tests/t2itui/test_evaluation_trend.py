"""How figures over time are told: as a table, as text, as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.evaluation.over_time import MEASURES, OverTime, over_time
from t2itui.cli.eval import _MEASURES
from t2itui.text.rich_output import Written
from t2itui.text.trend import trend_lines, trend_plot, write_trend
from tests.t2itui.made_up_evaluations import EVIL, evaluation

DAY = 24 * 3600.0


def made(matches: Sequence[float], *, apart: float = DAY) -> OverTime:
    """Evaluations a day apart whose match finds so many."""
    found = [
        replace(evaluation(number, cosine=0.4, match=match), created_at=1.7e9 + number * apart)
        for number, match in enumerate(matches, 1)
    ]
    return over_time(found[0], found)


def test_the_command_line_offers_every_figure() -> None:
    assert tuple(MEASURES) == _MEASURES


def test_the_table_has_a_line_for_each_evaluation_and_says_what_changed() -> None:
    written = Written()
    write_trend(made([0.5, 0.8, 0.7]), "r@1", written)
    lines = written.content.plain.splitlines()
    assert lines[0].endswith("text -> picture, r@1, 3 evaluations")
    assert [line.split()[2:5] for line in lines[2:5]] == [
        ["1", "0.400", "0.500"],
        ["2", "0.400", "0.800"],
        ["3", "0.400", "0.700"],
    ]
    assert "match: 0.500 to 0.700 (+0.200), least 0.500, greatest 0.800" in written.content.plain
    assert "c cosine, m match" in written.content.plain


def test_a_scorer_that_was_not_asked_at_some_time_leaves_a_gap() -> None:
    first, last = evaluation(1), evaluation(2)
    first = replace(first, retrieval=first.retrieval[:2])
    written = Written()
    write_trend(over_time(last, [first]), "r@1", written)
    assert written.content.plain.splitlines()[2].split()[2:5] == ["1", "0.412", "-"]


def test_the_plot_made_of_text_goes_from_the_first_day_to_the_last() -> None:
    lines = trend_lines(made([0.5, 0.8]), "r@1")
    assert lines[-1].split() == ["2023-11-15", "22:13", "2023-11-16", "22:13"]
    rows = lines[1:-1]
    assert [next(y for y, row in enumerate(rows) if mark in row) for mark in "mc"] == [0, 8]
    assert rows[0].rindex("m") > rows[6].rindex("m"), "it rises to the right"


def test_the_drawn_plot_has_room_around_what_was_measured_and_days_below() -> None:
    plot = trend_plot(made([0.5, 0.8]), "median-rank")
    assert plot is not None
    assert plot.bounds[0] < 2.0 < plot.bounds[1]
    assert [word for word, _ in plot.ticks] == ["2023-11-15", "2023-11-16"]
    plot = trend_plot(made([0.5, 0.8], apart=3600), "r@1")
    assert plot is not None
    assert [(line.letter, [value for _, value in line.points]) for line in plot.lines] == [
        ("c", [0.4, 0.4]),
        ("m", [0.5, 0.8]),
    ]
    assert all(len(word) == len("23:13") for word, _ in plot.ticks)


def test_a_single_evaluation_is_a_table_without_a_plot() -> None:
    assert trend_plot(made([0.5]), "r@1") is None
    assert trend_lines(made([0.5]), "r@1") == []


def test_untrusted_names_are_made_harmless() -> None:
    found = replace(evaluation(1, f"data{EVIL}"), encoder=EVIL, match=EVIL)
    written = Written()
    write_trend(over_time(found, []), "r@1", written)
    assert "\x1b" not in written.content.plain
