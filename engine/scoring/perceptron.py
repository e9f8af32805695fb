"""The head of two layers over [t; i; |t - i|; t * i].

    logit = W2 . ReLU(W1 x + b1) + b2,  x = [t; i; |t - i|; t * i]

W1 is used in four blocks, so that x is never built, and |t - i| = 2 max(t, i) - t - i:

    W1 x = (Wt - Wd) t + (Wi + Wh diag(t) - Wd) i + 2 Wd max(t, i)
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray

CHUNK = 4096
"""Pictures at a time: the larger numbers, 8 MB at 512 a picture, stay in the processor's cache."""

_kept = threading.local()


def _scratch(dim: int, hidden: int, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Arrays [dim, count] and twice [hidden, count], of whatever content.

    A thread keeps them: the system takes such large ones back when they are let go of, and clearing
    new ones for every block costs about a quarter of a query.
    """
    shape = dim, hidden, count
    if getattr(_kept, "shape", None) != shape:
        _kept.shape = shape
        _kept.arrays = tuple(np.empty((rows, count), np.float32) for rows in (dim, hidden, hidden))
    found: tuple[FloatArray, FloatArray, FloatArray] = _kept.arrays
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Perceptron:
    """Its weights, all float32."""

    w1: FloatArray
    """[hidden, 4 dim], in the order t, i, |t - i|, t * i."""
    b1: FloatArray
    """[hidden]."""
    w2: FloatArray
    """[1, hidden]."""
    b2: FloatArray
    """[1]."""

    @classmethod
    def of(cls, arrays: Mapping[str, FloatArray]) -> Perceptron:
        """Raises KeyError for weights that lack, ValueError for shapes that do not fit."""
        made = cls(**{name: arrays[name] for name in ("w1", "b1", "w2", "b2")})
        hidden = made.b1.shape[0] if made.b1.ndim == 1 else 0
        expected = (hidden, made.w1.shape[-1]), (hidden,), (1, hidden), (1,)
        found = made.w1.shape, made.b1.shape, made.w2.shape, made.b2.shape
        if not hidden or found != expected or made.w1.shape[1] % 4:
            raise ValueError(f"the weights have wrong shapes: {found}")
        return made

    @property
    def dim(self) -> int:
        return int(self.w1.shape[1]) // 4

    @property
    def pair_weights(self) -> int:
        return self.w1.size // 4

    def arrays(self) -> dict[str, FloatArray]:
        return {"w1": self.w1, "b1": self.b1, "w2": self.w2, "b2": self.b2}

    def most_logit(self) -> float:
        w1, b1, w2, b2 = (np.abs(array, dtype=np.float64) for array in self.arrays().values())
        return float((w2 @ (w1.sum(axis=1) + b1) + b2)[0])

    def see(self, columns: FloatArray, states: NDArray[np.float16] | None = None) -> FloatArray:
        return columns

    def logits(self, text: FloatArray, seen: FloatArray) -> FloatArray:
        w_text, w_picture, w_difference, w_product = np.split(self.w1, 4, axis=1)
        constant = ((w_text - w_difference) @ text + self.b1)[:, None]
        w_linear = w_picture + w_product * text - w_difference
        w_larger = 2 * w_difference
        count = seen.shape[1]
        logits = np.empty(count, np.float32)
        for start in range(0, count, CHUNK):
            part = seen[:, start : start + CHUNK]
            larger, hidden, more = _scratch(self.dim, len(self.b1), part.shape[1])
            np.matmul(w_linear, part, out=hidden)
            np.matmul(w_larger, np.maximum(part, text[:, None], out=larger), out=more)
            hidden += more
            hidden += constant
            np.maximum(hidden, 0, out=hidden)
            logits[start : start + CHUNK] = (self.w2 @ hidden)[0] + self.b2
        return logits

    def pair_logits(self, texts: FloatArray, seen: FloatArray) -> FloatArray:
        logits = np.empty(len(texts), np.float32)
        for start in range(0, len(texts), CHUNK):
            t, i = texts[start : start + CHUNK], seen[:, start : start + CHUNK].T
            x = np.concatenate([t, i, np.abs(t - i), t * i], axis=1)
            hidden = np.maximum(x @ self.w1.T + self.b1, 0)
            logits[start : start + CHUNK] = (hidden @ self.w2.T + self.b2)[:, 0]
        return logits
