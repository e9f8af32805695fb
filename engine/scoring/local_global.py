"""The head that reads the patches of a picture beside its embedding.

Each patch is a node of a complete graph. A layer adds to a node what it gathers from the others,

    x_i  <-  x_i + W_o sum_j a_ij W_v x_j,      a_ij = softmax_j((W_q x_i) . (W_k x_j) / sqrt(m)):

attention over a graph as in Velickovic et al. (2018), "Graph attention networks", with the
affinities and the residual of the region graph of Li et al. (2019), "Visual semantic reasoning for
image-text matching" (VSRN), whose scores depend on both nodes; the additive scores of the former
rank all neighbours alike for every node of a complete graph. A learned direction then weighs the
patches, and their mean and the embedding enter the branch of pictures together
(engine/scoring/learned_space.py has the branches and the space behind them). Texts come as
embeddings: a query that was asked before needs no model.

What depends on the picture alone is a vector, made once for each picture. Without states the
weighed mean is zero, which training shows the head as well: such a picture is scored by its
embedding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray
from engine.scoring.learned_space import Branch, LearnedSpace, most_of_branch

BATCH = 64
"""Pictures whose patches are computed with at once: 6 MB of 49 patches of 512 numbers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GraphLayer:
    """Attention among patches; all float32."""

    query: FloatArray
    """[m, dim]."""
    key: FloatArray
    """[m, dim]."""
    value: FloatArray
    """[m, dim]."""
    out: FloatArray
    """[dim, m]."""

    @classmethod
    def of(cls, arrays: Mapping[str, FloatArray], number: int) -> GraphLayer:
        """A layer by its number. Raises KeyError, ValueError."""
        made = cls(**{each.name: arrays[f"graph{number}.{each.name}"] for each in fields(cls)})
        found = made.query.shape, made.key.shape, made.value.shape, made.out.shape
        if len(found[0]) != 2 or found != (found[0], found[0], found[0], found[0][::-1]):
            raise ValueError(f"the weights of a graph layer have wrong shapes: {found}")
        return made

    def __call__(self, states: FloatArray) -> FloatArray:
        """States [n, patches, dim] after the layer."""
        scores = (states @ self.query.T) @ (states @ self.key.T).transpose(0, 2, 1)
        weights = _softmax(np.asarray(scores / len(self.query) ** 0.5, np.float32))
        gathered = weights @ (states @ self.value.T)
        return np.asarray(states + gathered @ self.out.T, np.float32)

    def bounds(self, most: float) -> tuple[float, float]:
        """Of its scores and of what it gives, from states whose numbers are at most `most`."""
        query, key, value = (
            most * np.abs(each, dtype=np.float64).sum(axis=1)
            for each in (self.query, self.key, self.value)
        )
        gathered = np.abs(self.out, dtype=np.float64) @ value
        return float(query @ key), most + float(gathered.max())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalGlobal:
    """The head as it was written down."""

    space: LearnedSpace
    picture: Branch
    """Reads the embedding and the weighed mean of the patches."""
    layers: tuple[GraphLayer, ...]
    pool: FloatArray
    """[dim], the direction that weighs patches."""

    @classmethod
    def of(cls, arrays: Mapping[str, FloatArray]) -> LocalGlobal:
        """Raises KeyError for weights that lack, ValueError for shapes that do not fit."""
        # By any of its weights: a layer that lacks one is damaged, and not left out.
        count = len({name.partition(".")[0] for name in arrays if name.startswith("graph")})
        picture = Branch.of(arrays, "picture", read=2)
        made = cls(
            space=LearnedSpace.of(arrays, picture),
            picture=picture,
            layers=tuple(GraphLayer.of(arrays, number) for number in range(count)),
            pool=arrays["pool"],
        )
        widths = [made.pool.shape, *((layer.query.shape[1],) for layer in made.layers)]
        if any(width != (made.dim,) for width in widths):
            raise ValueError(f"the weights of the graph have wrong shapes: {widths}")
        return made

    @property
    def dim(self) -> int:
        return self.picture.dim

    @property
    def pair_weights(self) -> int:
        return self.dim

    def arrays(self) -> dict[str, FloatArray]:
        graph = {
            f"graph{number}.{each.name}": getattr(layer, each.name)
            for number, layer in enumerate(self.layers)
            for each in fields(layer)
        }
        return {
            **self.space.arrays(),
            **self.picture.arrays("picture"),
            **graph,
            "pool": self.pool,
        }

    def most_logit(self) -> float:
        found, most = [self.space.most_logit()], 1.0
        for layer in self.layers:
            score, most = layer.bounds(most)
            found.append(score)
        found.append(most * float(np.abs(self.pool, dtype=np.float64).sum()))
        return max(*found, most_of_branch(self.picture, most))

    def see(self, columns: FloatArray, states: NDArray[np.float16] | None = None) -> FloatArray:
        local = np.zeros_like(columns)
        if states is not None and states.shape[1]:
            for start in range(0, len(states), BATCH):
                part = states[start : start + BATCH]
                local[:, start : start + BATCH] = self._weighed(part.astype(np.float32)).T
        return self.picture(np.concatenate([columns, local]))

    def logits(self, text: FloatArray, seen: FloatArray) -> FloatArray:
        return self.space.logits(text, seen)

    def pair_logits(self, texts: FloatArray, seen: FloatArray) -> FloatArray:
        return self.space.pair_logits(texts, seen)

    def _weighed(self, states: FloatArray) -> FloatArray:
        """The weighed mean of patches [n, patches, dim], [n, dim]; zero where there are none."""
        is_there = np.asarray(states.any(axis=(1, 2)))
        for layer in self.layers:
            states = layer(states)
        weights = _softmax(states @ self.pool)
        found: FloatArray = (weights[:, None] @ states)[:, 0] * is_there[:, None]
        return found


def _softmax(scores: FloatArray) -> FloatArray:
    found = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(found / found.sum(axis=-1, keepdims=True), np.float32)
