"""Captions of a scene, true by construction, at three levels of detail and in two languages."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from engine.storybook.chinese import write_chinese
from engine.storybook.claims import Claim, Subject, full_subject
from engine.storybook.english import write_english
from engine.storybook.scene import Animal, Scene

LEVELS = (1, 2, 3)


class Language(StrEnum):
    """A language that captions come in."""

    ENGLISH = "en"
    CHINESE = "zh"


@dataclass(frozen=True, kw_only=True, slots=True)
class Caption:
    """A text and what it states."""

    text: str
    language: Language
    claim: Claim


def write(claim: Claim, language: Language, rng: Random) -> Caption:
    """Put a claim into words, by one of several wordings."""
    text = (write_english if language is Language.ENGLISH else write_chinese)(claim, rng)
    return Caption(text=text, language=language, claim=claim)


def claim_of(scene: Scene, level: int, rng: Random) -> Claim:
    """What a caption of this level states.

    Level 1 names one animal ("a horse"), level 2 gives it colour and action ("a brown horse eating
    grass"), level 3 states the whole scene. ValueError for any other level.
    """
    if level == 3:
        return full_claim(scene)
    chosen = rng.choice(scene.animals)
    if level == 1:
        return Claim(subjects=(Subject(animal=chosen.animal),))
    if level == 2:
        return Claim(
            subjects=(Subject(animal=chosen.animal, colour=chosen.colour, action=chosen.action),)
        )
    raise ValueError(f"no level {level}; there are {LEVELS}")


def full_claim(scene: Scene) -> Claim:
    """Everything that a caption can state of the scene, but for a prop that is not there."""
    return Claim(
        subjects=tuple(full_subject(animal) for animal in scene.animals),
        place=scene.place,
        time=scene.time,
        prop=None if scene.prop == "none" else scene.prop,
    )


def partial_claim(scene: Scene, rng: Random) -> Claim:
    """A random part of what holds of the scene, never nothing."""
    while True:
        animals = list(scene.animals) if rng.random() < 0.4 else [rng.choice(scene.animals)]
        if rng.random() < 0.12:
            animals = []
        rng.shuffle(animals)
        keep = rng.choice((0.15, 0.4, 0.7))
        claim = Claim(
            subjects=tuple(_partial_subject(animal, rng) for animal in animals),
            place=scene.place if rng.random() < keep else None,
            time=scene.time if rng.random() < keep else None,
            prop=scene.prop if scene.prop != "none" and rng.random() < keep else None,
        )
        if claim.subjects or claim.stated():
            return claim


def _partial_subject(animal: Animal, rng: Random) -> Subject:
    named = rng.random() < 0.94
    colour = animal.colour if rng.random() < 0.6 else None
    action = animal.action if rng.random() < 0.55 else None
    if not named and colour is None and action is None:
        colour = animal.colour
    return Subject(
        animal=animal.animal if named else None,
        colour=colour,
        action=action,
        position=animal.position if rng.random() < 0.5 else None,
    )


def caption(scene: Scene, level: int, language: Language, rng: Random) -> Caption:
    """A true caption of the scene."""
    return write(claim_of(scene, level, rng), language, rng)
