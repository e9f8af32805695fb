"""The head over patches as a torch module (engine/scoring/local_global.py), and what teaches it.

While it learns, half of its batches pass through an attention among the samples of one side: texts
look at the texts of the batch and pictures at its pictures, before they meet. So what is alike or
opposed within a batch shapes both spaces, as in Fu et al. (2023), "Learning semantic relationship
among instances for image-text matching"; that the other half of the batches goes without, by the
same weights behind it, is how Hou et al. (2022), "BatchFormer", do without it after training. It is
not written down: a picture's vector may not depend on its neighbours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.workers.space_modules import BranchModule, SpaceModule

LAYERS = 2
WITHOUT_STATES = 0.1
"""Pictures of a batch that go without their patches, so that others may."""


class GraphAttention(nn.Module):
    """Attention among nodes, added to them; at first it leaves them as they are."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.root, self.width = dim**0.5, hidden**0.5
        self.query, self.key, self.value = (nn.Linear(dim, hidden, bias=False) for _ in range(3))
        self.out = nn.Linear(hidden, dim, bias=False)
        nn.init.zeros_(self.out.weight)

    def forward(self, nodes: Tensor) -> Tensor:
        """Nodes [..., count, dim] with what each gathers from all."""
        grown = nodes * self.root
        scores = self.query(grown) @ self.key(grown).transpose(-1, -2) / self.width
        gathered: Tensor = self.out(scores.softmax(-1) @ self.value(grown)) / self.root
        return nodes + gathered

    def tensors(self, name: str) -> dict[str, Tensor]:
        """What is written down of it."""
        return {
            f"{name}.query": self.query.weight * self.root,
            f"{name}.key": self.key.weight * self.root,
            f"{name}.value": self.value.weight * self.root,
            f"{name}.out": self.out.weight / self.root,
        }


class LocalGlobalModule(SpaceModule):
    """Two branches, of which the one of pictures reads the patches too."""

    def __init__(self, dim: int, hidden: int, dropout: float) -> None:
        super().__init__(BranchModule(dim, hidden, dropout))
        self.picture = BranchModule(dim, hidden, dropout, read=2)
        width = max(hidden // 2, 1)
        self.graph = nn.Sequential(*(GraphAttention(dim, width) for _ in range(LAYERS)))
        self.pool = nn.Parameter(torch.zeros(dim))
        self.among_texts, self.among_pictures = (
            GraphAttention(dim, width),
            GraphAttention(dim, width),
        )

    def see(self, pictures: Tensor, states: Tensor | None = None) -> Tensor:
        local = torch.zeros_like(pictures)
        if states is not None and states.shape[1]:
            local = self._weighed(states.to(pictures.dtype))
        found = self.picture(torch.cat([pictures, local], dim=1))
        return functional.normalize(self._among(self.among_pictures, found), dim=1)

    def read(self, texts: Tensor) -> Tensor:
        return functional.normalize(self._among(self.among_texts, self.text(texts)), dim=1)

    def picture_tensors(self) -> dict[str, Tensor]:
        merged: dict[str, Tensor] = {}
        for number, layer in enumerate(self.graph):
            assert isinstance(layer, GraphAttention)
            merged |= layer.tensors(f"graph{number}")
        return self.picture.tensors("picture") | merged | {"pool": self.pool * self.picture.root}

    def _weighed(self, states: Tensor) -> Tensor:
        """The weighed mean of patches [n, patches, dim], [n, dim]; zero where there are none."""
        is_there = (states != 0).flatten(1).any(1)
        if self.training:
            is_there &= torch.rand(len(states), device=states.device) >= WITHOUT_STATES
        states = self.graph(states)
        weights = (states @ (self.pool * self.picture.root)).softmax(1)
        weighed: Tensor = (weights[:, None] @ states)[:, 0]
        return weighed * is_there[:, None]

    def _among(self, attention: GraphAttention, found: Tensor) -> Tensor:
        """In training, in one of two batches, with what samples gather from each other."""
        if not self.training or len(found) < 2 or bool(torch.rand(()) < 0.5):
            return found
        mixed: Tensor = attention(found)
        return mixed
