"""Which claims are true of which scenes, for many of both at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.storybook.claims import Claim, Subject
from engine.storybook.scenes import Animal, Scene
from engine.storybook.vocabulary import ACTIONS, ANIMALS, COLOURS, PLACES, POSITIONS, PROPS, TIMES

_UNSTATED, _MISSING = -1, -2
_NOBODY = (_MISSING,) * 4
Bools = NDArray[np.bool_]
Ints = NDArray[np.int8]


def truth_matrix(claims: Sequence[Claim], scenes: Sequence[Scene]) -> Bools:
    """`is_true` of every claim and scene, [scenes, claims]."""
    stated = np.array([_scenery_numbers(c.place, c.time, c.prop) for c in claims], np.int8).reshape(
        -1, 3
    )
    shown = np.array([_scenery_numbers(s.place, s.time, s.prop) for s in scenes], np.int8).reshape(
        -1, 3
    )
    possible = np.array([not claim.foreign for claim in claims])
    scenery = _agree(stated, shown) & possible
    subjects = np.array([_pair([_animal_numbers(s) for s in c.subjects]) for c in claims], np.int8)
    animals = np.array([_pair([_animal_numbers(a) for a in s.animals]) for s in scenes], np.int8)
    first, second = subjects.reshape(-1, 2, 4).transpose(1, 0, 2)
    one, other = animals.reshape(-1, 2, 4).transpose(1, 0, 2)
    straight = _fits(first, one) & _fits(second, other)
    crossed = _fits(first, other) & _fits(second, one)
    result: Bools = scenery & (straight | crossed)
    return result


def _scenery_numbers(place: str | None, time: str | None, prop: str | None) -> tuple[int, int, int]:
    return _number(place, PLACES), _number(time, TIMES), _number(prop, PROPS)


def _animal_numbers(thing: Subject | Animal) -> tuple[int, int, int, int]:
    return (
        _number(thing.animal, ANIMALS),
        _number(thing.colour, COLOURS),
        _number(thing.action, ACTIONS),
        _number(thing.position, POSITIONS),
    )


def _number(value: str | None, words: tuple[str, ...]) -> int:
    return _UNSTATED if value is None else words.index(value)


def _pair(some: list[tuple[int, int, int, int]]) -> list[tuple[int, ...]]:
    return [*some, *[_NOBODY] * (2 - len(some))]


def _agree(stated: Ints, shown: Ints) -> Bools:
    """Whether everything stated [claims, k] is as shown [scenes, k]: [scenes, claims]."""
    agree = np.ones((len(shown), len(stated)), dtype=bool)
    # One attribute at a time: all at once, thousands of claims and scenes fill gigabytes.
    for column in range(stated.shape[1]):
        value, seen = stated[None, :, column], shown[:, None, column]
        agree &= (value == _UNSTATED) | (value == seen)
    return agree


def _fits(subject: Ints, animal: Ints) -> Bools:
    """Whether a subject is absent from its claim, or there is an animal and it fits."""
    nobody = subject[:, 0] == _MISSING
    there = animal[:, 0] != _MISSING
    result: Bools = nobody[None] | (_agree(subject, animal) & there[:, None])
    return result
