"""What a small generator knows words for, and what is said of others."""

import json
from pathlib import Path

import pytest

from engine.collections import BUILT_IN
from engine.errors import ModelUnusableError
from engine.models.generator_info import read_generator_info
from engine.models.vocabulary import FILE, Vocabulary, read_vocabulary
from engine.storybook.gallery import routing_queries
from engine.storybook.scenes import Scene
from engine.storybook.suggestions import SUGGESTIONS
from tools.storybook.sampling import sample_scene

SMALL = Vocabulary(
    name="The small one",
    short="two animals",
    about="two animals (dog, fox)",
    words=frozenset({"a", "red", "dog", "fox", "puppy", "一", "的", "只", "红色", "狗"}),
)


@pytest.mark.parametrize(
    ("prompt", "unknown"),
    [
        ("a red dog", ()),
        ("A RED Dog!", ()),
        ("red dogs, foxes and puppies", ("and",)),
        ("a car, a red car and a boat", ("car", "and", "boat")),
        ("一只红色的狗", ()),
        ("一只红色的猫头鹰", ("猫头鹰",)),
        ("汽车一只狗冰箱", ("汽车", "冰箱")),
        ("", ()),
        ("12 · 3", ()),
    ],
)
def test_words_that_were_never_met_are_found(prompt: str, unknown: tuple[str, ...]) -> None:
    assert SMALL.unknown(prompt) == unknown


def test_the_notice_names_what_is_not_known() -> None:
    assert SMALL.notice("a red dog") == ""
    assert SMALL.notice("a red car") == (
        "The small one knows two animals; “car” is no word of its: it will guess."
    )
    many = SMALL.notice("one two three four", full=True)
    assert "(dog, fox); “one”, “two”, “three” and others are no words of its" in many


def scenes() -> list[Scene]:
    return [sample_scene(number) for number in range(200)]


def test_the_storybook_generator_knows_its_world_and_nothing_foreign() -> None:
    vocabulary = read_vocabulary(BUILT_IN.generator)
    assert vocabulary is not None
    for suggestion in SUGGESTIONS:
        for text in (suggestion.english, suggestion.chinese):
            assert bool(vocabulary.unknown(text)) is suggestion.claim.foreign, text
    for query in routing_queries(scenes()):
        text = query.caption.text
        assert bool(vocabulary.unknown(text)) is (query.kind == "foreign"), text


def test_models_of_the_whole_world_have_no_vocabulary(tmp_path: Path) -> None:
    assert read_vocabulary(tmp_path) is None
    info = read_generator_info(BUILT_IN.name, tmp_path / "memory.json")
    assert info.vocabulary is not None


def test_a_damaged_vocabulary_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("[1]")
    with pytest.raises(ModelUnusableError, match="vocabulary"):
        read_vocabulary(tmp_path)
    (tmp_path / FILE).write_text(json.dumps({"name": "x"}))
    with pytest.raises(Exception, match="short"):
        read_vocabulary(tmp_path)
