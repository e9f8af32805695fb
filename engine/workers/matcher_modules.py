"""What can be trained to tell whether a text and a picture belong together, as torch modules.

The matcher of two layers is trained as a sum that two layers can hold exactly:

    log odds = a . (t * i) + u . i + v . t + c  +  W2 ReLU(W1 [t; i; |t - i|; t * i] + b1)

The first part starts as the scaled cosine and learns which directions count; as two hidden units,
ReLU(z) - ReLU(-z), it becomes part of the perceptron when the weights are written down.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

START_SCALE, START_SHIFT = 30.0, -9.0
"""Of the cosine before anything is learned: even odds at 0.3, as for real CLIP vectors."""


class MatcherModule(nn.Module):
    """Log odds of unit texts and pictures; at first those of the cosine alone."""

    def __init__(self, dim: int, hidden: int, dropout: float) -> None:
        super().__init__()
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

    def forward(self, texts: Tensor, pictures: Tensor) -> Tensor:
        """Log odds of n pairs, rows [n, dim] of both."""
        straight = ((texts * self._product()) * pictures).sum(1)
        straight = straight + texts @ self.of_text + pictures @ self.of_picture + 10 * self.shift
        hidden = functional.relu(self.first(self._features(texts, pictures)))
        hidden = functional.dropout(hidden, self.dropout, self.training)
        odds: Tensor = straight + self.second(hidden)[:, 0]
        return odds

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
    def weights(self) -> dict[str, np.ndarray]:
        """The arrays of a matcher's file: w1 [hidden + 2, 4 dim], b1, w2, b2."""
        units = torch.ones(self.dim, device=self.weight.device)
        zeros = torch.zeros_like(units)
        row = torch.cat([self.of_text, self.of_picture, zeros, self._product()])[None]
        grown = torch.cat([units * self.root] * 3 + [units * self.dim])
        arrays = {
            "w1": torch.cat([row, -row, self.first.weight * grown]),
            "b1": torch.cat([10 * self.shift, -10 * self.shift, self.first.bias]),
            "w2": torch.cat([torch.tensor([[1.0, -1.0]]).to(row), self.second.weight], dim=1),
            "b2": self.second.bias,
        }
        return {name: tensor.float().cpu().numpy().copy() for name, tensor in arrays.items()}

    def _product(self) -> Tensor:
        return 100 * self.scale * (1 + self.weight)

    def _features(self, texts: Tensor, pictures: Tensor) -> Tensor:
        """The four blocks, grown to about unit variance."""
        parts = [texts, pictures, (texts - pictures).abs()]
        return torch.cat([*(part * self.root for part in parts), texts * pictures * self.dim], 1)


class TwoBranchModule(nn.Module):
    """The similarity network of Wang et al. (2018): two small towers, their elementwise product."""

    def __init__(self, dim: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.text = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
        self.picture = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
        self.last = nn.Linear(hidden, 1)
        self.root, self.dropout = dim**0.5, dropout
        nn.init.constant_(self.last.weight, 10.0)
        nn.init.constant_(self.last.bias, -5.0)

    def forward(self, texts: Tensor, pictures: Tensor) -> Tensor:
        """Log odds of n pairs."""
        product = self._tower(self.text, texts) * self._tower(self.picture, pictures)
        odds: Tensor = self.last(functional.dropout(product, self.dropout, self.training))
        return odds[:, 0]

    def every(self, texts: Tensor, pictures: Tensor) -> Tensor:
        """Log odds of every text with every picture, [T, N]."""
        weighted = self._tower(self.text, texts) * self.last.weight
        return weighted @ self._tower(self.picture, pictures).T + self.last.bias

    def _tower(self, tower: nn.Sequential, vectors: Tensor) -> Tensor:
        return functional.normalize(tower(vectors * self.root), dim=1)
