"""Captions that are false of a scene: swaps, recombinations, absent subjects, foreign things."""

from dataclasses import replace
from random import Random

from engine.storybook.claims import Claim, Subject, full_subject, is_true
from engine.storybook.scene import Scene
from engine.storybook.vocabulary import ANIMALS, ATTRIBUTES

_TRIES = 20


def swapped(claim: Claim, scene: Scene, rng: Random) -> tuple[Claim, str] | None:
    """The claim with one stated attribute exchanged, false of the scene, and that attribute.

    None where nothing stated can be exchanged.
    """
    choices = [(name, -1) for name in claim.stated()]
    for index, subject in enumerate(claim.subjects):
        choices += [(name, index) for name in subject.stated()]
    for _ in range(_TRIES if choices else 0):
        name, index = rng.choice(choices)
        other = rng.choice([value for value in ATTRIBUTES[name] if value != "none"])
        changed = _exchanged(claim, name, index, other)
        if changed != claim and not is_true(changed, scene):
            return changed, name
    return None


def _exchanged(claim: Claim, name: str, index: int, value: str) -> Claim:
    if index < 0:
        fields = claim.stated() | {name: value}
        return replace(
            claim, place=fields.get("place"), time=fields.get("time"), prop=fields.get("prop")
        )
    subject = claim.subjects[index]
    new = subject.with_value(name, value)
    return replace(claim, subjects=(*claim.subjects[:index], new, *claim.subjects[index + 1 :]))


def recombined(scene: Scene, rng: Random) -> Claim | None:
    """One animal with an attribute of the other; None unless that is false of the scene."""
    if len(scene.animals) != 2:
        return None
    one, other = rng.sample(scene.animals, 2)
    mine, theirs = full_subject(one).stated(), full_subject(other).stated()
    names = ["colour", "action", "position"]
    rng.shuffle(names)
    for name in names:
        if mine[name] == theirs[name]:
            continue
        subject = Subject(
            animal=one.animal,
            colour=theirs["colour"] if name == "colour" else _maybe(one.colour, rng),
            action=theirs["action"] if name == "action" else _maybe(one.action, rng),
            position=theirs["position"] if name == "position" else None,
        )
        claim = Claim(subjects=(subject,))
        if not is_true(claim, scene):
            return claim
    return None


def told_apart(scene: Scene, name: str, rng: Random) -> tuple[Claim, Claim] | None:
    """A claim about one of two animals that states one attribute, and with the other's value.

    None where there is one animal, or nothing tells the two apart.
    """
    if len(scene.animals) != 2:
        return None
    one, other = rng.sample(scene.animals, 2)
    theirs = full_subject(other).stated()[name]
    true = Subject(animal=one.animal).with_value(name, full_subject(one).stated()[name])
    claims = Claim(subjects=(true,)), Claim(subjects=(true.with_value(name, theirs),))
    return None if is_true(claims[1], scene) else claims


def absent(scene: Scene, rng: Random) -> Claim:
    """An animal that the scene does not hold, with attributes of one that it does."""
    present = {animal.animal for animal in scene.animals}
    like = rng.choice(scene.animals)
    return Claim(
        subjects=(
            Subject(
                animal=rng.choice([animal for animal in ANIMALS if animal not in present]),
                colour=_maybe(like.colour, rng),
                action=_maybe(like.action, rng),
            ),
        ),
        place=_maybe(scene.place, rng),
    )


def _maybe(value: str, rng: Random) -> str | None:
    return value if rng.random() < 0.6 else None
