"""The heads whose two branches lead into a space of their own, where cosine is the score.

    logit = scale * cos(f(t), g(i)) + bias,  f(x) = sum_k gain_k * x_k + W2 ReLU(W1 x + b1) + b2

where x is made of one or more vectors x_k of the encoder's space, the embedding first.

f reads the embedding of a text, g what there is of a picture. This is the embedding network of
Wang, Li, Huang and Lazebnik (2018), "Learning two-branch neural networks for image-text matching
tasks": two layers a side, unit length. The embedding itself is added, as a residual
(Gao et al., 2021, "CLIP-Adapter"), so that training starts from the cosine and not from nothing.

What g makes of a picture depends on no text: it is computed once for a library, and a query costs
one product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray

CHUNK = 4096
"""Pictures that a branch reads at once."""
_LEAST = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Branch:
    """One side: an embedding and what else it reads, into the learned space; all float32."""

    gain: FloatArray
    """[read * dim], of what it reads: the embedding, and what follows it."""
    w1: FloatArray
    """[hidden, read * dim]."""
    b1: FloatArray
    """[hidden]."""
    w2: FloatArray
    """[dim, hidden]."""
    b2: FloatArray
    """[dim]."""

    @classmethod
    def of(cls, arrays: Mapping[str, FloatArray], side: str, read: int = 1) -> Branch:
        """The branch of a side, that reads so many vectors of dim.

        Raises KeyError for weights that lack, ValueError for shapes that do not fit.
        """
        made = cls(**{each.name: arrays[f"{side}.{each.name}"] for each in fields(cls)})
        dim, hidden = made.b2.shape[0] if made.b2.ndim == 1 else 0, made.b1.shape[:1]
        found = made.gain.shape, made.w1.shape, made.b1.shape, made.w2.shape, made.b2.shape
        expected = (read * dim,), (*hidden, read * dim), hidden, (dim, *hidden), (dim,)
        if not dim or hidden == (0,) or found != expected:
            raise ValueError(f"the weights of the {side} branch have wrong shapes: {found}")
        return made

    @property
    def dim(self) -> int:
        """Numbers in an embedding, and in a vector of the learned space."""
        return len(self.b2)

    def arrays(self, side: str) -> dict[str, FloatArray]:
        """What `of` reads."""
        return {f"{side}.{each.name}": getattr(self, each.name) for each in fields(self)}

    def __call__(self, columns: FloatArray) -> FloatArray:
        """Vectors as columns [read * dim, n] in the learned space, at unit length: [dim, n]."""
        found = np.empty((self.dim, columns.shape[1]), np.float32)
        for start in range(0, columns.shape[1], CHUNK):
            part = columns[:, start : start + CHUNK]
            hidden = self.w1 @ part
            hidden += self.b1[:, None]
            np.maximum(hidden, 0, out=hidden)
            out = self.w2 @ hidden
            out += self.b2[:, None]
            grown = self.gain[:, None] * part
            out += grown.reshape(-1, self.dim, part.shape[1]).sum(axis=0)
            out /= np.maximum(np.linalg.norm(out, axis=0), _LEAST)
            found[:, start : start + CHUNK] = out
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedSpace:
    """Where texts and pictures meet: the branch of texts, and what makes a cosine a logit."""

    text: Branch
    scale: FloatArray
    """[1]."""
    bias: FloatArray
    """[1]."""

    @classmethod
    def of(cls, arrays: Mapping[str, FloatArray], picture: Branch) -> LearnedSpace:
        """Where a branch of pictures leads. Raises KeyError, and ValueError for wrong shapes."""
        made = cls(text=Branch.of(arrays, "text"), scale=arrays["scale"], bias=arrays["bias"])
        shapes = (picture.dim,), made.scale.shape, made.bias.shape
        if shapes != ((made.text.dim,), (1,), (1,)):
            raise ValueError(f"the branches and the scale have wrong shapes: {shapes}")
        return made

    def arrays(self) -> dict[str, FloatArray]:
        """What `of` reads."""
        return {**self.text.arrays("text"), "scale": self.scale, "bias": self.bias}

    def most_logit(self) -> float:
        """The largest logit, or number on the way of a text."""
        return max(float(abs(self.scale[0]) + abs(self.bias[0])), most_of_branch(self.text))

    def logits(self, text: FloatArray, seen: FloatArray) -> FloatArray:
        """Of a text [dim] for pictures in the space [dim, N]; [N]."""
        found: FloatArray = self.scale * (self.text(text[:, None])[:, 0] @ seen) + self.bias
        return found

    def pair_logits(self, texts: FloatArray, seen: FloatArray) -> FloatArray:
        """Of texts [n, dim], each for one picture of [dim, n]; [n]."""
        products = (self.text(np.ascontiguousarray(texts.T)) * seen).sum(axis=0)
        found: FloatArray = self.scale * products + self.bias
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwoBranch:
    """The head that reads one embedding a side."""

    space: LearnedSpace
    picture: Branch

    @classmethod
    def of(cls, arrays: Mapping[str, FloatArray]) -> TwoBranch:
        """Raises KeyError for weights that lack, ValueError for shapes that do not fit."""
        picture = Branch.of(arrays, "picture")
        return cls(space=LearnedSpace.of(arrays, picture), picture=picture)

    @property
    def dim(self) -> int:
        return self.picture.dim

    @property
    def pair_weights(self) -> int:
        return self.dim

    def arrays(self) -> dict[str, FloatArray]:
        return self.space.arrays() | self.picture.arrays("picture")

    def most_logit(self) -> float:
        return max(self.space.most_logit(), most_of_branch(self.picture))

    def see(self, columns: FloatArray, states: NDArray[np.float16] | None = None) -> FloatArray:
        return self.picture(columns)

    def logits(self, text: FloatArray, seen: FloatArray) -> FloatArray:
        return self.space.logits(text, seen)

    def pair_logits(self, texts: FloatArray, seen: FloatArray) -> FloatArray:
        return self.space.pair_logits(texts, seen)


def most_of_branch(branch: Branch, most: float = 1.0) -> float:
    """The largest number that a branch makes of numbers up to `most`, before unit length."""
    w1, b1, w2, b2, gain = (
        np.abs(each, dtype=np.float64)
        for each in (branch.w1, branch.b1, branch.w2, branch.b2, branch.gain)
    )
    straight = most * gain.reshape(-1, len(b2)).sum(axis=0)
    return float((w2 @ (most * w1.sum(axis=1) + b1) + b2 + straight).max())
