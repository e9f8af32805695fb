"""Descriptions split into phrases, each with the stop words by it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.local.phrases import content_tokens, has_chinese, phrases

Spans = tuple[tuple[int, int], ...]
PIECES: Spans = ((0, 1), (1, 2), (2, 4), (4, 5), (5, 6), (6, 7), (7, 9), (9, 10))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a brown horse in the snow",
            [("a brown", "brown"), ("horse", "horse"), ("in the snow", "snow")],
        ),
        ("A dog, on the sofa of", [("A dog", "dog"), ("on the sofa of", "sofa")]),
        (
            'a "hot air balloon" over trees',
            [("a hot air balloon", "hot air balloon"), ("over trees", "trees")],
        ),
        (
            "a man’s well-worn hat",
            [("a man’s", "man’s"), ("well-worn", "well-worn"), ("hat", "hat")],
        ),
        ("the", [("the", "the")]),
        ('"" dog', [("dog", "dog")]),
        ("...", []),
        ("", []),
    ],
)
def test_stop_words_stand_by_what_follows_them(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(each.text, each.word) for each in phrases(text)] == expected


def test_chinese_is_split_by_the_pieces_of_the_tokenizer() -> None:
    text = "一只棕色的狗在雪地里"
    assert [(each.text, each.word) for each in phrases(text, PIECES)] == [
        ("一只棕色的", "棕色"),
        ("狗", "狗"),
        ("在雪地里", "雪地"),
    ]
    assert [each.word for each in phrases("一只狗")] == ["狗"]
    assert [each.word for each in phrases("一只蝴蝶在海边的树上")] == ["蝴蝶", "海", "树"]
    assert [each.word for each in phrases("一只dog和cat")] == ["dog", "cat"]
    assert phrases("“热气球”在海边")[0].word == "热气球"
    assert has_chinese(text)
    assert not has_chinese("a dog")


def test_tokens_of_stop_words_and_signs_do_not_count() -> None:
    text = "a brown dog, in the snow"
    spans: Spans = ((0, 1), (2, 7), (8, 11), (11, 12), (13, 15), (16, 19), (20, 24))
    kept = [
        text[start:end]
        for (start, end), keeps in zip(spans, content_tokens(text, spans), strict=True)
        if keeps
    ]
    assert kept == ["brown", "dog", "snow"]
    chinese = "一只棕色的狗在雪地里"
    kept = [
        chinese[start:end]
        for (start, end), keeps in zip(PIECES, content_tokens(chinese, PIECES), strict=True)
        if keeps
    ]
    assert kept == ["棕色", "狗", "雪地"]
    assert content_tokens("the of", ((0, 3), (4, 6))).tolist() == [True, True]
    assert content_tokens("", ()).tolist() == []


@given(st.text(alphabet="a dogthe一只狗雪的里“”\"',.", max_size=30))
def test_phrases_lie_side_by_side_within_the_text(text: str) -> None:
    found = phrases(text)
    ends = [0]
    for each in found:
        assert ends[-1] <= each.start < each.end <= len(text)
        assert each.word
        ends.append(each.end)
    assert np.array_equal(content_tokens(text, ()), np.ones(0, np.bool_))
