"""The words in a picture's place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from t2itui.graphics.art import SYMBOLS, Reason, frame


@given(
    alt=st.text(max_size=200),
    reason=st.sampled_from(list(SYMBOLS)),
    columns=st.integers(1, 60),
    rows=st.integers(1, 30),
    dim=st.booleans(),
)
def test_the_words_always_fill_the_place_exactly(
    alt: str, reason: Reason, columns: int, rows: int, dim: bool
) -> None:
    lines = frame(alt, reason, columns, rows, dim=dim)
    assert [cell_len(line) for line in lines] == [columns] * rows


def test_long_words_are_cut_with_an_ellipsis() -> None:
    text = "\n".join(frame("a dog " * 50, Reason.BROKEN, 20, 6, dim=False))
    assert "✗" in text
    assert "…" in text


def test_chinese_is_wrapped_by_its_width() -> None:
    lines = frame("一只棕色的狗在草地上奔跑", Reason.MISSING, 14, 8, dim=False)
    assert "".join(line.strip("│ ") for line in lines[1:-1]).startswith("∅一只棕色的狗")


@pytest.mark.parametrize("rows", [1, 2])
def test_a_low_place_has_symbol_and_words_without_a_box(rows: int) -> None:
    lines = frame("a dog", Reason.BROKEN, 20, rows, dim=False)
    assert "✗" in "".join(lines)
    assert "a dog" in "".join(lines)
    assert "─" not in "".join(lines)


def test_a_dim_picture_has_a_broken_line_around_it() -> None:
    assert frame("a dog", Reason.TEXT, 20, 6, dim=False)[0][1] == "─"
    assert frame("a dog", Reason.TEXT, 20, 6, dim=True)[0][1] == "┄"
