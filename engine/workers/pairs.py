"""The pairs that training draws from: texts and pictures that belong together, and others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MINED = 20
"""Wrong pictures kept for each text, and wrong texts for each picture: the likeliest ones."""
_CHUNK = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingPairs:
    """Unit texts [T, d] and pictures [N, d], the right pairs, and texts known to be false."""

    texts: Tensor
    pictures: Tensor
    text: Tensor
    """Text of each right pair, [P]."""
    picture: Tensor
    false: Tensor
    """Embeddings of swapped texts, [S, d]."""
    false_of: Tensor
    """The picture that each of them is false of, [S]."""
    states: Tensor | None = None
    """Of the pictures' patches, float16 [N, patches, d], zero for one without; None for all."""

    @property
    def has_many_false(self) -> bool:
        """There are more false pairs than right ones: they say by themselves what is common."""
        return len(self.false) > len(self.text)

    def is_right(self, text: Tensor, picture: Tensor) -> Tensor:
        """Whether pairs belong together, as float."""
        keys = self.text * len(self.pictures) + self.picture
        asked = text * len(self.pictures) + picture
        return torch.isin(asked, keys).float()

    def states_of(self, rows: Tensor) -> Tensor | None:
        """Those of some pictures."""
        return None if self.states is None else self.states[rows]

    def right_matrix(self) -> Tensor:
        """Every pair at once, [T, N]."""
        matrix = torch.zeros(len(self.texts), len(self.pictures), device=self.texts.device)
        matrix[self.text, self.picture] = 1.0
        return matrix


def as_pairs(arrays: dict[str, NDArray[np.generic]], device: str) -> TrainingPairs:
    """The arrays that crossed, on the device."""
    found = {name: torch.from_numpy(array.copy()).to(device) for name, array in arrays.items()}
    states = found.pop("states", None)
    return TrainingPairs(**found, states=None if states is None or not states.shape[1] else states)


@dataclass(frozen=True, kw_only=True, eq=False)
class MinedPairs:
    """Wrong answers that look right."""

    pictures: Tensor
    """For each text, [T, MINED or fewer]."""
    texts: Tensor
    """For each picture."""


@torch.no_grad()
def mine(pairs: TrainingPairs, score: Callable[[Tensor], Tensor]) -> MinedPairs:
    """The wrong pictures of each text, and wrong texts of each picture, that score highest.

    `score` gives what some texts [n, d] have with every picture, [n, N].
    """
    count = len(pairs.pictures)
    pictures: list[Tensor] = []
    best = pairs.texts.new_zeros((0, count))
    texts = pairs.text.new_zeros((0, count))
    for start in range(0, len(pairs.texts), _CHUNK):
        scores = score(pairs.texts[start : start + _CHUNK])
        inside = (pairs.text >= start) & (pairs.text < start + _CHUNK)
        scores[pairs.text[inside] - start, pairs.picture[inside]] = -torch.inf
        pictures.append(scores.topk(min(MINED, count), dim=1).indices)
        numbers = torch.arange(start, start + len(scores), device=scores.device)
        best = torch.cat([best, scores])
        texts = torch.cat([texts, numbers[:, None].expand(-1, count)])
        kept = best.topk(min(MINED, len(best)), dim=0)
        best, texts = kept.values, texts.gather(0, kept.indices)
    return MinedPairs(pictures=torch.cat(pictures), texts=texts.T)


@dataclass(frozen=True, kw_only=True, eq=False)
class PairBatch:
    """Pairs of a text and a picture with whether they belong together."""

    texts: Tensor
    """Of each pair, [n, d]."""
    pictures: Tensor
    """Each once, however many pairs it is in."""
    states: Tensor | None
    """Of their patches."""
    picture: Tensor
    """Of each pair, which of them, [n]."""
    label: Tensor

    @classmethod
    def of(cls, texts: Tensor, picture: Tensor, label: Tensor, pairs: TrainingPairs) -> PairBatch:
        """From pictures by their index in the data."""
        used, index = torch.unique(picture, return_inverse=True)
        return cls(
            texts=texts,
            pictures=pairs.pictures[used],
            states=pairs.states_of(used),
            picture=index,
            label=label,
        )


def draw(
    pairs: TrainingPairs, mined: MinedPairs, rows: Tensor, random: torch.Generator
) -> PairBatch:
    """Right pairs `rows`; for each two random pictures and one random text, two mined pictures and
    one mined text, and as many swapped texts as there are, up to the number of right pairs."""
    text, picture = pairs.text[rows], pairs.picture[rows]
    count = len(rows)

    def some(high: int, size: int) -> Tensor:
        return torch.randint(high, (size,), generator=random).to(text.device)

    twice = text.repeat(2)
    texts = [text, twice, some(len(pairs.texts), count), twice]
    pictures = [picture, some(len(pairs.pictures), 2 * count), picture]
    pictures.append(mined.pictures[twice, some(mined.pictures.shape[1], 2 * count)])
    texts.append(mined.texts[picture, some(mined.texts.shape[1], count)])
    pictures.append(picture)
    asked, seen = torch.cat(texts), torch.cat(pictures)
    rows_text = pairs.texts[asked]
    label = pairs.is_right(asked, seen)
    if len(pairs.false):
        # Where more pairs are false than right, a batch has about half as many as others.
        most = 3 * count if pairs.has_many_false else count
        chosen = some(len(pairs.false), min(most, len(pairs.false)))
        rows_text = torch.cat([rows_text, pairs.false[chosen]])
        seen = torch.cat([seen, pairs.false_of[chosen]])
        label = torch.cat([label, torch.zeros(len(chosen), device=label.device)])
    return PairBatch.of(rows_text, seen, label, pairs)


def listed_pairs(pairs: TrainingPairs) -> PairBatch:
    """The pairs to learn from and all false ones."""
    right = torch.ones(len(pairs.text), device=pairs.texts.device)
    return PairBatch.of(
        torch.cat([pairs.texts[pairs.text], pairs.false]),
        torch.cat([pairs.picture, pairs.false_of]),
        torch.cat([right, right.new_zeros(len(pairs.false))]),
        pairs,
    )


def even_pairs(pairs: TrainingPairs, mined: MinedPairs, seed: int, most: int = 20_000) -> PairBatch:
    """Right pairs, and as many wrong ones in equal parts random, mined and swapped."""
    random = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(pairs.text), generator=random)[:most].to(pairs.text.device)
    drawn = draw(pairs, mined, rows, random)
    right = torch.nonzero(drawn.label > 0.5)[:, 0]
    wrong = torch.nonzero(drawn.label <= 0.5)[:, 0]
    picked = torch.randperm(len(wrong), generator=random)[: len(right)].to(wrong.device)
    both = torch.cat([right, wrong[picked]])
    return replace(
        drawn, texts=drawn.texts[both], picture=drawn.picture[both], label=drawn.label[both]
    )
