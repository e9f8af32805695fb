"""Throw-away heads that teach the encoder, and their targets.

Targets are every attribute of a scene, and those that a claim states. The heads read both
embeddings with the same weights. Groups: for each of three positions the animal, colour and action
there (0 is "nobody"); place, time and prop; and, whatever the position, which animals, colours,
actions, animal-colour and animal-action pairs there are.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.storybook.claims import Claim
from engine.storybook.scenes import UNSEEN_PAIRS, Animal, Scene
from engine.storybook.vocabulary import ACTIONS, ANIMALS, COLOURS, PLACES, POSITIONS, PROPS, TIMES

IGNORED = -100
"""A class target that counts in no loss."""
SLOT_SIZES = (len(ANIMALS) + 1, len(COLOURS) + 1, len(ACTIONS) + 1)
CLASS_SIZES = (*SLOT_SIZES * len(POSITIONS), len(PLACES), len(TIMES), len(PROPS))
"""Sizes of the softmax groups: animal, colour, action at left, middle, right; place, time, prop."""
SET_SIZES = (
    len(ANIMALS),
    len(COLOURS),
    len(ACTIONS),
    len(ANIMALS) * len(COLOURS),
    len(ANIMALS) * len(ACTIONS),
)
"""Sizes of the yes-or-no groups."""
PAIR_GROUPS = (3, 4)
PAIR_SIZES = (SET_SIZES[3], SET_SIZES[4])
"""The yes-or-no groups that say whose an attribute is: animal with colour, animal with action."""
COLOUR_CLASSES = (1, 4, 7)
"""Indices of softmax groups that a colour-blind picture cannot answer."""
COLOUR_SETS = (1, 3)
"""Indices of yes-or-no groups that a colour-blind picture cannot answer."""
Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Targets:
    """Targets of one picture or text."""

    classes: Ints
    """One class for each softmax group, or IGNORED."""
    sets: Floats
    """0 or 1 for every yes-or-no question, all groups in a row."""
    weights: Floats
    """Weight of each of them; 0 where the text says nothing, or training must not look."""


def slot_classes(animal: Animal) -> tuple[int, int, int]:
    """Classes of an animal, its colour and its action; 0 is for nobody."""
    return (
        ANIMALS.index(animal.animal) + 1,
        COLOURS.index(animal.colour) + 1,
        ACTIONS.index(animal.action) + 1,
    )


def pair_classes(animal: Animal) -> tuple[int, int]:
    """Classes of an animal with its colour, and with its action."""
    kind = ANIMALS.index(animal.animal)
    return (
        kind * len(COLOURS) + COLOURS.index(animal.colour),
        kind * len(ACTIONS) + ACTIONS.index(animal.action),
    )


def scene_targets(scene: Scene) -> Targets:
    """Everything a picture shows."""
    classes = np.zeros(len(CLASS_SIZES), dtype=np.int64)
    for animal in scene.animals:
        slot = 3 * POSITIONS.index(animal.position)
        classes[slot : slot + 3] = slot_classes(animal)
    classes[9:] = PLACES.index(scene.place), TIMES.index(scene.time), PROPS.index(scene.prop)
    sets = _sets([(a.animal, a.colour, a.action) for a in scene.animals])
    return Targets(classes=classes, sets=sets, weights=_SEEN.copy())


def claim_targets(claim: Claim) -> Targets:
    """What a text states; the rest is ignored."""
    classes = np.full(len(CLASS_SIZES), IGNORED, dtype=np.int64)
    for subject in claim.subjects:
        if subject.position is None:
            continue
        slot = 3 * POSITIONS.index(subject.position)
        for k, (value, words) in enumerate(
            ((subject.animal, ANIMALS), (subject.colour, COLOURS), (subject.action, ACTIONS))
        ):
            if value is not None:
                classes[slot + k] = words.index(value) + 1
    for k, (value, words) in enumerate(
        ((claim.place, PLACES), (claim.time, TIMES), (claim.prop, PROPS)), start=9
    ):
        if value is not None:
            classes[k] = words.index(value)
    sets = _sets([(s.animal, s.colour, s.action) for s in claim.subjects])
    stated = [
        any(s.animal for s in claim.subjects),
        any(s.colour for s in claim.subjects),
        any(s.action for s in claim.subjects),
        any(s.animal and s.colour for s in claim.subjects),
        any(s.animal and s.action for s in claim.subjects),
    ]
    weights = np.repeat(np.asarray(stated, dtype=np.float32), SET_SIZES)
    return Targets(classes=classes, sets=sets, weights=weights * _SEEN)


def _sets(subjects: list[tuple[str | None, str | None, str | None]]) -> Floats:
    groups = [np.zeros(size, dtype=np.float32) for size in SET_SIZES]
    for animal, colour, action in subjects:
        a = None if animal is None else ANIMALS.index(animal)
        c = None if colour is None else COLOURS.index(colour)
        d = None if action is None else ACTIONS.index(action)
        for group, index in ((0, a), (1, c), (2, d)):
            if index is not None:
                groups[group][index] = 1.0
        if a is not None and c is not None:
            groups[3][a * len(COLOURS) + c] = 1.0
        if a is not None and d is not None:
            groups[4][a * len(ACTIONS) + d] = 1.0
    return np.concatenate(groups)


def _seen_weights() -> Floats:
    """1 everywhere but at the pairs that training never shows: not even as absent."""
    weights = np.ones(sum(SET_SIZES), dtype=np.float32)
    start = sum(SET_SIZES[:3])
    for animal, colour in UNSEEN_PAIRS:
        weights[start + ANIMALS.index(animal) * len(COLOURS) + COLOURS.index(colour)] = 0.0
    return weights


_SEEN = _seen_weights()
SEEN_COLOURS = np.split(_SEEN, np.cumsum(SET_SIZES)[:-1])[3] > 0
"""Which pairs of animal and colour training shows, [animals * colours]."""


class Heads(nn.Module):
    """Reads every attribute from an embedding; the same weights for pictures and texts."""

    def __init__(self, joint: int, vision_width: int) -> None:
        super().__init__()
        self.patch = nn.Linear(vision_width, sum(SLOT_SIZES))
        """What animal, colour and action a patch shows: read where the masks say it lies."""
        self.bound = nn.Linear(vision_width, sum(PAIR_SIZES))
        """Which animal in which colour, doing what: read before the layer that gathers patches."""
        self.read = nn.Linear(joint, sum(CLASS_SIZES) + sum(SET_SIZES), bias=False)
        self.bias = nn.Parameter(torch.zeros(2, sum(CLASS_SIZES) + sum(SET_SIZES)))
        self.foreign = nn.Linear(joint, 1)
        self.pair = nn.Parameter(torch.tensor([2.3, -6.0]))
        """Log scale and offset that turn a cosine into the logit of "true of this picture"."""

    def forward(self, unit: Tensor, *, text: bool) -> tuple[list[Tensor], Tensor]:
        """Logits of each softmax group, and of all yes-or-no questions, for unit vectors."""
        logits = self.read(unit * unit.shape[-1] ** 0.5) + self.bias[int(text)]
        classes, sets = logits.split([sum(CLASS_SIZES), sum(SET_SIZES)], dim=-1)
        return list(classes.split(list(CLASS_SIZES), dim=-1)), sets
