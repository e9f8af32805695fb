"""What the storybook's encoder reads from pictures of prompts, attribute by attribute."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.storybook.claims import Claim
from engine.storybook.measures import Texts, attribute_claim
from engine.storybook.painter.prompts import Kind, Prompt
from engine.storybook.vocabulary import ATTRIBUTES

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
    values = [value for value in ATTRIBUTES[name] if value != "none"]
    if prompt.claim.subjects:
        animal = prompt.scene.animals[0]
        return {value: attribute_claim(animal, name, value) for value in values}
    return {value: _scenery(name, value) for value in values}


def _scenery(name: str, value: str) -> Claim:
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
