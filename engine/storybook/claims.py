"""Claims about scenes: what a caption states, whether that holds, and how to make it false."""

from dataclasses import dataclass, replace
from itertools import permutations
from random import Random

from engine.storybook.scenes import UNSEEN_PAIRS, UNSEEN_TRIPLES, Animal, Scene
from engine.storybook.vocabulary import (
    ANIMALS,
    ATTRIBUTES,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is stated of one animal; None where nothing is."""

    animal: str | None = None
    colour: str | None = None
    action: str | None = None
    position: str | None = None

    def fits(self, animal: Animal) -> bool:
        """Whether everything stated holds of the animal."""
        return (
            self.animal in (None, animal.animal)
            and self.colour in (None, animal.colour)
            and self.action in (None, animal.action)
            and self.position in (None, animal.position)
        )

    def stated(self) -> dict[str, str]:
        """The stated attributes by name."""
        pairs = {
            "animal": self.animal,
            "colour": self.colour,
            "action": self.action,
            "position": self.position,
        }
        return {name: value for name, value in pairs.items() if value is not None}

    def with_value(self, name: str, value: str) -> "Subject":
        """The subject with one attribute, by its name, set to another value."""
        stated = self.stated() | {name: value}
        return Subject(
            animal=stated.get("animal"),
            colour=stated.get("colour"),
            action=stated.get("action"),
            position=stated.get("position"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """Everything a caption states; each subject is another animal of the scene."""

    subjects: tuple[Subject, ...] = ()
    place: str | None = None
    time: str | None = None
    prop: str | None = None
    foreign: bool = False
    """Whether it names something this world does not hold, and so is true of no scene."""

    def stated(self) -> dict[str, str]:
        """The stated attributes of the scene by name; those of animals are on the subjects."""
        pairs = {"place": self.place, "time": self.time, "prop": self.prop}
        return {name: value for name, value in pairs.items() if value is not None}

    def detail(self) -> int:
        """How many attributes are stated, of the scene and of all its animals."""
        return len(self.stated()) + sum(len(subject.stated()) for subject in self.subjects)


def is_true(claim: Claim, scene: Scene) -> bool:
    """Whether a claim holds of a scene."""
    if claim.foreign or len(claim.subjects) > len(scene.animals):
        return False
    if (
        claim.place not in (None, scene.place)
        or claim.time not in (None, scene.time)
        or claim.prop not in (None, scene.prop)
    ):
        return False
    return any(
        all(subject.fits(animal) for subject, animal in zip(claim.subjects, order, strict=True))
        for order in permutations(scene.animals, len(claim.subjects))
    )


def seen_claim(claim: Claim) -> bool:
    """Whether the claim names no combination that is kept from training."""
    return not any(
        (s.animal, s.colour) in UNSEEN_PAIRS or (s.animal, s.action, claim.place) in UNSEEN_TRIPLES
        for s in claim.subjects
    )


def without_colour(claim: Claim) -> Claim:
    """The claim as it reads to someone who sees no colours."""
    return replace(claim, subjects=tuple(replace(s, colour=None) for s in claim.subjects))


def full_subject(animal: Animal) -> Subject:
    """Everything that can be stated of an animal."""
    return Subject(
        animal=animal.animal,
        colour=animal.colour,
        action=animal.action,
        position=animal.position,
    )


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


def misattributed(scene: Scene, name: str, rng: Random) -> tuple[Claim, Claim] | None:
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
