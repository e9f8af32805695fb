"""The generator's process, failing as the prompt says.

`out of memory 2 times`, `out of memory 2 times while decoding`, `not a number`.
"""

import re

import numpy as np
import torch
from numpy.typing import NDArray

from engine.states import OutputCheck
from engine.workers import denoising as painter
from engine.workers import generator
from engine.workers.denoising import Size, Watcher
from engine.workers.previews import Previewer


class FrailPainter(painter.Painter):
    """Fails as often as its prompt says before it paints."""

    _left = 0
    _prompt = ""

    def paint(
        self, task: painter.Task, watcher: Watcher, previewer: Previewer | None
    ) -> painter.Result:
        asked = re.search(r"out of memory (\d) times", task.prompt)
        self._left, self._prompt = int(asked[1]) if asked else 0, task.prompt
        return super().paint(task, watcher, previewer)

    def _denoise(
        self, task: painter.Task, size: Size, watcher: Watcher, previewer: Previewer | None
    ) -> torch.Tensor:
        if "while decoding" not in task.prompt:
            self._fail()
        latents = super()._denoise(task, size, watcher, previewer)
        return latents * torch.nan if "not a number" in task.prompt else latents

    def _decode(
        self, latents: torch.Tensor, notes: list[str]
    ) -> tuple[NDArray[np.uint8], OutputCheck]:
        if "while decoding" in self._prompt:
            self._fail()
        return super()._decode(latents, notes)

    def _fail(self) -> None:
        if self._left:
            self._left -= 1
            raise torch.OutOfMemoryError("out of memory: there are 8 MiB left")


if __name__ == "__main__":
    from engine.workers import loaded_pipeline as hosted

    hosted.Painter = FrailPainter  # type: ignore[attr-defined]
    generator.main()
