"""The process of the generator: `python -m engine.workers.generator DEVICE DTYPE HOME [TAESD]`.

DEVICE may be one of several of its kind, such as `cuda:1`.

Calls: `load`, `generate`, `memory`. One model is loaded at a time, by the first call that names it.
HOME keeps the linear previews of models and the locks of devices, TAESD is a folder with a tiny
decoder.
"""

import gc
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.models.devices import kind_and_number, see_only
from engine.models.messages import Reply
from engine.states import Device, GenerationPhase, NumberFormat
from engine.uncollected import uncollected
from engine.workers.device import DeviceLock
from engine.workers.loop import Call, serve

if TYPE_CHECKING:
    from engine.workers.device import Choice
    from engine.workers.loaded_pipeline import LoadedPipeline

SIGN_S = 1.0
"""Who waits for the device gives a sign of life so often."""


class Generator:
    """Answers the calls, and holds the model that was used last."""

    def __init__(self, device: str, dtype: str, home: Path, taesd: Path | None) -> None:
        self._device, number = kind_and_number(device)
        self._number = "" if not number or self._device == Device.CUDA else f"-{number}"
        """Tells devices apart that have no name of their own."""
        self._dtype = dtype
        self._home = home
        self._taesd = taesd
        self._choice: Choice | None = None
        self._loaded: LoadedPipeline | None = None

    def load(self, call: Call) -> Reply:
        """Load the model that the fields name and say how it runs."""
        with self._alone(call) as choice:
            loaded = self._loaded_for(call, choice)
        choice = loaded.choice
        return Reply(
            fields={
                "device": choice.device,
                "dtype": choice.dtype,
                "name": choice.name,
                "warnings": loaded.warnings,
                "most_together": loaded.most_together,
            }
        )

    def generate(self, call: Call) -> Reply:
        """Generate the pictures that the fields describe."""
        with self._alone(call) as choice:
            return self._loaded_for(call, choice).generate(call)

    def memory(self, call: Call) -> Reply:
        """Say how much memory this process holds, in bytes, its own and the GPU's."""
        import psutil

        device = 0
        if self._loaded is not None and self._loaded.choice.device == Device.CUDA:
            import torch

            device = torch.cuda.memory_reserved()
        return Reply(fields={"process": psutil.Process().memory_info().rss, "device": device})

    @contextmanager
    def _alone(self, call: Call) -> Iterator["Choice"]:
        """Have the device for the block: another process may be generating on it."""
        choice, waiting = self._choose(call), _Waiting(call)
        with DeviceLock(self._home / "locks", choice.key + self._number).hold(waiting.go_on):
            if waiting.reported_at is not None:
                call.report(event=GenerationPhase.LOADING, stage="beginning", done=0, total=0)
            yield choice

    def _choose(self, call: Call) -> "Choice":
        if self._choice is None:
            call.report(
                event=GenerationPhase.LOADING, stage="starting the model process", done=0, total=0
            )
            with uncollected():
                import engine.workers.loaded_pipeline
            choice = engine.workers.device.choose(self._device, self._dtype)
            if choice.device == Device.CPU and self._dtype == NumberFormat.AUTO:
                # On CPUs that know bf16 a UNet takes as long in it, and a small one twice as long.
                choice = replace(choice, dtype=NumberFormat.FP32)
            self._choice = choice
        return self._choice

    def _loaded_for(self, call: Call, choice: "Choice") -> "LoadedPipeline":
        model = call.request.mapping("model")
        if self._loaded is not None and self._loaded.model == model:
            return self._loaded
        self._loaded = None
        gc.collect()
        from engine.workers.device import free_cache
        from engine.workers.loaded_pipeline import LoadedPipeline

        call.check()
        free_cache(choice.device)
        maps = self._home / "previews.json"
        self._loaded = LoadedPipeline.load(model, choice, call, maps, self._taesd)
        return self._loaded


class _Waiting:
    """Says that a call waits for its device."""

    def __init__(self, call: Call) -> None:
        self.reported_at: float | None = None
        """When it was said last; None where it did not have to wait."""
        self._call = call

    def go_on(self) -> None:
        """Give a sign of life now and then; a cancelled call goes on no more."""
        self._call.check()
        now = time.monotonic()
        if self.reported_at is None:
            self._call.report(event=GenerationPhase.WAITING)
        elif now - self.reported_at >= SIGN_S:
            self._call.sign_of_life()
        else:
            return
        self.reported_at = now


def main() -> None:
    """Serve until the parent goes away; nothing is ever fetched from here."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    warnings.simplefilter("ignore")
    device, dtype, home, *taesd = sys.argv[1:]
    see_only(device)
    generator = Generator(device, dtype, Path(home), Path(taesd[0]) if taesd else None)
    serve({"load": generator.load, "generate": generator.generate, "memory": generator.memory})


if __name__ == "__main__":
    main()
