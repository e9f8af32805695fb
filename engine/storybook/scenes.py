"""A scene of the storybook: which animals, doing what, where and when; sampling and splits."""

from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from engine.storybook.vocabulary import ACTIONS, ANIMALS, COLOURS, PLACES, POSITIONS, PROPS, TIMES


@dataclass(frozen=True, kw_only=True, slots=True)
class Animal:
    """One animal of a scene."""

    animal: str
    colour: str
    action: str
    position: str

    def __post_init__(self) -> None:
        _check(self.animal, ANIMALS)
        _check(self.colour, COLOURS)
        _check(self.action, ACTIONS)
        _check(self.position, POSITIONS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One picture: one animal, or two at left and right; the seed fixes whatever has no name.

    Raises ValueError for a word outside the vocabulary, or animals that share a place in it.
    """

    animals: tuple[Animal, ...]
    place: str
    time: str
    prop: str
    seed: int

    def __post_init__(self) -> None:
        _check(self.place, PLACES)
        _check(self.time, TIMES)
        _check(self.prop, PROPS)
        positions = [animal.position for animal in self.animals]
        if len(positions) != 1 and sorted(positions) != ["left", "right"]:
            raise ValueError(f"one animal, or one left and one right: {positions}")


class Split(StrEnum):
    """Which combinations a sampled scene may hold."""

    SEEN = "seen"
    """Only combinations that training and the gallery use."""
    UNSEEN_PAIR = "unseen-pair"
    """At least one animal in a colour it never has in training."""
    UNSEEN_TRIPLE = "unseen-triple"
    """At least one animal doing what it never does at that place in training."""


UNSEEN_PAIRS = frozenset(
    {
        ("dog", "blue"), ("cat", "red"), ("horse", "pink"), ("elephant", "purple"),
        ("butterfly", "gray"), ("chicken", "black"), ("cow", "yellow"), ("sheep", "orange"),
        ("squirrel", "white"), ("spider", "brown"),
    }
)  # fmt: skip
"""Colours kept from an animal in the gallery and all training: each animal and colour once."""
UNSEEN_TRIPLES = frozenset(
    {
        ("dog", "sleeping", "snow"), ("dog", "eating", "forest"),
        ("cat", "running", "beach"), ("cat", "sleeping", "farmyard"),
        ("horse", "sleeping", "forest"), ("horse", "running", "snow"),
        ("elephant", "running", "beach"), ("elephant", "eating", "snow"),
        ("butterfly", "eating", "farmyard"), ("butterfly", "sleeping", "meadow"),
        ("chicken", "running", "forest"), ("chicken", "standing", "beach"),
        ("cow", "eating", "beach"), ("cow", "standing", "snow"),
        ("sheep", "running", "farmyard"), ("sheep", "standing", "forest"),
        ("squirrel", "running", "meadow"), ("squirrel", "standing", "farmyard"),
        ("spider", "standing", "meadow"), ("spider", "eating", "snow"),
    }
)  # fmt: skip
"""Animal, action and place kept out of the gallery and all training."""


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
        scene = _draw(rng, seed, split, two=rng.random() < two_share)
        if split_of(scene) is split:
            return scene


def _draw(rng: Random, seed: int, split: Split, *, two: bool) -> Scene:
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


def _check(value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{value!r} is not one of {', '.join(allowed)}")
