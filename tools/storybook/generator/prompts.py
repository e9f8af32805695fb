"""Captions that the generator learns from, and the prompts that it is measured by."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

import numpy as np
from numpy.typing import NDArray

from engine.storybook.captions import full_claim
from engine.storybook.claims import Claim, Subject
from engine.storybook.scenes import Scene
from engine.storybook.vocabulary import ATTRIBUTES, NO_PROP
from engine.storybook.wording import Language, write
from tools.storybook.encoder.measures import Texts, attribute_claim
from tools.storybook.sampling import Split, sample_scene

FIRST_SEED = 60_000_000
"""Scenes of the prompts begin here, far above any that is trained on."""
GENERATED = "generated.npy"
"""Pictures uint8 [n, side, side, 3] generated for `generated_prompts`, in order."""
FIRST_GENERATED = 1_000_000
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


def generated_prompts(count: int) -> list[Prompt]:
    """What the first `count` pictures that the matcher learns from are generated for."""
    return held_out_prompts(count, 0, 0, first=FIRST_GENERATED)


def _prompts(kind: Kind, numbers: range) -> Iterator[Prompt]:
    for number in numbers:
        rng = Random(f"prompt:{kind}:{number}")
        scene = sample_scene(FIRST_SEED + number, _split(kind, number), two_share=0.0)
        claim = _prompt_claim(kind, scene, rng)
        language = list(Language)[number % 2]
        text = write(claim, language, rng).text
        yield Prompt(kind=kind, text=text, language=language, claim=claim, scene=scene)


def _split(kind: Kind, number: int) -> Split:
    if kind is not Kind.UNSEEN:
        return Split.SEEN
    return Split.UNSEEN_PAIR if number % 4 < 2 else Split.UNSEEN_TRIPLE


def _prompt_claim(kind: Kind, scene: Scene, rng: Random) -> Claim:
    """Everything about half of the animals; animal, colour, action and place of the others."""
    whole = full_claim(scene)
    if kind is Kind.PLACES:
        return Claim(place=whole.place, time=whole.time, prop=whole.prop)
    if rng.random() < 0.5:
        return whole
    animal = scene.animals[0]
    subject = Subject(animal=animal.animal, colour=animal.colour, action=animal.action)
    return Claim(subjects=(subject,), place=scene.place)


Vectors = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """How many of the attributes asked for were read."""

    right: int
    asked: int

    @property
    def value(self) -> float:
        """0 to 1; 0 where nothing was asked."""
        return self.right / max(self.asked, 1)


def stated(claim: Claim) -> dict[str, str]:
    """The attributes that a claim of at most one animal states, by name."""
    return claim.stated() | (claim.subjects[0].stated() if claim.subjects else {})


def value_claims(prompt: Prompt, name: str) -> dict[str, Claim]:
    """Short claims that give an attribute of the prompt each of its values."""
    values = [value for value in ATTRIBUTES[name] if value != NO_PROP]
    if prompt.claim.subjects:
        animal = prompt.scene.animals[0]
        return {value: attribute_claim(animal, name, value) for value in values}
    return {value: _scenery_claim(name, value) for value in values}


def _scenery_claim(name: str, value: str) -> Claim:
    if name == "place":
        return Claim(place=value)
    return Claim(time=value) if name == "time" else Claim(prop=value)


def read_one(prompt: Prompt, picture: Vectors, texts: Texts) -> dict[str, bool]:
    """Which attributes that the prompt states are read from its picture, a unit vector [d]."""
    right = {}
    for name, value in stated(prompt.claim).items():
        claims = value_claims(prompt, name)
        best = int(np.argmax(texts.vectors(list(claims.values())) @ picture))
        right[name] = list(claims)[best] == value
    return right


def read_right(
    prompts: Sequence[Prompt], pictures: Vectors, texts: Texts
) -> dict[Kind, dict[str, Share]]:
    """For each kind and attribute, how often the picture of a prompt is read as the prompt says.

    `pictures` are unit vectors [n, d]. An attribute is read as the value whose claim has the
    highest cosine with the picture.
    """
    found: dict[tuple[Kind, str], list[bool]] = defaultdict(list)
    for prompt, picture in zip(prompts, pictures, strict=True):
        for name, is_right in read_one(prompt, picture, texts).items():
            found[prompt.kind, name].append(is_right)
    return {
        kind: {
            name: Share(right=sum(found[kind, name]), asked=len(found[kind, name]))
            for name in ATTRIBUTES
            if (kind, name) in found
        }
        for kind in Kind
        if any(key[0] == kind for key in found)
    }
