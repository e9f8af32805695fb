"""Scenes: sampling, splits, and what a scene may hold."""

from collections import Counter

import pytest

from engine.storybook.scenes import UNSEEN_PAIRS, UNSEEN_TRIPLES, Animal, Scene
from engine.storybook.vocabulary import ACTIONS, ANIMALS, COLOURS, PLACES
from tools.storybook.sampling import (
    Split,
    mirrored,
    sample_scene,
    split_of,
    unseen_pair,
    unseen_triple,
)

DOG = Animal(animal="dog", colour="brown", action="standing", position="left")


def scene(*animals: Animal) -> Scene:
    return Scene(animals=animals, place="beach", time="day", prop="ball", seed=1)


def test_the_same_seed_gives_the_same_scene_and_another_seed_another() -> None:
    assert sample_scene(7) == sample_scene(7)
    assert len({sample_scene(seed) for seed in range(50)}) == 50


def test_training_scenes_hold_no_combination_that_is_kept_out() -> None:
    for seed in range(2000):
        sampled = sample_scene(seed)
        assert not any(unseen_pair(animal) for animal in sampled.animals)
        assert not any(unseen_triple(animal, sampled.place) for animal in sampled.animals)


@pytest.mark.parametrize("split", list(Split))
def test_a_split_holds_what_its_name_says(split: Split) -> None:
    assert all(split_of(sample_scene(seed, split)) is split for seed in range(100))


def test_each_animal_and_each_colour_is_kept_out_in_one_pair() -> None:
    assert Counter(animal for animal, _ in UNSEEN_PAIRS) == Counter(ANIMALS)
    assert Counter(colour for _, colour in UNSEEN_PAIRS) == Counter(COLOURS)


def test_triples_kept_out_are_in_the_vocabulary_and_two_for_each_animal() -> None:
    assert Counter(animal for animal, _, _ in UNSEEN_TRIPLES) == Counter(2 * ANIMALS)
    assert all(act in ACTIONS and place in PLACES for _, act, place in UNSEEN_TRIPLES)


def test_animals_and_colours_are_drawn_evenly() -> None:
    counts = Counter(
        (animal.animal, animal.colour) for s in range(3000) for animal in sample_scene(s).animals
    )
    assert len(counts) == 90
    assert max(counts.values()) < 2.5 * min(counts.values())


def test_two_animals_that_share_a_position_are_refused() -> None:
    with pytest.raises(ValueError, match="one left and one right"):
        scene(DOG, DOG)


def test_a_word_outside_the_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="'wolf' is not one of"):
        Animal(animal="wolf", colour="brown", action="standing", position="left")


def test_mirroring_swaps_left_and_right_and_undoes_itself() -> None:
    assert mirrored(scene(DOG)).animals[0].position == "right"
    assert mirrored(mirrored(sample_scene(3))) == sample_scene(3)
