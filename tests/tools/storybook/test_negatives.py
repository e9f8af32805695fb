"""False captions: swaps, recombinations, absent subjects and foreign things."""

from random import Random

import pytest

from engine.storybook.captions import FOREIGN_THINGS, claim_of, full_claim
from engine.storybook.claims import is_true, swapped
from engine.storybook.vocabulary import EN_ANIMAL, ZH_ANIMAL
from engine.storybook.wording import Language
from tools.storybook.negatives import TRAINING_THINGS, absent, recombined, sample_foreign
from tools.storybook.sampling import sample_scene


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_swap_changes_one_attribute_and_makes_the_claim_false(level: int) -> None:
    names = set()
    for seed in range(300):
        scene, rng = sample_scene(seed), Random(seed)
        claim = claim_of(scene, level, rng)
        pair = swapped(claim, scene, rng)
        assert pair is not None
        changed, name = pair
        assert not is_true(changed, scene)
        old = [claim.stated(), *(s.stated() for s in claim.subjects)]
        new = [changed.stated(), *(s.stated() for s in changed.subjects)]
        different = [key for a, b in zip(old, new, strict=True) for key in a if a[key] != b[key]]
        assert different == [name]
        names.add(name)
    expected = {
        1: {"animal"},
        2: {"animal", "colour", "action"},
        3: {"animal", "colour", "action", "position", "place", "time", "prop"},
    }
    assert names == expected[level]


def test_a_recombination_joins_what_two_animals_have() -> None:
    made = 0
    for seed in range(300):
        scene = sample_scene(seed)
        claim = recombined(scene, Random(seed))
        if claim is None:
            continue
        made += 1
        assert len(scene.animals) == 2
        assert not is_true(claim, scene)
        held = {v for animal in full_claim(scene).subjects for v in animal.stated().values()}
        assert set(claim.subjects[0].stated().values()) <= held
    assert made > 80


def test_an_absent_subject_is_not_in_the_scene() -> None:
    for seed in range(200):
        scene = sample_scene(seed)
        claim = absent(scene, Random(seed))
        assert claim.subjects[0].animal not in {animal.animal for animal in scene.animals}


@pytest.mark.parametrize("language", list(Language))
def test_foreign_captions_name_something_and_are_never_true(language: Language) -> None:
    for seed in range(100):
        made = sample_foreign(language, Random(seed))
        assert made.text
        assert not is_true(made.claim, sample_scene(seed))


def test_held_out_words_are_in_no_training_list_and_no_animal_is_foreign() -> None:
    for language in Language:
        assert not set(FOREIGN_THINGS[language]) & set(TRAINING_THINGS[language])
    known = {word for words in (EN_ANIMAL, ZH_ANIMAL) for some in words.values() for word in some}
    assert not known & {word for some in TRAINING_THINGS.values() for word in some}
