"""The pairs that training draws from: texts and pictures that belong together, and others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MINED = 20
"""Wrong pictures kept for each text, and wrong texts for each picture: the likeliest ones."""
_CHUNK = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
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

    def is_right(self, text: Tensor, picture: Tensor) -> Tensor:
        """Whether pairs belong together, as float."""
        keys = self.text * len(self.pictures) + self.picture
        asked = text * len(self.pictures) + picture
        return torch.isin(asked, keys).float()

    def right_matrix(self) -> Tensor:
        """Every pair at once, [T, N]."""
        matrix = torch.zeros(len(self.texts), len(self.pictures), device=self.texts.device)
        matrix[self.text, self.picture] = 1.0
        return matrix


def as_pairs(arrays: dict[str, NDArray[np.generic]], device: str) -> Pairs:
    """The arrays that crossed, on the device."""
    tensors = {name: torch.from_numpy(array.copy()).to(device) for name, array in arrays.items()}
    return Pairs(**tensors)


@dataclass(frozen=True, kw_only=True, eq=False)
class Mined:
    """Wrong answers that look right."""

    pictures: Tensor
    """For each text, [T, MINED or fewer]."""
    texts: Tensor
    """For each picture."""


@torch.no_grad()
def mine(pairs: Pairs, scores: Tensor) -> Mined:
    """The wrong pictures of each text, and wrong texts of each picture, that score highest.

    `scores` [T, N] is used up.
    """
    scores[pairs.text, pairs.picture] = -torch.inf
    return Mined(
        pictures=scores.topk(min(MINED, scores.shape[1]), dim=1).indices,
        texts=scores.T.topk(min(MINED, scores.shape[0]), dim=1).indices,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Pairs of rows with whether they belong together."""

    texts: Tensor
    pictures: Tensor
    label: Tensor


def draw(pairs: Pairs, mined: Mined, rows: Tensor, random: torch.Generator) -> Batch:
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
    rows_text, rows_picture = pairs.texts[asked], pairs.pictures[seen]
    label = pairs.is_right(asked, seen)
    if len(pairs.false):
        chosen = some(len(pairs.false), min(count, len(pairs.false)))
        rows_text = torch.cat([rows_text, pairs.false[chosen]])
        rows_picture = torch.cat([rows_picture, pairs.pictures[pairs.false_of[chosen]]])
        label = torch.cat([label, torch.zeros(len(chosen), device=label.device)])
    return Batch(texts=rows_text, pictures=rows_picture, label=label)


def even_pairs(pairs: Pairs, mined: Mined, seed: int, most: int = 20_000) -> Batch:
    """Right pairs, and as many wrong ones in equal parts random, mined and swapped."""
    random = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(pairs.text), generator=random)[:most].to(pairs.text.device)
    drawn = draw(pairs, mined, rows, random)
    right = torch.nonzero(drawn.label > 0.5)[:, 0]
    wrong = torch.nonzero(drawn.label <= 0.5)[:, 0]
    picked = torch.randperm(len(wrong), generator=random)[: len(right)].to(wrong.device)
    both = torch.cat([right, wrong[picked]])
    return Batch(texts=drawn.texts[both], pictures=drawn.pictures[both], label=drawn.label[both])
