"""Multiple choice: of all values of an attribute, the one that an animal of a picture has.

It is what the encoder is measured by, asked of every animal: where a picture holds two, the
other's value is among the wrong ones, and that is the only one which is hard to refuse.
"""

from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine.storybook.captions import Caption, Language, write
from engine.storybook.claims import Claim, Subject, full_subject, is_true
from engine.storybook.scene import UNSEEN_PAIRS, Scene
from engine.storybook.vocabulary import ANIMALS, ATTRIBUTES

ASKED = ("colour", "action", "position")
CLAIMS = {
    name: [
        Claim(subjects=(Subject(animal=animal).with_value(name, value),))
        for animal in ANIMALS
        for value in ATTRIBUTES[name]
    ]
    for name in ASKED
}
"""Of every animal and every value of the attribute: "a brown dog", "a black dog", ..."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """Questions about one attribute of animals, each with the captions to choose from."""

    captions: list[Caption]
    """Those of `CLAIMS`."""
    rows: NDArray[np.int64]
    """The picture of each question, [k]."""
    kinds: NDArray[np.int64]
    """Which animal it is about, [k]."""
    answers: NDArray[np.int64]
    """The place of the right value, [k]."""
    open: NDArray[np.bool_]
    """The values that are right or wrong: none that another animal of its kind has, and no
    combination that is kept from training, [k, values]."""


def ask(name: str, scenes: list[Scene], blind: NDArray[np.bool_], rng: Random) -> Choices:
    """Ask for an attribute of every animal; the colour-blind are not asked for colours."""
    values = ATTRIBUTES[name]
    rows, kinds, answers, opened = [], [], [], []
    for row, scene in enumerate(scenes):
        if name == "colour" and blind[row]:
            continue
        for animal in scene.animals:
            kind = ANIMALS.index(animal.animal)
            own = values.index(full_subject(animal).stated()[name])
            claims = CLAIMS[name][kind * len(values) : (kind + 1) * len(values)]
            rows.append(row)
            kinds.append(kind)
            answers.append(own)
            opened.append(
                [
                    k == own
                    or not (
                        is_true(claim, scene)
                        or (name == "colour" and (animal.animal, values[k]) in UNSEEN_PAIRS)
                    )
                    for k, claim in enumerate(claims)
                ]
            )
    language = rng.choice(list(Language))
    return Choices(
        captions=[write(claim, language, rng) for claim in CLAIMS[name]],
        rows=np.array(rows, np.int64),
        kinds=np.array(kinds, np.int64),
        answers=np.array(answers, np.int64),
        open=np.array(opened, np.bool_).reshape(len(rows), len(values)),
    )


def choice_loss(pictures: Tensor, texts: Tensor, choices: Choices, scale: Tensor) -> Tensor:
    """Cross entropy of the right captions, by the cosines of unit vectors [n, d] and [m, d]."""
    if not len(choices.rows):
        return pictures.new_zeros(())
    device = pictures.device
    of_kind = texts.view(len(ANIMALS), -1, texts.shape[-1])
    asked = of_kind[torch.from_numpy(choices.kinds).to(device)]
    seen = pictures[torch.from_numpy(choices.rows).to(device)]
    logits = scale * torch.einsum("kd,kvd->kv", seen, asked)
    logits = logits.masked_fill(~torch.from_numpy(choices.open).to(device), float("-inf"))
    return functional.cross_entropy(logits, torch.from_numpy(choices.answers).to(device))
