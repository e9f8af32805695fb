"""Held-out prompts that the painter is measured by, and what each of them states."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from engine.storybook.captions import Language, full_claim, write
from engine.storybook.claims import Claim, Subject
from engine.storybook.scene import Scene, Split, sample_scene

FIRST_SEED = 60_000_000
"""Scenes of the prompts begin here, far above any that is trained on."""
PAINTED = "painted.npy"
"""Pictures uint8 [n, side, side, 3] painted for `painted_prompts`, in order."""
FIRST_PAINTED = 1_000_000
"""Number of the first of these prompts: others than any figure is measured by."""


class Kind(StrEnum):
    """What a prompt asks for."""

    USUAL = "usual"
    """An animal as training shows it."""
    UNSEEN = "unseen"
    """An animal in a colour, or doing something at a place, that training never shows."""
    PLACES = "places"
    """A place, a time and a prop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A text, what it states, and a scene of which that is true."""

    kind: Kind
    text: str
    language: Language
    claim: Claim
    scene: Scene


def held_out_prompts(
    usual: int = 100, unseen: int = 50, places: int = 50, *, first: int = 0
) -> list[Prompt]:
    """Prompts of each kind from number `first` on, half of them in English, half in Chinese."""
    return [
        *_prompts(Kind.USUAL, range(first, first + usual)),
        *_prompts(Kind.UNSEEN, range(first, first + unseen)),
        *_prompts(Kind.PLACES, range(first, first + places)),
    ]


def painted_prompts(count: int) -> list[Prompt]:
    """What the first `count` pictures that the matcher learns from are painted for."""
    return held_out_prompts(count, 0, 0, first=FIRST_PAINTED)


def _prompts(kind: Kind, numbers: range) -> Iterator[Prompt]:
    for number in numbers:
        rng = Random(f"prompt:{kind}:{number}")
        scene = sample_scene(FIRST_SEED + number, _split(kind, number), two_share=0.0)
        claim = _claim(kind, scene, rng)
        language = list(Language)[number % 2]
        text = write(claim, language, rng).text
        yield Prompt(kind=kind, text=text, language=language, claim=claim, scene=scene)


def _split(kind: Kind, number: int) -> Split:
    if kind is not Kind.UNSEEN:
        return Split.SEEN
    return Split.UNSEEN_PAIR if number % 4 < 2 else Split.UNSEEN_TRIPLE


def _claim(kind: Kind, scene: Scene, rng: Random) -> Claim:
    """Everything about half of the animals; animal, colour, action and place of the others."""
    whole = full_claim(scene)
    if kind is Kind.PLACES:
        return Claim(place=whole.place, time=whole.time, prop=whole.prop)
    if rng.random() < 0.5:
        return whole
    animal = scene.animals[0]
    subject = Subject(animal=animal.animal, colour=animal.colour, action=animal.action)
    return Claim(subjects=(subject,), place=scene.place)
