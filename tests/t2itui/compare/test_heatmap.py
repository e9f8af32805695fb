"""What the heatmap draws of a comparison, and where."""

from dataclasses import replace

import pytest

from engine.comparing.comparison import Comparison, Description, DescriptionScores, PictureScores
from engine.states import ScorerKind
from t2itui.screens.compare.heatmap import GUTTER, FieldKind, first_in_sight, lay_out
from t2itui.text.heat_table import HeatTable, change_words, digits

LINES = (
    Description(text="a", pair=1),
    Description(text="b", pair=1),
    Description(text="c"),
    Description(text="new"),
)


def row(text: str, *cosines: float) -> DescriptionScores:
    cells = tuple(
        PictureScores(
            cosine=cosine,
            match=1 - cosine,
            cosine_rank=3,
            match_rank=4,
            cosine_change=None,
            match_change=-0.0001,
        )
        for cosine in cosines
    )
    return DescriptionScores(
        text=text, pair=None, language="en", added="", tokens=3, lost="", cells=cells
    )


def comparison(pictures: int) -> Comparison:
    rows = tuple(
        row(text, *(start + 0.1 * number for number in range(pictures)))
        for text, start in (("a", 0.1), ("b", 0.3), ("c", 0.2))
    )
    names = tuple(f"{number}.jpg" for number in range(pictures))
    return Comparison(pictures=names, encoder="e", match="m", library=9, rows=rows)


def test_one_picture_has_a_column_for_each_scorer_coloured_from_lowest_to_highest() -> None:
    table = HeatTable.of(LINES, ("0.jpg",), (comparison(1),), ScorerKind.COSINE)
    assert table.columns == ("match", "cosine")
    shares = [[round(heat.share, 2) for heat in each.heats if heat] for each in table.rows[:3]]
    assert shares == [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]
    assert table.rows[3].heats == (None, None), "a line that was not scored yet"


def test_a_score_that_is_both_lowest_and_highest_has_a_colour_between() -> None:
    found = comparison(1)
    alone = Comparison(
        pictures=found.pictures, encoder="e", match="m", library=9, rows=found.rows[:1]
    )
    (only,) = HeatTable.of(LINES[:1], found.pictures, (alone,), ScorerKind.MATCH).rows
    assert [heat.share for heat in only.heats if heat] == [0.5, 0.5]


def test_several_pictures_have_a_column_each_under_the_chosen_scorer() -> None:
    found = comparison(3)
    for scorer, lowest in ((ScorerKind.COSINE, 0.1), (ScorerKind.MATCH, 0.9)):
        table = HeatTable.of(LINES, found.pictures, (found,), scorer)
        assert table.columns == ("0.jpg", "1.jpg", "2.jpg")
        first = table.rows[0].heats[0]
        assert first is not None
        assert first.score == pytest.approx(lowest)
        assert first.share == pytest.approx(0.0 if scorer is ScorerKind.COSINE else 1.0)


def test_under_several_encoders_each_picture_has_a_column_of_each() -> None:
    one, other = (
        comparison(2),
        replace(comparison(2), encoder="x/other@1", rows=comparison(2).rows[:2]),
    )
    table = HeatTable.of(LINES, one.pictures, (one, other), ScorerKind.COSINE, ("x/e", "x/other@1"))
    assert table.columns == ("0.jpg e", "0.jpg other", "1.jpg e", "1.jpg other")
    heats = [[heat and (round(heat.score, 2), heat.share) for heat in each.heats]
             for each in table.rows]  # fmt: skip
    assert [heat and heat[0] for heat in heats[0]] == [0.1, 0.1, 0.2, 0.2]
    assert heats[1][3] == (0.4, 1.0), "cosines are coloured by their own encoder's"
    assert heats[2][1] is None and heats[2][0] is not None, "not scored by the other one yet"
    alone = HeatTable.of(LINES, ("0.jpg",), (), ScorerKind.MATCH, ("a/e", "b/e"))
    assert alone.columns == ("a/e", "b/e"), "whole names where the short ones are the same"
    assert not alone.is_single and alone.rows[0].heats == (None, None)


def test_match_has_one_scale_under_all_encoders() -> None:
    one = comparison(1)
    low = replace(one, encoder="x", rows=tuple(row(each.text, 0.9) for each in one.rows))
    table = HeatTable.of(LINES[:3], one.pictures, (one, low), ScorerKind.MATCH, ("e", "x"))
    shares = [[round(heat.share, 2) for heat in each.heats if heat] for each in table.rows]
    assert shares == [[1.0, 0.0], [0.75, 0.0], [0.88, 0.0]]


def test_scores_of_other_pictures_are_not_shown() -> None:
    table = HeatTable.of(LINES, ("other.jpg",), (comparison(1),), ScorerKind.MATCH)
    assert all(each.heats == (None, None) for each in table.rows)


def test_pairs_are_joined_in_the_margin() -> None:
    table = HeatTable.of(LINES, ("0.jpg",), (), ScorerKind.MATCH)
    assert [each.mark for each in table.rows] == ["╭", "╰", "", ""]


@pytest.mark.parametrize(
    ("score", "words"),
    [(0.3424, ".342"), (0.9999, ".999"), (1.0, "1.00"), (-0.0123, "-.012"), (0.0, ".000")],
)
def test_a_score_has_three_digits_and_is_1_only_when_it_is(score: float, words: str) -> None:
    assert digits(score) == words


@pytest.mark.parametrize(
    ("change", "words"),
    [(None, ""), (0.0401, "+.040"), (-0.5, "-.500"), (0.0001, "="), (-0.0001, "=")],
)
def test_a_change_has_its_sign(change: float | None, words: str) -> None:
    assert change_words(change) == words


@pytest.mark.parametrize("width", [36, 60, 80, 101, 200])
@pytest.mark.parametrize("pictures", [1, 2, 30])
def test_the_fields_fill_the_width_and_do_not_overlap(width: int, pictures: int) -> None:
    names = tuple(f"{number}.jpg" for number in range(pictures))
    fields = lay_out(HeatTable.of(LINES, names, (), ScorerKind.MATCH), width)
    assert fields[0].x == GUTTER
    assert all(field.width > 0 for field in fields)
    ends = [field.x + field.width for field in fields]
    assert [field.x for field in fields[1:]] == ends[:-1]
    assert ends[-1] == width
    assert (fields[1].kind is FieldKind.ADDED) == (width >= 100)


def test_the_picture_under_the_cursor_comes_into_sight() -> None:
    names = tuple(f"{number}.jpg" for number in range(30))
    table = HeatTable.of(LINES, names, (), ScorerKind.MATCH)
    first = 0
    for column in (0, 5, 29, 28, 10, 0):
        first = first_in_sight(table, 80, first, column)
        shown = [each.column for each in lay_out(table, 80, first) if each.kind is FieldKind.HEAT]
        assert column in shown
        assert len(shown) == 4
