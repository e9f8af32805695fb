"""Descriptions are written, moved, deleted and had back; pairs stay together in all of it."""

import pytest

from engine.comparing.comparison import ComparisonRequest, Description
from t2itui.screens.compare import editing as edits


def lines(words: str) -> tuple[Description, ...]:
    """`a1 b1 c` is a pair of a and b, and c alone."""
    return tuple(
        Description(text=word[0], pair=int(word[1:]) if word[1:] else None)
        for word in words.split()
    )


def words(found: tuple[Description, ...]) -> str:
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
    ("before", "index", "by", "after", "now"),
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
    before: str, index: int, by: int, after: str, now: int
) -> None:
    found, at = edits.moved(lines(before), index, by)
    assert (words(found), at) == (after, now)
    assert found[at] == lines(before)[index]


def test_a_line_is_added_below_the_pair_under_the_cursor() -> None:
    new = Description(text="n")
    for before, index, after, at in (
        ("", 0, "n", 0),
        ("a b", 0, "a n b", 1),
        ("a1 b1 c", 0, "a1 b1 n c", 2),
    ):
        found, now = edits.added(lines(before), index, new)
        assert (words(found), now) == (after, at)


def test_a_pair_is_made_and_unmade() -> None:
    found, at = edits.paired(lines("a4 b4 c d"), 2, Description(text="n"))
    assert (words(found), at) == ("a4 b4 c5 n5 d", 3)
    assert words(edits.removed(found, 2)) == "a4 b4 n d"
    assert words(edits.changed(found, 0, "x")) == "x4 b4 c5 n5 d"


def editing(found: str, pictures: tuple[str, ...] = ("a.jpg",)) -> edits.ComparisonEditor:
    """An editor of a comparison that was not empty from the start."""
    editor = edits.ComparisonEditor()
    assert editor.take(ComparisonRequest(pictures=pictures, lines=lines(found)))
    return editor


def test_what_is_written_is_tidied_and_can_be_undone_step_by_step() -> None:
    editor = edits.ComparisonEditor()
    assert editor.is_empty and not editor.can_undo and not editor.undo()
    editor.add(0)
    assert not editor.is_empty and editor.draft_index == 0
    assert editor.finish("  a   horse ")
    editor.pair(0)
    assert words(editor.lines) == "a horse1 1" and editor.draft_index == 1
    assert editor.finish("马")
    assert editor.has_pair(0) and editor.draft_index is None
    assert editor.undo()
    assert [line.text for line in editor.request.lines] == ["a horse"]
    assert editor.undo() and editor.is_empty and not editor.undo()


@pytest.mark.parametrize(
    ("text", "after"), [(None, "a b"), ("  ", "b"), ("c", "c b"), ("a", "a b")]
)
def test_a_description_is_left_as_it_was_or_goes_without_words(
    text: str | None, after: str
) -> None:
    editor = editing("a b")
    editor.edit(0)
    assert editor.finish(text) is (after != "a b")
    assert words(editor.request.lines) == after


def test_a_new_description_that_is_left_again_is_none() -> None:
    editor = editing("a")
    editor.add(0)
    assert words(editor.lines) == "a "
    assert not editor.finish(None)
    assert words(editor.lines) == "a" and editor.draft_index is None
    assert not editor.finish("late"), "nothing is being written"


def test_a_second_pair_or_one_of_nothing_is_not_begun() -> None:
    editor = editing("a1 b1 c")
    editor.pair(0)
    assert editor.draft_index is None
    empty = edits.ComparisonEditor()
    empty.edit(0)
    empty.pair(0)
    assert empty.draft_index is None and not empty.delete(0) and empty.move(0, 1) is None


def test_lines_and_pictures_come_and_go() -> None:
    editor = editing("a b c")
    assert editor.move(0, 1) == 1 and words(editor.request.lines) == "b a c"
    assert editor.move(0, -1) is None, "it stands first"
    assert editor.delete(2) and words(editor.request.lines) == "b a"
    assert editor.add_picture("b.jpg") and not editor.add_picture("b.jpg")
    assert editor.drop_picture(0) and editor.request.pictures == ("b.jpg",)
    assert editor.drop_picture(0) and not editor.drop_picture(0)
    for _ in range(5):
        assert editor.undo()
    assert words(editor.request.lines) == "a b c" and editor.request.pictures == ("a.jpg",)


def test_only_so_many_changes_are_remembered() -> None:
    editor = editing("a")
    for number in range(2 * edits.MOST_UNDONE):
        editor.edit(0)
        assert editor.finish(f"text {number}")
    undone = sum(editor.undo() for _ in range(3 * edits.MOST_UNDONE))
    assert undone == edits.MOST_UNDONE
