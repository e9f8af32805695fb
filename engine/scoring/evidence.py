"""What the pictures of a library say of texts, in so far as a decision needs it.

Of the logits of each text, the mean of the few largest ones and the mean of all (why these:
engine/scoring/decision.py). A tally gathers them from pictures that join in batches, or from a
random sample of the pictures, whose best are then taken farther out by extreme values.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.results import FloatArray

Floats: TypeAlias = NDArray[np.float64]

BEST = 5
"""Logits that are averaged; from 3 to 12 it makes no difference."""
EACH = 20
"""Pictures for each of them: the mean of all five of five would be no evidence."""
TAIL = 32
"""Largest logits that are kept of each background text."""
LIGHTER = 0.87
"""Measured growth over that of exponential tails: 114 to 914 photos of 1,828, three scorers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What the pictures say of T texts; float64 [T] each."""

    best: Floats
    """The mean of the largest logits, BEST of them from 100 pictures on."""
    chance: Floats
    """The mean logit."""


def counted(pictures: int) -> int:
    """How many of so many pictures are evidence."""
    return min(BEST, max(1, pictures // EACH))


def evidence_of(logits: FloatArray) -> Evidence:
    """The evidence in finite logits [T, N] of at least one picture."""
    count = counted(logits.shape[1])
    top = np.partition(logits, logits.shape[1] - count, axis=1)[:, -count:]
    return Evidence(
        best=top.mean(axis=1, dtype=np.float64), chance=logits.mean(axis=1, dtype=np.float64)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tally:
    """Logits of background texts over pictures, in so far as evidence needs them.

    Pictures join in batches, and none is scored twice; it does not matter in which order.
    """

    top: FloatArray
    """The TAIL largest logits of each text, descending, -inf where there are fewer; [B, TAIL]."""
    total: Floats
    """The sum of all logits, [B]."""
    seen: int
    """Pictures scored."""

    @classmethod
    def empty(cls, texts: int) -> Tally:
        """Of no picture."""
        top = np.full((texts, TAIL), -np.inf, np.float32)
        return cls(top=top, total=np.zeros(texts), seen=0)

    def joined(self, logits: FloatArray) -> Tally:
        """With the logits [B, n] of more pictures, -inf where one says nothing of a text."""
        both = np.concatenate([self.top, logits], axis=1)
        largest = np.partition(both, both.shape[1] - TAIL, axis=1)[:, -TAIL:]
        says, count = np.isfinite(logits), logits.shape[1]
        total = logits.sum(axis=1, dtype=np.float64, where=says)
        return Tally(
            top=np.sort(largest, axis=1)[:, ::-1],
            total=self.total + total * count / np.maximum(says.sum(axis=1), 1),
            seen=self.seen + count,
        )

    def evidence(self, pictures: int) -> Evidence:
        """The evidence over a library of `pictures`, of which those seen are a random sample.

        Logits far out become rarer by a factor e with every step of some length, so the best of k
        times as many pictures lies log k steps farther out. The step is the mean excess of the
        largest ones over the next (Hill 1975, of the odds), taken from all texts together; tails
        are a little lighter than that, which LIGHTER makes up for.
        """
        count = min(counted(pictures), self.seen)
        best = self.top[:, :count].mean(axis=1, dtype=np.float64)
        over = min(TAIL, self.seen) - 1
        if pictures > self.seen and over > 0:
            excess = self.top[:, :over].mean(axis=1, dtype=np.float64) - self.top[:, over]
            best += LIGHTER * float(np.median(excess)) * math.log(pictures / self.seen)
        return Evidence(best=best, chance=self.total / self.seen)

    def as_values(self) -> dict[str, str | int]:
        """What JSON keeps of it, to the last digit."""
        arrays = (self.top.astype("<f4"), self.total.astype("<f8"))
        top, total = (base64.b64encode(array.tobytes()).decode() for array in arrays)
        return {"top": top, "total": total, "seen": self.seen}

    @classmethod
    def from_values(cls, values: object) -> Tally:
        """What `as_values` gave. Raises ValueError, TypeError or KeyError for anything else."""
        if not isinstance(values, dict):
            raise TypeError("expected the values of a tally")
        top, total = (base64.b64decode(str(values[name])) for name in ("top", "total"))
        return cls(
            top=np.frombuffer(top, "<f4").reshape(-1, TAIL),
            total=np.frombuffer(total, "<f8"),
            seen=int(str(values["seen"])),
        )

    @property
    def texts(self) -> int:
        """How many texts it is of; 0 for one that is damaged."""
        return len(self.total) if len(self.total) == len(self.top) and self.seen > 0 else 0
