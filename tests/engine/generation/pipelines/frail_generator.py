"""The generator's process, out of memory where the prompt says so: `out of memory 2 times`."""

import re

import torch

from engine.workers import generator, painter
from engine.workers.ladder import Size
from engine.workers.previews import Previewer
from engine.workers.steps import Watcher


class FrailPainter(painter.Painter):
    """Fails as often as its prompt says before it paints."""

    def _denoise(
        self, task: painter.Task, size: Size, watcher: Watcher, previewer: Previewer | None
    ) -> torch.Tensor:
        asked = re.search(r"out of memory (\d) times", task.prompt)
        self.failures = getattr(self, "failures", 0) if asked else 0
        if asked and self.failures < int(asked[1]):
            self.failures += 1
            raise torch.OutOfMemoryError("out of memory: there are 8 MiB left")
        return super()._denoise(task, size, watcher, previewer)


if __name__ == "__main__":
    from engine.workers import hosted

    hosted.Painter = FrailPainter  # type: ignore[attr-defined]
    generator.main()
