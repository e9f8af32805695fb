"""Dataclasses out of plain values: what is wrong with them is said in words for people."""

from dataclasses import dataclass, field

import pytest

from engine.untrusted.documents import kind_of
from engine.untrusted.values import read_as


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    name: str
    size: int
    tags: tuple[str, ...] = ()
    facts: dict[str, float] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "it lacks name, size"),
        ({"name": "a"}, "it lacks size"),
        ({"name": 5, "size": 1}, "name is a number"),
        ({"name": ["a"], "size": 1}, "name is a list"),
        ({"name": "a", "size": "1"}, "size is a text"),
        ({"name": "a", "size": True}, "size is true or false"),
        ({"name": "a", "size": None}, "size is nothing"),
        ({"name": "a", "size": 1, "tags": {}}, "tags is an object"),
    ],
)
def test_what_is_missing_or_of_another_kind_is_said(value: object, words: str) -> None:
    with pytest.raises(TypeError, match=f"^{words}$"):
        read_as(_Settings, value)


def test_what_is_not_given_has_its_default() -> None:
    assert read_as(_Settings, {"name": "a", "size": 1, "more": 2}) == _Settings(name="a", size=1)
    assert kind_of(object()) == "nothing"
