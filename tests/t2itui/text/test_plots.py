"""What plots hold, and that they can be read without colours and in a pipe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from t2itui.text.plots import (
    COLOURS,
    Plot,
    draw,
    lettered,
    loss_plot,
    plot_lines,
    precision_recall_plots,
    reliability_plot,
    routing_plots,
    size_plots,
    validation_plot,
)
from tests.t2itui.made_up_evaluations import evaluation

RGB = dict.fromkeys((*COLOURS, "background"), (9, 9, 9))
FALLING = [(0.0, 1.0), (50.0, 0.5), (100.0, 0.0)]


def marked(lines: list[str], letter: str) -> list[tuple[int, int]]:
    """Lines and columns of a letter between title and axis."""
    return [
        (y, x) for y, line in enumerate(lines[1:-1]) for x in range(len(line)) if line[x] == letter
    ]


def test_a_line_in_a_pipe_has_no_holes_and_goes_from_its_first_value_to_its_last() -> None:
    lines = plot_lines(loss_plot(FALLING, 100), width=40, height=9)
    assert lines[0].strip() == "l loss"
    assert [line[:2].strip() for line in (lines[1], lines[4], lines[7])] == ["1", ".5", "0"]
    points = marked(lines, "l")
    columns = {x for _, x in points}
    assert columns == set(range(min(columns), 40)), "the line has no holes"
    rows = {x: y for y, x in points}
    assert rows[min(columns)] < rows[39]
    assert lines[-1].split() == ["0", "100"]
    assert all(len(line) <= 40 and line.isascii() for line in lines)


def test_the_axis_goes_on_to_the_last_step_where_a_training_is_not_there_yet() -> None:
    lines = plot_lines(loss_plot(FALLING, 400), width=60, height=9)
    assert max(x for _, x in marked(lines, "l")) < 30
    assert lines[-1].split()[-1] == "400"


def test_values_that_are_all_the_same_lie_in_the_middle() -> None:
    plot = validation_plot([(1.0, 0.7)], [(1.0, 0.7), (2.0, 0.7)], 10)
    assert plot.bounds == pytest.approx((0.69, 0.71))
    assert validation_plot([], [], 0).bounds == (0.0, 1.0)
    assert plot_lines(validation_plot([], [], 0), width=40, height=9)[0].strip().startswith("valid")


@pytest.mark.parametrize("size", [(24, 7), (64, 12), (100, 16)])
def test_a_plot_is_as_large_as_it_is_told_to_be_in_colours_and_without(
    size: tuple[int, int],
) -> None:
    found = evaluation(1)
    for plot in (*routing_plots(found.routing), reliability_plot(found.calibration[0])):
        for colours in (RGB, None):
            lines = draw(plot, *size, colours).plain.splitlines()
            assert len(lines) == size[1]
            assert max(map(len, lines)) <= size[0]
            assert plot.title[:10] in lines[0]


def test_the_best_threshold_and_the_one_that_is_set_are_marked() -> None:
    plot = routing_plots(evaluation(1).routing)[1]
    assert dict(plot.uprights) == {"best": 0.93, "set": 0.5}
    drawn = draw(plot, 80, 14, RGB).plain
    assert "best" in drawn and "set" in drawn
    assert "|" in "".join(plot_lines(plot))


def test_letters_along_a_line_are_few_and_differ_from_those_of_the_next_line() -> None:
    points = [(float(x), 0.0) for x in range(100)]
    first, second = lettered(points, 0), lettered(points, 1)
    assert len(first) == 7 and not set(first) & set(second)
    assert lettered(points[:5], 0) == points[:5]


def test_one_plot_leaves_nothing_behind_for_the_next() -> None:
    plot = Plot(title="x", curves=loss_plot(FALLING, 100).curves)
    before = plot_lines(plot)
    draw(routing_plots(evaluation(1).routing)[0], 60, 12, RGB)
    assert plot_lines(plot) == before


def test_library_sizes_are_named_where_they_are_and_each_scorer_has_its_letter() -> None:
    accuracy, rates = size_plots(evaluation(1).by_size)
    lines = plot_lines(accuracy, width=60, height=12)
    assert lines[-2].split() == ["100", "300", "600", "1,000"]
    assert "l label-free, m match" in lines[-1]
    above, below = marked(lines[:-1], "m"), marked(lines[:-1], "l")
    assert min(y for y, _ in above) < min(y for y, _ in below), "match is the better one here"
    columns = [line.find("300") for line in lines[-2:-1]]
    assert 20 < columns[0] < 36, "sizes stand apart as their logarithms do"
    assert accuracy.bounds == (0.8, 1.0)
    assert rates.title == "match: routed right"
    assert [curve.letter for curve in rates.curves] == ["p", "a"]


def test_one_size_makes_no_curve() -> None:
    (first, *_) = evaluation(1).by_size
    assert size_plots([replace(first, points=first.points[:1])]) == ()


def test_scorers_that_begin_alike_have_letters_of_their_own() -> None:
    there = evaluation(1).retrieval[0]
    some = [replace(there, scorer=name) for name in ("match", "maxsim", "matcher", "mm")]
    (plot,) = precision_recall_plots(some)
    assert [curve.letter for curve in plot.curves] == ["m", "a", "t", "3"]
    assert plot.across == "recall (m match, a maxsim, t matcher, 3 mm)"
    assert plot.curves[0].points[-1] == (1.0, there.curve[-1])
    assert plot.bounds[0] == pytest.approx(0.4)
