"""Descriptions are written, moved and deleted; pairs stay together in all of it."""

import pytest

from engine.comparing.sheet import Line
from t2itui.screens.compare import editing as edits


def lines(words: str) -> tuple[Line, ...]:
    """`a1 b1 c` is a pair of a and b, and c alone."""
    return tuple(
        Line(text=word[0], pair=int(word[1:]) if word[1:] else None) for word in words.split()
    )


def words(found: tuple[Line, ...]) -> str:
    return " ".join(f"{line.text}{line.pair or ''}" for line in found)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a b c", "a b c"),
        ("a1 b c1", "a1 c1 b"),
        ("a1 b", "a b"),
        ("a1 b2 c1 d2", "a1 c1 b2 d2"),
        ("a1 b1 c1", "a1 b1 c1"),
    ],
)
def test_the_lines_of_a_pair_come_together_and_a_lone_one_is_no_pair(
    before: str, after: str
) -> None:
    assert words(edits.tidy(lines(before))) == after


@pytest.mark.parametrize(
    ("before", "place", "by", "after", "now"),
    [
        ("a b c", 0, 1, "b a c", 1),
        ("a b c", 0, -1, "a b c", 0),
        ("a b c", 2, 1, "a b c", 2),
        ("a b1 c1 d", 2, -1, "b1 c1 a d", 1),
        ("a b1 c1 d", 1, 1, "a d b1 c1", 2),
        ("a b1 c1 d", 0, 1, "b1 c1 a d", 2),
        ("a1 b1 c2 d2", 3, -1, "c2 d2 a1 b1", 1),
    ],
)
def test_a_line_moves_with_its_pair_past_whole_pairs(
    before: str, place: int, by: int, after: str, now: int
) -> None:
    found, at = edits.moved(lines(before), place, by)
    assert (words(found), at) == (after, now)
    assert found[at] == lines(before)[place]


def test_a_line_is_added_below_the_pair_under_the_cursor() -> None:
    new = Line(text="n")
    for before, place, after, at in (
        ("", 0, "n", 0),
        ("a b", 0, "a n b", 1),
        ("a1 b1 c", 0, "a1 b1 n c", 2),
    ):
        found, now = edits.added(lines(before), place, new)
        assert (words(found), now) == (after, at)


def test_a_pair_is_made_and_unmade() -> None:
    found, at = edits.paired(lines("a4 b4 c d"), 2, Line(text="n"))
    assert (words(found), at) == ("a4 b4 c5 n5 d", 3)
    assert words(edits.removed(found, 2)) == "a4 b4 n d"
    assert words(edits.changed(found, 0, "x")) == "x4 b4 c5 n5 d"
