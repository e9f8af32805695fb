"""The heads whose two branches lead into a space of their own, where cosine is the score.

    logit = scale * cos(f(t), g(i)) + bias,  f(x) = gain * x + W2 ReLU(W1 x + b1) + b2

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

from engine.results import FloatArray

CHUNK = 4096
"""Pictures that a branch reads at once."""
_LEAST = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Branch:
    """One side: an embedding and what else it reads, into the learned space; all float32."""

    gain: FloatArray
    """[dim], of the embedding itself."""
    w1: FloatArray
    """[hidden, dim or more]."""
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
        dim, hidden = made.gain.shape[0] if made.gain.ndim == 1 else 0, made.b1.shape[:1]
        found = made.gain.shape, made.w1.shape, made.b1.shape, made.w2.shape, made.b2.shape
        expected = (dim,), (*hidden, read * dim), hidden, (dim, *hidden), (dim,)
        if not dim or hidden == (0,) or found != expected:
            raise ValueError(f"the weights of the {side} branch have wrong shapes: {found}")
        return made

    @property
    def dim(self) -> int:
        """Numbers in an embedding, and in a vector of the learned space."""
        return len(self.gain)

    def arrays(self, side: str) -> dict[str, FloatArray]:
        """What `of` reads."""
        return {f"{side}.{each.name}": getattr(self, each.name) for each in fields(self)}

    def __call__(self, columns: FloatArray) -> FloatArray:
        """Vectors as columns [dim or more, n] in the learned space, at unit length: [dim, n]."""
        found = np.empty((self.dim, columns.shape[1]), np.float32)
        for start in range(0, columns.shape[1], CHUNK):
            part = columns[:, start : start + CHUNK]
            hidden = self.w1 @ part
            hidden += self.b1[:, None]
            np.maximum(hidden, 0, out=hidden)
            out = self.w2 @ hidden
            out += self.b2[:, None]
            out += self.gain[:, None] * part[: self.dim]
            out /= np.maximum(np.linalg.norm(out, axis=0), _LEAST)
            found[:, start : start + CHUNK] = out
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwoBranch:
    """The head that reads one embedding a side."""

    text: Branch
    picture: Branch
    scale: FloatArray
    """[1]."""
    bias: FloatArray
    """[1]."""

    @classmethod
    def of(cls, arrays: Mapping[str, FloatArray]) -> TwoBranch:
        """Raises KeyError for weights that lack, ValueError for shapes that do not fit."""
        made = cls(
            text=Branch.of(arrays, "text"),
            picture=Branch.of(arrays, "picture"),
            scale=arrays["scale"],
            bias=arrays["bias"],
        )
        check_space(made.text, made.picture, made.scale, made.bias)
        return made

    @property
    def dim(self) -> int:
        return self.text.dim

    @property
    def pair_weights(self) -> int:
        return self.dim

    def arrays(self) -> dict[str, FloatArray]:
        sides = self.text.arrays("text") | self.picture.arrays("picture")
        return {**sides, "scale": self.scale, "bias": self.bias}

    def most_logit(self) -> float:
        return most_in_space(self.arrays())

    def see(self, columns: FloatArray) -> FloatArray:
        return self.picture(columns)

    def logits(self, text: FloatArray, seen: FloatArray) -> FloatArray:
        found: FloatArray = self.scale * (self.text(text[:, None])[:, 0] @ seen) + self.bias
        return found

    def pair_logits(self, texts: FloatArray, seen: FloatArray) -> FloatArray:
        products = (self.text(np.ascontiguousarray(texts.T)) * seen).sum(axis=0)
        found: FloatArray = self.scale * products + self.bias
        return found


def check_space(text: Branch, picture: Branch, scale: FloatArray, bias: FloatArray) -> None:
    """Raise ValueError where two branches do not meet, or a number is none."""
    shapes = (text.dim,), (picture.dim,), scale.shape, bias.shape
    if shapes != ((text.dim,), (text.dim,), (1,), (1,)):
        raise ValueError(f"the branches and the scale have wrong shapes: {shapes}")


def most_in_space(arrays: Mapping[str, FloatArray]) -> float:
    """The largest logit, or the largest number on the way to one."""
    sides = [name.rpartition(".")[0] for name in arrays if name.endswith("gain")]
    scale, bias = (abs(float(arrays[name][0])) for name in ("scale", "bias"))
    return max(scale + bias, *(_most_of(arrays, side) for side in sides))


def _most_of(arrays: Mapping[str, FloatArray], side: str) -> float:
    """The largest number that a branch makes of unit vectors, before it is at unit length."""
    w1, b1, w2, b2, gain = (
        np.abs(arrays[f"{side}.{name}"], dtype=np.float64)
        for name in ("w1", "b1", "w2", "b2", "gain")
    )
    return float((w2 @ (w1.sum(axis=1) + b1) + b2 + gain).max())
