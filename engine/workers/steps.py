"""What happens at the end of every denoising step: news, previews, and a stop where one is due."""

import time
from collections import deque
from typing import Any, Protocol, TypeAlias

from engine.workers.previews import Previewer
from engine.workers.schedulers import Glimpse

Tensors: TypeAlias = dict[str, Any]
Pipeline: TypeAlias = Any

_RECENT = 8


class Watcher(Protocol):
    """Is told how a picture gets on; `check` raises to stop it."""

    def check(self) -> None: ...
    def step(self, step: int, total: int, seconds_a_step: float) -> None: ...
    def decoding(self) -> None: ...
    def stepped_down(self, what: str, why: str) -> None: ...


class Steps:
    """Counts the steps of one run and measures their time."""

    def __init__(
        self, watcher: Watcher, glimpse: Glimpse | None, previewer: Previewer | None
    ) -> None:
        self._watcher = watcher
        self._glimpse = glimpse
        self._previewer = previewer
        self._times = deque([time.perf_counter()], maxlen=_RECENT)

    def done(self, pipe: Pipeline, index: int, timestep: object, tensors: Tensors) -> Tensors:
        """Take note of a step, as diffusers' `callback_on_step_end`."""
        self._watcher.check()
        self._times.append(time.perf_counter())
        pace = (self._times[-1] - self._times[0]) / (len(self._times) - 1)
        self._watcher.step(index + 1, pipe.num_timesteps, pace)
        if self._previewer and self._glimpse and self._glimpse.latents is not None:
            self._previewer.offer(self._glimpse.latents)
        return {}
