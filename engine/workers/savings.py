"""Less memory where it runs out: what a pipeline can give up, step by step."""

import math
from typing import Any, TypeAlias

from engine.models.generator_info import AUTOENCODERS
from engine.models.parameters import GenerationParameters
from engine.states import Device

Pipeline: TypeAlias = Any
Autoencoder: TypeAlias = Any

SHRINK = math.sqrt(0.5)
MAX_SHRINKS = 4


def autoencoder_of(pipe: Pipeline) -> Autoencoder:
    """Return the part that turns latents into pictures."""
    names = [name for name in AUTOENCODERS if getattr(pipe, name, None) is not None]
    return getattr(pipe, names[0])


def smaller(
    parameters: GenerationParameters, multiple: int, smallest: int
) -> GenerationParameters | None:
    """Return half the area in the same shape, in multiples; None below `smallest`."""
    width = _rounded(parameters.width * SHRINK, multiple)
    height = _rounded(parameters.height * SHRINK, multiple)
    is_same = (width, height) == (parameters.width, parameters.height)
    if min(width, height) < smallest or is_same:
        return None
    return parameters.sized(width, height)


def _rounded(side: float, multiple: int) -> int:
    return max(1, round(side / multiple)) * multiple


class MemorySavings:
    """What a pipeline does without for want of memory; it stays so for the next pictures.

    What a pipeline cannot do without is passed over.
    """

    def __init__(self, pipe: Pipeline, device: str) -> None:
        self._pipe = pipe
        self._device = device
        self.taken: list[str] = []
        """The savings in force, in the words for people."""

    def save(self, *, is_decoding: bool) -> str | None:
        """Give up some speed for memory; return what, or None where nothing is left to give up."""
        if is_decoding and self._can_tile() and self._take("the picture decoded in tiles"):
            autoencoder_of(self._pipe).enable_tiling()
        elif not is_decoding and self._can_slice() and self._take("attention in slices"):
            self._pipe.enable_attention_slicing("auto")
        else:
            return self.offload()
        return self.taken[-1]

    def offload(self) -> str | None:
        """Leave the models in the machine's memory, for a pipeline that does not fit the GPU."""
        can_offload = hasattr(self._pipe, "enable_model_cpu_offload")
        if self._device != Device.CUDA or not can_offload:
            return None
        if not self._take("models kept in the machine's memory"):
            return None
        self._pipe.enable_model_cpu_offload()
        return self.taken[-1]

    def _can_slice(self) -> bool:
        parts = getattr(self._pipe, "components", {}).values()
        return any(hasattr(part, "set_attention_slice") for part in parts)

    def _can_tile(self) -> bool:
        return hasattr(autoencoder_of(self._pipe), "use_tiling")

    def _take(self, what: str) -> bool:
        if what in self.taken:
            return False
        self.taken.append(what)
        return True
