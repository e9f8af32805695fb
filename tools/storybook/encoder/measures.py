"""Figures of an encoder on held-out scenes, and its model card.

An attribute is read by putting each of its values into a short caption of one animal of the scene
("a brown dog", "a black dog", ...) and taking the value whose caption has the highest cosine with
the picture; the answer is right when that caption is true of the scene.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from engine.scoring.metrics import auc
from engine.storybook.captions import claim_of, full_claim
from engine.storybook.claims import Claim, Subject, is_true
from engine.storybook.gallery import swapped_claims
from engine.storybook.scenes import Animal, Scene
from engine.storybook.vocabulary import ATTRIBUTES, NO_PROP
from engine.storybook.wording import Language, fixed_wording
from tools.storybook.encoder.network import SIDE
from tools.storybook.optimising import read_training_record


def level2_claims(scenes: Sequence[Scene]) -> list[Claim]:
    """One level-2 claim of each scene, each claim once."""
    return list(dict.fromkeys(claim_of(s, 2, Random(f"{s.seed}:level2")) for s in scenes))


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


class Texts:
    """Embeds each claim once, in one wording that the claim decides."""

    def __init__(self, embed: EmbedTexts, language: Language) -> None:
        self._embed, self._language = embed, language
        self._known: dict[Claim, Vectors] = {}

    def vectors(self, claims: Sequence[Claim]) -> Vectors:
        """Unit vectors [n, d] of the claims."""
        new = list(dict.fromkeys(claim for claim in claims if claim not in self._known))
        if new:
            texts = [fixed_wording(claim, self._language) for claim in new]
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
    values = [value for value in ATTRIBUTES[name] if value != NO_PROP]
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


_CARD = """---
license: mit
language: [en, zh]
library_name: transformers
pipeline_tag: zero-shot-image-classification
---

# clip-storybook

A small CLIP ({parameters:.1f} million parameters, {side} px) for the drawn world of t2itui's
storybook: ten animals in ten colours, doing four things at five places. It reads English and
Chinese.

**What it is good for:** trying the whole program without a download, tests and benches with
known truth.
**What it is not good for:** real photos. It has never seen one, and its scores for them mean
nothing; use `openai/clip-vit-base-patch32`, or `OFA-Sys/chinese-clip-vit-base-patch16` for
Chinese.

## Data and recipe

Pictures and captions are made by `tools/storybook`; captions are true by construction. No
photo, no downloaded picture and no text of others was used. Ten colour-animal pairs and twenty
combinations of animal, action and place are kept out of training and of the gallery.

Trained on {pictures:,} pictures in {hours:.1f} hours ({steps:,} steps) with `python -m
tools.storybook.encoder.train`: a symmetric contrastive loss without false negatives, a
binary loss on every pair of a batch, and throw-away heads that read every attribute from both
embeddings, and from each patch the animal that its mask says lies there (this taught it most);
swapped, recombined and foreign captions as negatives. Whose colour and action is whose it learned
late: animals with their colours and actions are read as pairs, from both embeddings and from each
patch before the last layer; and in the last hour each animal of each picture was asked for its
colour, action and position by multiple choice, among captions with all values, which took the
wrong answers about one of two animals' colour from 14 % to 3 %. A quarter of the pictures, at first
nearly half, were grey or in false colours; three in four, at first two in five, held two animals.
Muon for the matrices inside the towers, AdamW for the rest, averaged weights.

`local_head.safetensors` takes single patches and tokens into the joint space: two linear maps,
trained afterwards by `python -m tools.storybook.encoder.local_head` on 4,000 scenes, while the
encoder stayed as it is. Of held-out scenes the hottest patch for an animal's name lies on it for
0.997 of 377, for a prop's name for 1.000 of 260 (a random patch: 0.226 and 0.167), in English and
Chinese; without the head, by the keys of the last layer, props are hardly found. Words that a scene
shows are said to be there in 1.000 of cases, absent ones of this world in 0.057, foreign ones in
0.002. Late interaction tells true from swapped captions less well than cosine does (AUC 0.767
against 0.931). `python -m tests.bench.measure_where` prints this again.

## Figures

Zero-shot on held-out scenes, each attribute among its own values (`seen`: combinations as in
training; `unseen-pair`: an animal in a colour it never had; `unseen-triple`: an animal doing
what it never did at that place). Level-2 precision: the best of the pictures satisfies "a brown
horse eating grass".

{figures}

Printed again by `python -m tools.storybook.check`.

## Limits

Where a picture holds two animals, its answer is wrong for {colour:.0%} of questions about the
colour of one (nearly always the other's is given), and for {action:.0%} about its action.

It knows some 400 words. What it has no word for it cannot find, and should not be taken to
refuse: that is the matcher's task. Three animals, numbers, sizes and relations beyond left and
right are unknown to it.
"""


def write_card(folder: Path, figures: dict[str, Figures]) -> None:
    """Write README.md into an exported encoder's folder."""
    facts = read_training_record(folder)
    with safe_open(folder / "model.safetensors", framework="numpy") as weights:
        names = weights.keys()
        sizes = [weights.get_slice(name).get_shape() for name in names]
    text = _CARD.format(
        parameters=sum(prod(size) for size in sizes) / 1e6,
        side=SIDE,
        pictures=facts["pictures"],
        steps=facts["step"],
        hours=facts["seconds"] / 3600,
        figures=table(figures),
        colour=1 - figures["seen en"].of_two["colour"],
        action=1 - figures["seen en"].of_two["action"],
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def table(results: dict[str, Figures]) -> str:
    """The figures as a Markdown table, a column for each set of scenes."""
    names = list(results)
    rows = [["", *names], ["---"] * (len(names) + 1)]
    rows.append(["scenes", *(str(results[name].scenes) for name in names)])
    for attribute in ATTRIBUTES:
        rows.append([attribute, *(f"{results[n].attributes[attribute]:.3f}" for n in names)])
    for attribute in OF_AN_ANIMAL:
        for label, field in ((", one animal", "alone"), (", two animals", "of_two")):
            values = [getattr(results[name], field)[attribute] for name in names]
            rows.append([attribute + label, *(f"{value:.3f}" for value in values)])
    for label, field in (
        ("level-2 precision@1", "level2_precision"),
        ("full caption recall@1", "recall_at_1"),
        ("true over swapped, AUC", "swapped_auc"),
    ):
        rows.append([label, *(f"{getattr(results[name], field):.3f}" for name in names)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
