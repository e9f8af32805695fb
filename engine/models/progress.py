"""What the generator reports while it paints: plain values, each making the earlier ones stale."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.states import OutputCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintEvent:
    """Base of what is reported between the request and the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(PaintEvent):
    """Another process of this program paints on the device; comes again until it has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading(PaintEvent):
    """The model is on its way into memory."""

    stage: str
    """For people: 'starting the model process', 'loading unet'."""
    done: int
    """Bytes of weights."""
    total: int
    """Bytes of weights; 0 while unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(PaintEvent):
    """A denoising step is done."""

    step: int
    """Counted from 1."""
    total: int
    seconds_a_step: float
    eta_s: float
    """Seconds until the last step, without the decoding after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview(PaintEvent):
    """What the picture looks like so far, small."""

    rgb: bytes
    """uint8 [height, width, 3]."""
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding(PaintEvent):
    """All steps are done; the latents become a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SteppedDown(PaintEvent):
    """Memory ran out and the generator tries again with less."""

    what: str
    """What changes: 'attention in slices', 'a smaller picture: 448 x 320'."""
    why: str


OnPaintEvent: TypeAlias = Callable[[PaintEvent], None]
"""Is called on the event loop, and must return at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Painted:
    """One picture, and what really made it: a step-down may have changed the size."""

    pixels: NDArray[np.uint8]
    """[height, width, 3]."""
    verdict: OutputCheck
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
