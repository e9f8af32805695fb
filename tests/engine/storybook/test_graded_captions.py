"""Descriptions of growing detail, and the same with one thing exchanged."""

from itertools import pairwise
from random import Random

import pytest

from engine.storybook.captions import exchanges, graded_captions, graded_claims
from engine.storybook.claims import is_true, swapped
from engine.storybook.scenes import Animal, Scene
from engine.storybook.wording import Language, write_plainly
from tools.storybook.sampling import sample_scene

SCENES = [sample_scene(seed) for seed in range(40)]


def elephant(*others: Animal) -> Scene:
    position = "left" if others else "middle"
    one = Animal(animal="elephant", colour="brown", action="eating", position=position)
    return Scene(animals=(one, *others), place="snow", time="night", prop="tree", seed=1)


@pytest.mark.parametrize("language", list(Language))
def test_each_step_is_true_and_keeps_all_characters_of_the_one_before(language: Language) -> None:
    for scene in SCENES:
        steps = graded_captions(scene, language)
        assert len({step.text for step in steps}) == 5
        for before, now in pairwise(steps):
            assert is_true(now.claim, scene)
            left = iter(now.text)
            kept = before.text.removeprefix("an ").removeprefix("a ")
            assert all(character in left for character in kept), (before.text, now.text)


def test_a_step_adds_what_it_claims() -> None:
    assert [step.text for step in graded_captions(elephant(), Language.ENGLISH)][:3] == [
        "an elephant",
        "a brown elephant",
        "a brown elephant eating grass",
    ]
    colours, names = ("棕色", "褐色"), ("大象", "象")
    told = {f"一头{colour}的{name}" for colour in colours for name in names}
    assert graded_captions(elephant(), Language.CHINESE)[1].text in told


@pytest.mark.parametrize("language", list(Language))
def test_a_swapped_claim_differs_in_that_alone(language: Language) -> None:
    scene = elephant()
    claim = graded_claims(scene)[-1]
    found = swapped(claim, scene, Random(3))
    assert found is not None
    true, false = (write_plainly(each, language, scene.seed).text for each in (claim, found[0]))
    assert true != false
    assert len(set(true) & set(false)) > len(set(true)) / 2


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("an elephant", {"animal"}),
        ("a brown elephant eating grass at night", {"colour", "animal", "action", "time"}),
        ("夜里雪地里有一头棕色的大象在吃草", {"time", "place", "colour", "animal", "action"}),
        ("a photograph of nothing", set()),
    ],
)
def test_every_word_of_the_grammar_is_exchanged(text: str, attributes: set[str]) -> None:
    found = exchanges(text, (elephant(),))
    assert {variant.attribute for variant in found} == attributes
    assert all(variant.text != text for variant in found)


def test_what_is_true_of_the_other_animal_is_not_put_in() -> None:
    dog = Animal(animal="dog", colour="red", action="sleeping", position="right")
    scene = elephant(dog)
    found = exchanges("a brown elephant eating grass on the left", (scene,))
    put_in = {(variant.attribute, variant.new) for variant in found}
    assert not put_in & {("animal", "dog"), ("colour", "red"), ("action", "sleeping")}
    assert ("animal", "cat") in put_in
    assert ("position", "in the middle") in put_in


def test_articles_and_measure_words_follow_what_is_put_in() -> None:
    english = {variant.text for variant in exchanges("an elephant", (elephant(),))}
    assert {"a dog", "a horse"} <= english
    chinese = {variant.text for variant in exchanges("一头棕色的大象", (elephant(),))}
    assert {"一只棕色的猫", "一匹棕色的马", "一头黑色的大象"} <= chinese
