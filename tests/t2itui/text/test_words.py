"""Sizes, times and counts as people read them."""

import pytest

from t2itui.text.words import counted, duration_words, size_words, when_words


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (9_949, "9.9 KB"), (9_951, "10 KB"),
     (999_600, "1.0 MB"), (25_400_000, "25 MB"), (5e15, "5000 TB")],
)  # fmt: skip
def test_a_size_has_two_figures_where_it_matters(size: float, words: str) -> None:
    assert size_words(size) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0023, "2 ms"), (1.04, "1.0 s"), (12.3, "12 s"), (125, "2 min"), (5400, "1 h 30 min")],
)
def test_a_duration_is_rounded_as_far_as_it_matters(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


def test_one_picture_is_no_pictures() -> None:
    assert counted(1, "picture") == "1 picture"
    assert counted(1234, "picture") == "1,234 pictures"
    assert counted(2, "entry", "entries") == "2 entries"


def test_never_has_no_date() -> None:
    assert when_words(0) == ""
    assert when_words(1.7e9) == "2023-11-14 22:13"
