"""What a caption states, in a form that can be checked against a scene."""

from dataclasses import dataclass, replace
from itertools import permutations

from engine.storybook.scene import UNSEEN_PAIRS, UNSEEN_TRIPLES, Animal, Scene


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
