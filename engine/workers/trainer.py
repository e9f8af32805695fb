"""The process that trains: `python -m engine.workers.trainer DEVICE`.

The call `fit` takes arrays in the order of ARRAYS for training, then for validation. It reports
loss and validation figures, and keeps a checkpoint after each epoch from which the same call goes
on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.models.messages import Json, Reply
from engine.states import FitStage
from engine.workers.loop import Call, serve

if TYPE_CHECKING:
    from engine.workers.fitting import FitProgress

ARRAYS = ("texts", "pictures", "text", "picture", "false", "false_of", "states")
INTERVAL_S = 0.2


class Trainer:
    """Answers `fit`."""

    def __init__(self, device: str) -> None:
        self._device = device

    def fit(self, call: Call) -> Reply:
        """Fit the head of the field `head` by the loss of the field `loss`."""
        call.report(stage="starting")
        # Torch takes seconds to import: the process listens before that.
        from engine.workers.device import choose
        from engine.workers.training_run import run

        device = choose(self._device, "fp32").device
        train, validation = _split(call.request.arrays)
        settings = dict(call.request.mapping("settings"))
        found = run(
            head=call.request.text("head"),
            loss=call.request.text("loss"),
            train=train,
            validation=validation,
            settings=settings,
            device=device,
            checkpoint=call.request.text("checkpoint"),
            report=_Reporter(call),
        )
        fields: dict[str, Json] = {**found.fields, "names": list(found.arrays), "device": device}
        return Reply(fields=fields, arrays=list(found.arrays.values()))


def _split(
    arrays: Sequence[NDArray[np.generic]],
) -> tuple[dict[str, NDArray[np.generic]], dict[str, NDArray[np.generic]]]:
    size = len(ARRAYS)
    train = dict(zip(ARRAYS, arrays[:size], strict=True))
    return train, dict(zip(ARRAYS, arrays[size:], strict=True))


class _Reporter:
    """Passes figures on, now and then, and stops a call that was cancelled."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._reported = 0.0

    def __call__(self, progress: FitProgress) -> None:
        self._call.check()
        now = time.monotonic()
        is_between = (
            progress.stage in (FitStage.METRIC, FitStage.STEP) and progress.step < progress.steps
        )
        if is_between and now - self._reported < INTERVAL_S:
            return
        self._reported = now
        self._call.report(**asdict(progress))


def main() -> None:
    """Serve until the parent goes away."""
    trainer = Trainer(sys.argv[1])
    serve({"fit": trainer.fit})


if __name__ == "__main__":
    main()
