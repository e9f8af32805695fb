"""The script of a text tells its language."""

import pytest

from engine.language import language_of, unread


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("a dog", "en"),
        ("一只狗", "zh"),
        ("一只 dog 在雪里", "zh"),
        ("犬がいる", "ja"),
        ("강아지", "ko"),
        ("123 ... !", ""),
        ("собака", ""),
        ("", ""),
    ],
)
def test_the_script_tells_the_language(text: str, language: str) -> None:
    assert language_of(text) == language


def test_a_text_without_letters_is_read_by_every_encoder() -> None:
    assert unread(["2024", "a dog", "狗", "猫"], ("en",)) == ["zh"]
