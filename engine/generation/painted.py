"""A painted picture as it leaves the model process."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FINE = "fine"
BLACK = "black"
NAN = "nan"
BLOCKED = "blocked"
VERDICTS = (FINE, BLACK, NAN, BLOCKED)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Painted:
    """One picture, and what really made it: a step-down may have changed the size."""

    pixels: NDArray[np.uint8]
    """[height, width, 3]."""
    verdict: str
    """fine, black (no pixel is lit), nan (the model computed no numbers), or blocked (by the
    model's own safety checker). Only fine is a success."""
    model_id: str
    seed: int
    steps: int
    guidance: float
    width: int
    height: int
    scheduler: str
    device: str
    """cuda, mps or cpu."""
    dtype: str
    """bf16, fp16 or fp32."""
    seconds: float
    """From the first step to the picture; loading the model is not in it."""
    steps_down: tuple[str, ...] = ()
    """What was given up for want of memory, in this order."""
    notes: tuple[str, ...] = ()
    """What the person should know, such as words that the text tower cut off."""
