"""Text from outside, made safe to draw."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from t2itui.text.plain import MAX_MARKS, plain

ANY_TEXT = st.text(st.characters(exclude_categories=()))
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@given(ANY_TEXT)
def test_no_control_private_or_invisible_character_is_left(text: str) -> None:
    for character in plain(text):
        assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(ANY_TEXT)
def test_the_result_can_be_encoded_and_is_one_line(text: str) -> None:
    safe = plain(text)
    safe.encode()
    assert len(safe.splitlines()) <= 1


@given(ANY_TEXT)
def test_making_safe_text_safe_again_changes_nothing(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@given(ANY_TEXT)
def test_a_text_is_as_wide_as_its_characters(text: str) -> None:
    safe = plain(text)
    assert cell_len(safe) == sum(cell_len(character) for character in safe)


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"])))
def test_printable_ascii_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    "text", ["一只狗在草地上", "Émile Zola", "dog 🐕 park", "naïve ﬁle [bold]x[/]", "ไทย", "हिन्दी"]
)
def test_scripts_emoji_and_markup_stay(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a\x1b[31mred\x1b]0;title\x07", "a␛[31mred␛]0;title␇"),
        ("two\nlines\r\nand\ttab\u2028end", "two lines  and tab end"),
        ("c1\x9b31m\x7f", "c1\ufffd31m␡"),
        (f"photo{BIDI}gpj.exe", "photogpj.exe"),
        ("a\u200bb\u00adc\ufeffd\U000e0041e", "abcde"),
        ("caf\udce9.jpg", "caf\ufffd.jpg"),
        ("\U0010eeee\u0305\u0305", "\ufffd\u0305\u0305"),
        ("e\u0301", "é"),
        ("\u0301x", " \u0301x"),
        ("👩\u200d👧 ❤\ufe0f 👍🏽 🇩🇪", "👩👧 ❤ 👍 DE"),
    ],
)
def test_dangerous_characters_become_harmless(text: str, safe: str) -> None:
    assert plain(text) == safe


def test_piled_up_marks_are_cut() -> None:
    assert plain("z" + "\u0348" * 50) == "z" + "\u0348" * MAX_MARKS
