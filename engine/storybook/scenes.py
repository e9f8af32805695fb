"""A scene of the storybook: which animals, doing what, where and when."""

from dataclasses import dataclass

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


def _check(value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{value!r} is not one of {', '.join(allowed)}")
