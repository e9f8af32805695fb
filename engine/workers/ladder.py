"""What a generator gives up, step by step, when memory runs out."""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

Pipeline: TypeAlias = Any

PAINTING = "painting"
DECODING = "decoding"

SHRINK = math.sqrt(0.5)
MAX_SHRINKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Pixels of a picture."""

    width: int
    height: int

    @property
    def words(self) -> str:
        """What is told of a picture that was made this small."""
        return f"a smaller picture: {self.width} x {self.height}"

    def smaller(self, multiple: int, smallest: int) -> "Size | None":
        """Return half the area in the same shape, in multiples; None below `smallest`."""
        width = _rounded(self.width * SHRINK, multiple)
        height = _rounded(self.height * SHRINK, multiple)
        if min(width, height) < smallest or (width, height) == (self.width, self.height):
            return None
        return Size(width=width, height=height)


class Ladder:
    """Steps down for one pipeline; what costs only time is kept for the pictures that follow."""

    def __init__(self, pipe: Pipeline, device: str) -> None:
        self._pipe = pipe
        self._device = device
        self.taken: list[str] = []
        """The steps in force, in the words for people."""

    def step_down(self, phase: str) -> str | None:
        """Give up some speed for memory in `phase`; return what, or None at the foot."""
        if phase == PAINTING and self._take("attention in slices"):
            self._pipe.enable_attention_slicing("auto")
        elif phase == DECODING and self._take("the picture decoded in tiles"):
            self._pipe.vae.enable_tiling()
        elif self._device == "cuda" and self._take("models kept in the machine's memory"):
            self._pipe.enable_model_cpu_offload()
        else:
            return None
        return self.taken[-1]

    def offload(self) -> str | None:
        """Leave the models in the machine's memory, for a pipeline that does not fit the GPU."""
        if self._device != "cuda" or not self._take("models kept in the machine's memory"):
            return None
        self._pipe.enable_model_cpu_offload()
        return self.taken[-1]

    def _take(self, what: str) -> bool:
        if what in self.taken:
            return False
        self.taken.append(what)
        return True


def _rounded(side: float, multiple: int) -> int:
    return max(1, round(side / multiple)) * multiple
