"""What a head is as a torch module, and the perceptron.

The perceptron of two layers is trained as a sum that two layers can hold exactly:

    log odds = a . (t * i) + u . i + v . t + c  +  W2 ReLU(W1 [t; i; |t - i|; t * i] + b1)

The first part starts as the scaled cosine and learns which directions count; as two hidden units,
ReLU(z) - ReLU(-z), it becomes part of the perceptron when the weights are written down.
"""

from __future__ import annotations

from abc import abstractmethod
from importlib import import_module
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.scoring.heads import HEADS
from engine.states import HeadKind

START_SCALE, START_SHIFT = 30.0, -9.0
"""Of the cosine before anything is learned: even odds at 0.3, as for real CLIP vectors."""


Arrays: TypeAlias = dict[str, NDArray[np.float32]]


class HeadModule(nn.Module):
    """A head while it learns: log odds of unit texts and pictures.

    Before anything is learned, pictures are ranked as by cosine.
    """

    rate = 1.0
    """What the learning rate is multiplied by."""
    most_rows: int | None = None
    """Right pairs whose texts and pictures may all meet in one step; None for any number."""

    @abstractmethod
    def see(self, pictures: Tensor, states: Tensor | None = None) -> Tensor:
        """What is computed of n pictures alone, [n, k]; `states` [n, patches, d] are zero for one
        without."""

    @abstractmethod
    def pairs(self, texts: Tensor, seen: Tensor) -> Tensor:
        """Log odds of n texts, each for one picture, [n]."""

    @abstractmethod
    def every(self, texts: Tensor, seen: Tensor) -> Tensor:
        """Log odds of every text with every picture, [T, N]."""

    @abstractmethod
    def similarity(self, texts: Tensor, seen: Tensor) -> Tensor:
        """The same where a cosine is, about from -1 to 1: what margins are measured in."""

    @abstractmethod
    def pair_similarity(self, texts: Tensor, seen: Tensor) -> Tensor:
        """That of n texts, each with one picture, [n]."""

    @abstractmethod
    def weights(self, scale: float = 1.0, bias: float = 0.0) -> Arrays:
        """The arrays of a matcher's file, whose log odds are scaled and biased."""


def new_module(kind: HeadKind, dim: int, hidden: int, dropout: float) -> HeadModule:
    """A head that has learned nothing."""
    module, _, name = HEADS[kind].module.partition(":")
    made: HeadModule = getattr(import_module(module), name)(dim, hidden, dropout)
    return made


def as_arrays(tensors: dict[str, Tensor]) -> Arrays:
    """Tensors as they are written down."""
    return {name: tensor.detach().float().cpu().numpy().copy() for name, tensor in tensors.items()}


class MatcherModule(HeadModule):
    """The perceptron, and the metric that it starts from."""

    most_rows = 64
    """All that meet take a pass each through the perceptron: 64 of each are 4,096."""

    def __init__(self, dim: int, hidden: int, dropout: float) -> None:
        super().__init__()
        # Two of the hidden units hold the metric.
        hidden -= 2
        self.dim, self.root = dim, dim**0.5
        self.scale = nn.Parameter(torch.tensor([START_SCALE / 100]))
        self.shift = nn.Parameter(torch.tensor([START_SHIFT / 10]))
        self.weight = nn.Parameter(torch.zeros(dim))
        self.of_text = nn.Parameter(torch.zeros(dim))
        self.of_picture = nn.Parameter(torch.zeros(dim))
        self.first = nn.Linear(4 * dim, hidden)
        self.second = nn.Linear(hidden, 1)
        self.dropout = dropout
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def metric(self, texts: Tensor, pictures: Tensor) -> Tensor:
        """The first part of the log odds of every text with every picture, [T, N]."""
        both = (texts * self._product()) @ pictures.T
        alone = (texts @ self.of_text)[:, None] + (pictures @ self.of_picture)[None, :]
        return both + alone + 10 * self.shift

    def see(self, pictures: Tensor, states: Tensor | None = None) -> Tensor:
        return pictures

    def pairs(self, texts: Tensor, seen: Tensor) -> Tensor:
        pictures = seen
        straight = ((texts * self._product()) * pictures).sum(1)
        straight = straight + texts @ self.of_text + pictures @ self.of_picture + 10 * self.shift
        hidden = functional.relu(self.first(self._features(texts, pictures)))
        hidden = functional.dropout(hidden, self.dropout, self.training)
        odds: Tensor = straight + self.second(hidden)[:, 0]
        return odds

    def every(self, texts: Tensor, seen: Tensor) -> Tensor:
        return self.metric(texts, seen) + self.rest(texts, seen)

    def similarity(self, texts: Tensor, seen: Tensor) -> Tensor:
        return self.every(texts, seen) / START_SCALE

    def pair_similarity(self, texts: Tensor, seen: Tensor) -> Tensor:
        return self.pairs(texts, seen) / START_SCALE

    def rest(self, texts: Tensor, pictures: Tensor) -> Tensor:
        """The second part of the log odds of every text with every picture, [T, N]."""
        of_text, of_picture, apart, both = self.first.weight.split(self.dim, dim=1)  # type: ignore[no-untyped-call]
        constant = self.root * (pictures @ of_picture.T) + self.first.bias
        rows = []
        for text in texts:
            hidden = constant + self.root * (of_text @ text)
            hidden = hidden + self.root * ((pictures - text).abs() @ apart.T)
            hidden = functional.relu(hidden + self.dim * (pictures @ (both * text).T))
            rows.append(self.second(hidden)[:, 0])
        return torch.stack(rows) if rows else texts.new_zeros((0, len(pictures)))

    def metric_parameters(self) -> list[nn.Parameter]:
        """Those of the first part."""
        return [self.scale, self.shift, self.weight, self.of_text, self.of_picture]

    def penalty(self) -> Tensor:
        """How far the first part is from a cosine."""
        return (
            self.weight.square().sum()
            + (self.of_text.square().sum() + self.of_picture.square().sum()) / self.dim
        )

    @torch.no_grad()
    def weights(self, scale: float = 1.0, bias: float = 0.0) -> Arrays:
        units = torch.ones(self.dim, device=self.weight.device)
        zeros = torch.zeros_like(units)
        row = torch.cat([self.of_text, self.of_picture, zeros, self._product()])[None]
        grown = torch.cat([units * self.root] * 3 + [units * self.dim])
        last = torch.cat([torch.tensor([[1.0, -1.0]]).to(row), self.second.weight], dim=1)
        return as_arrays(
            {
                "w1": torch.cat([row, -row, self.first.weight * grown]),
                "b1": torch.cat([10 * self.shift, -10 * self.shift, self.first.bias]),
                "w2": last * scale,
                "b2": self.second.bias * scale + bias,
            }
        )

    def _product(self) -> Tensor:
        return 100 * self.scale * (1 + self.weight)

    def _features(self, texts: Tensor, pictures: Tensor) -> Tensor:
        """The four blocks, grown to about unit variance."""
        parts = [texts, pictures, (texts - pictures).abs()]
        return torch.cat([*(part * self.root for part in parts), texts * pictures * self.dim], 1)
