"""The heads that lead into a space of their own (engine/scoring/learned_space.py), as modules."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.workers.matcher_modules import (
    START_SCALE,
    START_SHIFT,
    Arrays,
    HeadModule,
    as_arrays,
)

QUICK = 5.0
"""The gains learn so many times as fast as other weights: a number each for what a direction of the
encoder's space counts, they are what little data tells."""


class BranchModule(nn.Module):
    """One side; at first it leaves an embedding as it is."""

    def __init__(self, dim: int, hidden: int, dropout: float, read: int = 1) -> None:
        """Reads so many vectors of `dim`, the first of them the embedding."""
        super().__init__()
        self.dim, self.root, self.dropout = dim, dim**0.5, dropout
        # Numbers of a unit vector are about 1 / root in size, and weights learn best at about 1.
        self.gain = nn.Parameter(torch.zeros(read * dim))
        is_embedding = torch.cat([torch.ones(dim), torch.zeros((read - 1) * dim)])
        self.register_buffer("start", is_embedding, persistent=False)
        self.first = nn.Linear(read * dim, hidden)
        self.second = nn.Linear(hidden, dim)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        """Rows [n, read * dim] in the learned space, [n, dim], before they are at unit length."""
        hidden = functional.relu(self.first(vectors * self.root))
        hidden = functional.dropout(hidden, self.dropout, self.training)
        grown = (self._gain() * vectors).view(len(vectors), -1, self.dim).sum(1)
        found: Tensor = grown + self.second(hidden) / self.root
        return found

    def _gain(self) -> Tensor:
        start = self.get_buffer("start")
        return start + QUICK * self.gain

    def tensors(self, side: str) -> dict[str, Tensor]:
        """What is written down of it."""
        return {
            f"{side}.gain": self._gain(),
            f"{side}.w1": self.first.weight * self.root,
            f"{side}.b1": self.first.bias,
            f"{side}.w2": self.second.weight / self.root,
            f"{side}.b2": self.second.bias / self.root,
        }


class SpaceModule(HeadModule):
    """What heads of this kind have in common: unit vectors of both sides, and a temperature."""

    rate = 10.0

    def __init__(self, text: BranchModule) -> None:
        super().__init__()
        self.text = text
        self.scale = nn.Parameter(torch.tensor([START_SCALE / 100]))
        self.shift = nn.Parameter(torch.tensor([START_SHIFT / 10]))

    def read(self, texts: Tensor) -> Tensor:
        """Texts in the learned space, at unit length."""
        return functional.normalize(self.text(texts), dim=1)

    def pairs(self, texts: Tensor, seen: Tensor) -> Tensor:
        return self._odds(self.pair_similarity(texts, seen))

    def every(self, texts: Tensor, seen: Tensor) -> Tensor:
        return self._odds(self.similarity(texts, seen))

    def similarity(self, texts: Tensor, seen: Tensor) -> Tensor:
        return self.read(texts) @ seen.T

    def pair_similarity(self, texts: Tensor, seen: Tensor) -> Tensor:
        return (self.read(texts) * seen).sum(1)

    @torch.no_grad()
    def weights(self, scale: float = 1.0, bias: float = 0.0) -> Arrays:
        last = {
            "scale": 100 * self.scale * scale,
            "bias": 10 * self.shift * scale + bias,
        }
        return as_arrays(self.text.tensors("text") | self.picture_tensors() | last)

    @abstractmethod
    def picture_tensors(self) -> dict[str, Tensor]:
        """What is written down of the side of pictures."""

    def _odds(self, cosines: Tensor) -> Tensor:
        return 100 * self.scale * cosines + 10 * self.shift


class TwoBranchModule(SpaceModule):
    """Two branches that read an embedding each."""

    def __init__(self, dim: int, hidden: int, dropout: float) -> None:
        super().__init__(BranchModule(dim, hidden, dropout))
        self.picture = BranchModule(dim, hidden, dropout)

    def see(self, pictures: Tensor, states: Tensor | None = None) -> Tensor:
        return functional.normalize(self.picture(pictures), dim=1)

    def picture_tensors(self) -> dict[str, Tensor]:
        return self.picture.tensors("picture")
