"""The process of the generator: `python -m engine.workers.generator DEVICE DTYPE MAPS [TAESD]`.

Calls: `load`, `paint`, `memory`. One model is loaded at a time, by the first call that names it.
MAPS is the file that keeps the linear previews of models, TAESD a folder with a tiny decoder.
"""

import gc
import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.wire import Reply
from engine.workers.loop import Call, serve

if TYPE_CHECKING:
    from engine.workers.hosted import Hosted


class Generator:
    """Answers the calls, and holds the model that was used last."""

    def __init__(self, device: str, dtype: str, maps: Path, taesd: Path | None) -> None:
        self._device = device
        self._dtype = dtype
        self._maps = maps
        self._taesd = taesd
        self._hosted: Hosted | None = None

    def load(self, call: Call) -> Reply:
        """Load the model that the fields name and say how it runs."""
        hosted = self._host(call)
        choice = hosted.choice
        return Reply(
            fields={
                "device": choice.device,
                "dtype": choice.dtype,
                "name": choice.name,
                "notes": hosted.notes,
            }
        )

    def paint(self, call: Call) -> Reply:
        """Paint the picture that the fields describe."""
        return self._host(call).paint(call)

    def memory(self, call: Call) -> Reply:
        """Say how much memory this process holds, in bytes, its own and the GPU's."""
        import psutil

        device = 0
        if self._hosted is not None and self._hosted.choice.device == "cuda":
            import torch

            device = torch.cuda.memory_reserved()
        return Reply(fields={"process": psutil.Process().memory_info().rss, "device": device})

    def _host(self, call: Call) -> "Hosted":
        model = call.request.mapping("model")
        if self._hosted is not None and self._hosted.model == model:
            return self._hosted
        self._hosted = None
        gc.collect()
        call.report(event="loading", stage="starting the model process", done=0, total=0)
        from engine.workers.device import choose, free_cache
        from engine.workers.hosted import Hosted

        choice = choose(self._device, self._dtype)
        if choice.device == "cpu" and self._dtype == "auto":
            # On CPUs that know bf16 a UNet takes as long in it, and a small one twice as long.
            choice = replace(choice, dtype="fp32")
        call.check()
        free_cache(choice.device)
        self._hosted = Hosted.load(model, choice, call, self._maps, self._taesd)
        return self._hosted


def main() -> None:
    """Serve until the parent goes away; nothing is ever fetched from here."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    warnings.simplefilter("ignore")
    device, dtype, maps, *taesd = sys.argv[1:]
    generator = Generator(device, dtype, Path(maps), Path(taesd[0]) if taesd else None)
    serve({"load": generator.load, "paint": generator.paint, "memory": generator.memory})


if __name__ == "__main__":
    main()
