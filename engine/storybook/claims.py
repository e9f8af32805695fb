"""Claims about scenes: what a caption states, whether that holds, and one thing exchanged."""

from dataclasses import dataclass, replace
from itertools import permutations
from random import Random

from engine.storybook.scenes import Animal, Scene
from engine.storybook.vocabulary import ATTRIBUTES, NO_PROP


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
        other = rng.choice([value for value in ATTRIBUTES[name] if value != NO_PROP])
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
