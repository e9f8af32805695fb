"""The generator's process, failing as the prompt says.

`out of memory 2 times`, `out of memory 2 times while decoding`, `not a number`.
"""

import re
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from engine.models.generator_messages import GeneratedImage
from engine.models.parameters import GenerationParameters, Texts
from engine.states import OutputCheck
from engine.workers import generator
from engine.workers.denoising import Denoiser, Watcher, _Draft
from engine.workers.previews import Previewer


class FrailDenoiser(Denoiser):
    """Fails as often as its prompt says before it generates."""

    _left = 0
    _prompt = ""

    def generate_batch(
        self,
        parameters: GenerationParameters,
        seeds: Sequence[int],
        watcher: Watcher,
        previewer: Previewer | None,
        texts: Sequence[Texts] = (),
    ) -> list[GeneratedImage]:
        asked = re.search(r"out of memory (\d) times", parameters.prompt)
        self._left, self._prompt = int(asked[1]) if asked else 0, parameters.prompt
        return super().generate_batch(parameters, seeds, watcher, previewer, texts)

    def _denoise(
        self, draft: _Draft, watcher: Watcher, previewer: Previewer | None
    ) -> torch.Tensor:
        if "while decoding" not in self._prompt:
            self._fail()
        latents = super()._denoise(draft, watcher, previewer)
        return latents * torch.nan if "not a number" in self._prompt else latents

    def _decode(
        self, latents: torch.Tensor, warnings: list[str]
    ) -> tuple[NDArray[np.uint8] | None, OutputCheck]:
        if "while decoding" in self._prompt:
            self._fail()
        return super()._decode(latents, warnings)

    def _fail(self) -> None:
        if self._left:
            self._left -= 1
            raise torch.OutOfMemoryError("out of memory: there are 8 MiB left")


if __name__ == "__main__":
    from engine.workers import loaded_pipeline

    loaded_pipeline.Denoiser = FrailDenoiser  # type: ignore[attr-defined]
    generator.main()
