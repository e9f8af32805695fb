"""Samples scenes: what training and the gallery may show, and what is kept from them."""

from dataclasses import replace
from enum import StrEnum
from random import Random

from engine.storybook.scenes import UNSEEN_PAIRS, UNSEEN_TRIPLES, Animal, Scene
from engine.storybook.vocabulary import ACTIONS, ANIMALS, COLOURS, PLACES, POSITIONS, PROPS, TIMES


class Split(StrEnum):
    """Which combinations a sampled scene may hold."""

    SEEN = "seen"
    """Only combinations that training and the gallery use."""
    UNSEEN_PAIR = "unseen-pair"
    """At least one animal in a colour it never has in training."""
    UNSEEN_TRIPLE = "unseen-triple"
    """At least one animal doing what it never does at that place in training."""


def unseen_pair(animal: Animal) -> bool:
    """Whether training never shows this animal in this colour."""
    return (animal.animal, animal.colour) in UNSEEN_PAIRS


def unseen_triple(animal: Animal, place: str) -> bool:
    """Whether training never shows this animal doing this at this place."""
    return (animal.animal, animal.action, place) in UNSEEN_TRIPLES


def split_of(scene: Scene) -> Split:
    """The split a scene belongs to; an unseen pair counts before an unseen triple."""
    if any(unseen_pair(animal) for animal in scene.animals):
        return Split.UNSEEN_PAIR
    if any(unseen_triple(animal, scene.place) for animal in scene.animals):
        return Split.UNSEEN_TRIPLE
    return Split.SEEN


def sample_scene(seed: int, split: Split = Split.SEEN, *, two_share: float = 0.4) -> Scene:
    """A scene drawn uniformly from a split; `two_share` of the scenes hold two animals."""
    rng = Random(f"storybook:{split}:{seed}")
    while True:
        scene = _sample(rng, seed, split, two=rng.random() < two_share)
        if split_of(scene) is split:
            return scene


def _sample(rng: Random, seed: int, split: Split, *, two: bool) -> Scene:
    positions = ("left", "right") if two else (rng.choice(POSITIONS),)
    animals = [
        Animal(
            animal=rng.choice(ANIMALS),
            colour=rng.choice(COLOURS),
            action=rng.choice(ACTIONS),
            position=position,
        )
        for position in positions
    ]
    place = rng.choice(PLACES)
    chosen = rng.randrange(len(animals))
    if split is Split.UNSEEN_PAIR:
        kind, colour = rng.choice(sorted(UNSEEN_PAIRS))
        animals[chosen] = replace(animals[chosen], animal=kind, colour=colour)
    elif split is Split.UNSEEN_TRIPLE:
        kind, action, place = rng.choice(sorted(UNSEEN_TRIPLES))
        animals[chosen] = replace(animals[chosen], animal=kind, action=action)
    return Scene(
        animals=tuple(animals),
        place=place,
        time=rng.choice(TIMES),
        prop=rng.choice(PROPS),
        seed=seed,
    )


def mirrored(scene: Scene) -> Scene:
    """The scene whose picture is this one's mirror image (up to what the seed decides)."""
    other = {"left": "right", "middle": "middle", "right": "left"}
    animals = tuple(replace(a, position=other[a.position]) for a in scene.animals)
    return replace(scene, animals=animals)
