"""Figures of an encoder on held-out scenes, computed from unit vectors in numpy.

An attribute is read by putting each of its values into a short caption of one animal of the scene
("a brown dog", "a black dog", ...) and taking the value whose caption has the highest cosine with
the picture; the answer is right when that caption is true of the scene.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from engine.scoring.metrics import auc
from engine.storybook.captions import Language, claim_of, full_claim, write
from engine.storybook.claims import Claim, Subject, is_true
from engine.storybook.negatives import swapped
from engine.storybook.scene import Animal, Scene
from engine.storybook.vocabulary import ATTRIBUTES

Vectors = NDArray[np.float32]
Answers = NDArray[np.int8]
EmbedTexts = Callable[[Sequence[str]], Vectors]

OF_AN_ANIMAL = ("animal", "colour", "action", "position")
"""Attributes that an encoder must bind to the right animal where there are two."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Shares in 0 to 1, for one language on one set of scenes."""

    scenes: int
    attributes: dict[str, float]
    """Zero-shot accuracy by attribute."""
    alone: dict[str, float]
    """Of the attributes of an animal, in scenes of one."""
    of_two: dict[str, float]
    """The same in scenes of two, where the other animal's attributes are near at hand."""
    level2_precision: float
    """Share of level-2 captions whose best picture satisfies them, over captions that some do."""
    recall_at_1: float
    """Share of full captions whose best picture is their own."""
    swapped_auc: float
    """How often a true caption beats the same caption with one attribute exchanged."""


def attribute_claim(animal: Animal, name: str, value: str) -> Claim:
    """A short claim about the animal that gives one attribute a value."""
    if name == "animal":
        return Claim(subjects=(Subject(animal=value),))
    if name == "colour":
        return Claim(subjects=(Subject(animal=animal.animal, colour=value),))
    if name == "action":
        return Claim(subjects=(Subject(animal=animal.animal, action=value),))
    if name == "position":
        return Claim(subjects=(Subject(animal=animal.animal, position=value),))
    subject = (Subject(animal=animal.animal),)
    if name == "place":
        return Claim(subjects=subject, place=value)
    if name == "time":
        return Claim(subjects=subject, time=value)
    return Claim(subjects=subject, prop=value)


def wording(claim: Claim, language: Language) -> str:
    """The one wording of a claim that figures are measured with."""
    return write(claim, language, Random(repr(claim))).text


class Texts:
    """Embeds each claim once, in one wording that the claim decides."""

    def __init__(self, embed: EmbedTexts, language: Language) -> None:
        self._embed, self._language = embed, language
        self._known: dict[Claim, Vectors] = {}

    def vectors(self, claims: Sequence[Claim]) -> Vectors:
        """Unit vectors [n, d] of the claims."""
        new = list(dict.fromkeys(claim for claim in claims if claim not in self._known))
        if new:
            texts = [wording(claim, self._language) for claim in new]
            self._known |= dict(zip(new, self._embed(texts), strict=True))
        return np.stack([self._known[claim] for claim in claims])


def measure(
    scenes: Sequence[Scene], pictures: Vectors, embed_texts: EmbedTexts, language: Language
) -> Figures:
    """All figures for scenes whose pictures have the unit vectors [n, d]."""
    texts = Texts(embed_texts, language)
    answers = {name: attribute_answers(scenes, pictures, texts, name) for name in ATTRIBUTES}
    many = np.array([len(scene.animals) == 2 for scene in scenes])
    return Figures(
        scenes=len(scenes),
        attributes={name: _share(found) for name, found in answers.items()},
        alone={name: _share(answers[name][~many]) for name in OF_AN_ANIMAL},
        of_two={name: _share(answers[name][many]) for name in OF_AN_ANIMAL},
        level2_precision=level2_precision(scenes, pictures, texts),
        recall_at_1=recall_at_1(scenes, pictures, texts),
        swapped_auc=swapped_auc(scenes, pictures, texts),
    )


def attribute_answers(
    scenes: Sequence[Scene], pictures: Vectors, texts: Texts, name: str
) -> Answers:
    """Zero-shot answers for one attribute among its own values, [scenes]: 1 right, 0 wrong.

    -1 where no value is true, as of a prop that is not there.
    """
    values = [value for value in ATTRIBUTES[name] if value != "none"]
    answers = np.full(len(scenes), -1, dtype=np.int8)
    for row, scene in enumerate(scenes):
        animal = Random(f"{scene.seed}:{name}").choice(scene.animals)
        claims = [attribute_claim(animal, name, value) for value in values]
        if any(is_true(claim, scene) for claim in claims):
            best = int(np.argmax(texts.vectors(claims) @ pictures[row]))
            answers[row] = is_true(claims[best], scene)
    return answers


def _share(answers: Answers) -> float:
    asked = answers[answers >= 0]
    return float(asked.mean()) if len(asked) else 0.0


def level2_precision(scenes: Sequence[Scene], pictures: Vectors, texts: Texts) -> float:
    """Whether the best picture of the set satisfies "a brown horse eating grass"."""
    claims = level2_claims(scenes)
    best = np.argmax(texts.vectors(claims) @ pictures.T, axis=1)
    return float(
        np.mean([is_true(claim, scenes[int(row)]) for claim, row in zip(claims, best, strict=True)])
    )


def level2_claims(scenes: Sequence[Scene]) -> list[Claim]:
    """One level-2 claim of each scene, each claim once."""
    return list(dict.fromkeys(claim_of(s, 2, Random(f"{s.seed}:level2")) for s in scenes))


def recall_at_1(scenes: Sequence[Scene], pictures: Vectors, texts: Texts) -> float:
    """Whether a full caption finds its own picture first."""
    best = np.argmax(texts.vectors([full_claim(scene) for scene in scenes]) @ pictures.T, axis=1)
    return float(np.mean(best == np.arange(len(scenes))))


def swapped_auc(scenes: Sequence[Scene], pictures: Vectors, texts: Texts) -> float:
    """Area under the curve of true level-2 and full captions against swapped ones."""
    true, false = swapped_claims(scenes)
    good = np.einsum("nd,nd->n", texts.vectors(true), np.concatenate([pictures, pictures]))
    bad = np.einsum("nd,nd->n", texts.vectors(false), np.concatenate([pictures, pictures]))
    return auc(good, bad)


def swapped_claims(scenes: Sequence[Scene]) -> tuple[list[Claim], list[Claim]]:
    """For each scene a level-2 claim, then for each a full one, and the same with one swap."""
    true, false = [], []
    for level in (2, 3):
        for scene in scenes:
            rng = Random(f"{scene.seed}:swap:{level}")
            while True:
                claim = claim_of(scene, level, rng)
                pair = swapped(claim, scene, rng)
                if pair is not None:
                    break
            true.append(claim)
            false.append(pair[0])
    return true, false
