"""What a head is trained to make small, each loss listed once.

All of them take right pairs by their rows. `bce` draws wrong pairs for them; the others let the
texts and pictures of the rows meet, all with all, and look at the hardest of those that are wrong,
as Faghri et al. (2018), "VSE++", do. With s the similarity of a head, t and p a right pair, n the
wrong picture of t and u the wrong text of p that are hardest, and m a margin:

    triplet   [m - s(t, p) + s(t, n)]+  +  [m - s(t, p) + s(u, p)]+

A term looks at two sides of a triangle. The third, from the right answer to the wrong one, is free:
from d(t, n) >= d(t, p) + m and d(t, n) <= d(t, p) + d(p, n) follows no more than d(p, n) >= m,
however far apart t and p still are, and the next text of p finds n beside it. `triangle` adds a
constraint on the whole triangle t, p, n (and p, t, u): the angle under which the wrong answer sees
the right pair is at most ANGLE. In the terms of Wang, Zhou, Wen, Liu and Lin (2017), "Deep metric
learning with angular loss", with c the middle of t and p,

    angle     [|t - p|^2 - 4 tan^2(ANGLE) |n - c|^2]+

which for unit vectors is made of the three sides alone:

    |t - p|^2 = 2 - 2 s(t, p),   |n - c|^2 = (3 + s(t, p)) / 2 - s(t, n) - s(p, n).

A triplet loss "enhanced with an angular constraint" ends the local and global fusion of
"Fine-grained local and global semantic fusion for multimodal image-text retrieval" (Big Data and
Cognitive Computing 9(3), 2025, 53); of that article the abstract alone was at hand, so the weight,
the angle and the choice of the hardest answers are this program's. Pictures that share a right
text, and texts that share a right picture, are no wrong answers to each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from engine.states import LossKind
from engine.workers.matcher_modules import HeadModule
from engine.workers.pairs import MinedPairs, TrainingPairs, draw
from engine.workers.space_modules import SpaceModule

MARGIN = 0.2
"""Of similarities, as in VSE++."""
ANGLE = math.radians(36)
"""Under which a wrong answer may see a right pair."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RightRows:
    """Some right pairs of a data set."""

    pairs: TrainingPairs
    rows: Tensor
    mined: MinedPairs
    """What may be drawn beside them."""
    random: torch.Generator


Loss: TypeAlias = Callable[[HeadModule, RightRows], Tensor]
"""A number, without a dimension."""


def bce(model: HeadModule, given: RightRows) -> Tensor:
    """Binary cross-entropy over right pairs and those that are drawn beside them."""
    batch = draw(given.pairs, given.mined, given.rows, given.random)
    logits = model.pairs(batch.texts, model.see(batch.pictures, batch.states)[batch.picture])
    return functional.binary_cross_entropy_with_logits(logits, batch.label)


@dataclass(frozen=True, kw_only=True, eq=False)
class Meeting:
    """The texts and pictures of some right pairs, all with all."""

    text: Tensor
    """Of each right pair, its text among those that meet, [n]."""
    picture: Tensor
    texts: Tensor
    """Embeddings, [T, d]."""
    seen: Tensor
    """Pictures as the head sees them, [N, k]."""
    right: Tensor
    """Which belong together, bool [T, N]."""
    false: Tensor
    """Texts that are known to be false of one of the pictures, [S, d]."""
    false_of: Tensor
    """The picture that each is false of, among those that meet."""

    @classmethod
    def of(cls, model: HeadModule, pairs: TrainingPairs, rows: Tensor) -> Meeting:
        """Those of some right pairs."""
        text, text_of = torch.unique(pairs.text[rows], return_inverse=True)
        picture, picture_of = torch.unique(pairs.picture[rows], return_inverse=True)
        right = pairs.is_right(text[:, None].expand(-1, len(picture)), picture[None, :]) > 0.5
        false = torch.isin(pairs.false_of, picture)
        return cls(
            text=text_of,
            picture=picture_of,
            texts=pairs.texts[text],
            seen=model.see(pairs.pictures[picture], pairs.states_of(picture)),
            right=right,
            false=pairs.false[false],
            false_of=torch.searchsorted(picture, pairs.false_of[false]),
        )


def triplet(model: HeadModule, given: RightRows) -> Tensor:
    """A right pair above the hardest wrong picture and text of the batch."""
    met = Meeting.of(model, given.pairs, given.rows)
    return _triplet(model, met, model.similarity(met.texts, met.seen))


def _triplet(model: HeadModule, met: Meeting, scores: Tensor) -> Tensor:
    own = scores[met.text, met.picture]
    wrong = scores.masked_fill(met.right, -torch.inf)
    hard_text = wrong.amax(0)
    if len(met.false):
        found = model.pair_similarity(met.false, met.seen[met.false_of])
        hard_text = hard_text.scatter_reduce(0, met.false_of, found, "amax")
    return _hinge(own, wrong.amax(1)[met.text]) + _hinge(own, hard_text[met.picture])


def triangle(model: HeadModule, given: RightRows) -> Tensor:
    """The triplet, and the angle of its triangles; for heads with a space alone."""
    if not isinstance(model, SpaceModule):
        raise TypeError(f"{type(model).__name__} has no space in which pictures meet pictures")
    met = Meeting.of(model, given.pairs, given.rows)
    texts = model.read(met.texts)
    scores, right = texts @ met.seen.T, met.right.float()
    own = scores[met.text, met.picture]
    pictures = (met.seen @ met.seen.T).masked_fill(right.T @ right > 0, -torch.inf)
    others = (texts @ texts.T).masked_fill(right @ right.T > 0, -torch.inf)
    seen_by_pictures = _angle(own, scores[met.text] + pictures[met.picture])
    seen_by_texts = _angle(own, scores.T[met.picture] + others[met.text])
    return _triplet(model, met, scores) + seen_by_pictures + seen_by_texts


def _angle(own: Tensor, both: Tensor) -> Tensor:
    """By how much wrong answers see right pairs under too large an angle, the mean.

    `both` is the sum of the similarities of each answer with both sides of each pair, [n, answers].
    """
    distance = (3 + own) / 2 - both.amax(1)
    return functional.relu(2 - 2 * own - 4 * math.tan(ANGLE) ** 2 * distance).mean()


def _hinge(own: Tensor, other: Tensor) -> Tensor:
    """By how much others are less than a margin below right pairs, the mean."""
    return functional.relu(MARGIN - own + other).mean()


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {LossKind.BCE: bce, LossKind.TRIPLET: triplet, LossKind.TRIANGLE: triangle}
)
