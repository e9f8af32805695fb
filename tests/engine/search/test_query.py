"""Queries are plain text or weighted mixes, and errors point at their column."""

import os
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.errors import RequestError
from engine.search.pictures import name_of_file, path_of
from engine.search.query import BY_FILE, MAX_LENGTH, Term, parse, quote


def term(weight: float, raw: str, column: int) -> Term:
    return Term(weight=weight, raw=raw, column=column, quoted=True)


def test_text_without_quotes_is_taken_as_it_stands() -> None:
    query = parse("  a dog +  0.5 cats  ")
    assert [part.text for part in query.terms] == ["a dog + 0.5 cats"]
    assert str(query) == "a dog + 0.5 cats"


def test_a_mix_has_signs_weights_and_quoted_terms() -> None:
    assert parse('"a dog" + 0.5*"snow" - 2 × "grass"').terms == (
        term(1.0, "a dog", 1),
        term(0.5, "snow", 15),
        term(-2.0, "grass", 28),
    )


def test_typographic_quotes_and_minus_are_understood() -> None:
    assert [part.weight for part in parse("“雪” − “狗”").terms] == [1.0, -1.0]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ('"a dog" "snow"', "column 9: expected \\+ or -"),
        ('"a dog" + snow', "column 11: expected a quoted"),
        ('"a dog" + ', "column 10: expected a quoted|column 11: expected a quoted"),
        ('"a dog" - "snow', "column 11: this quote is not closed"),
        ('"a dog" + "  "', "column 11: nothing between"),
        ('"a dog" + 0*"snow"', "column 11: a weight must lie between"),
        ("a\x1b[2Jdog", "column 2: a control character, U\\+001B"),
        ("a \u202edog", "column 3: a control character, U\\+202E"),
        ("a \ud800", "column 3: a control character, U\\+D800"),
        ("  \t ", "the query is empty"),
        ("x" * (MAX_LENGTH + 1), "10,001 characters"),
        (" + ".join(['"a"'] * 33), "more than 32 terms"),
    ],
)
def test_an_error_says_where_and_what(query: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        parse(query)


def test_a_decomposed_text_is_composed_for_the_encoder() -> None:
    assert parse("cafe\u0301  noir").terms[0].text == "café noir"


@pytest.mark.parametrize(
    ("typed", "encoded"),
    [
        ("ａ ｂｒｏｗｎ　ｈｏｒｓｅ", "a brown horse"),
        ("（a brown horse）！", "(a brown horse)!"),
        ("２ ｄｏｇｓ", "2 dogs"),
        ("\ufeffa\u200b dog", "a dog"),
        ("一只ｄｏｇ，在雪地里！", "一只dog，在雪地里！"),
        ("ｶﾞﾗｽの猫", "ガラスの猫"),
        ("½ dog ﬁsh", "½ dog ﬁsh"),
    ],
)
def test_letters_of_another_width_are_plain_ones_for_the_encoder(typed: str, encoded: str) -> None:
    assert parse(typed).terms[0].text == encoded
    assert str(parse(typed)) == encoded


def test_a_mix_may_be_typed_in_full_width() -> None:
    mix = parse("＂a dog＂ ＋ ０．５＊＂ｓｎｏｗ＂ － ＂grass＂")
    assert [(term.weight, term.text) for term in mix.terms] == [
        (1.0, "a dog"),
        (0.5, "snow"),
        (-1.0, "grass"),
    ]
    assert str(parse(str(mix))) == str(mix)


def test_a_path_keeps_its_spaces_and_quotes() -> None:
    path = '/photos/two  spaces "x" \\y.jpg'
    assert parse(quote(path)).terms[0].raw == path


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(
    lambda text: (
        bool(text.strip())
        and not set(text) & set("\u202a\u202b\u202c\u202d\u202e")
        and not set(text) & set("\u2066\u2067\u2068\u2069")
    )
)
WEIGHTS = st.sampled_from([1.0, 0.5, 2.0, 0.125, 3.25])


@given(st.lists(st.tuples(st.booleans(), WEIGHTS, TEXTS), min_size=1, max_size=5))
def test_the_spelling_of_a_mix_parses_to_the_same_mix(
    parts: list[tuple[bool, float, str]],
) -> None:
    query = " ".join(
        f"{'-' if minus else '+'} {weight}*{quote(text)}" for minus, weight, text in parts
    )
    once = parse(query)
    again = parse(str(once))
    assert [(part.weight, part.raw) for part in again.terms] == [
        (-weight if minus else weight, text) for minus, weight, text in parts
    ]
    assert str(again) == str(once)


@given(st.text(max_size=40))
def test_any_text_either_parses_or_is_refused(query: str) -> None:
    try:
        assert parse(str(parse(query))).terms
    except RequestError as error:
        assert error.message


STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@given(
    (st.text(min_size=1) | st.binary(min_size=1).map(os.fsdecode)), st.sampled_from([".jpg", ""])
)
def test_any_file_can_be_named_in_a_query_without_what_steers_a_terminal(
    name: str, suffix: str
) -> None:
    assume("\0" not in name)
    path = f"/photos/{name}{suffix}"
    spelled = str(parse(quote(name_of_file(path))))
    assert not STEERING.search(spelled)
    raw = parse(spelled).terms[0].raw
    assert (path_of(raw) if raw.startswith(BY_FILE) else raw) == path
