"""The process that trains: `python -m engine.workers.trainer DEVICE`.

The call `fit` takes arrays in the order of ARRAYS for training, then for validation, then texts and
pictures to score at the end. It reports loss and validation figures, and keeps a checkpoint after
each epoch from which the same call goes on. For the storybook `draw` draws scenes, `captions` says
what is true and false of them, and `fit_drawn` learns from both.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.wire import Json, Reply
from engine.workers.loop import Call, serve

if TYPE_CHECKING:
    from engine.workers.fitting import Told

ARRAYS = ("texts", "pictures", "text", "picture", "false", "false_of", "also_text", "also_picture")
INTERVAL_S = 0.2


class Trainer:
    """Answers `fit`."""

    def __init__(self, device: str) -> None:
        self._device = device

    def draw(self, call: Call) -> Reply:
        """Draw the pictures `start` to `stop` of a set as the encoder in `folder` takes them."""
        from engine.models.input_spec import read_input_spec
        from engine.workers.drawn_run import cached_set

        asked = call.request
        spec = read_input_spec(Path(asked.text("folder")))
        drawn = cached_set(asked.text("name"), asked.whole("count"))
        return Reply(arrays=[drawn.pixels(asked.whole("start"), asked.whole("stop"), spec)])

    def captions(self, call: Call) -> Reply:
        """What is said of a set's pictures, and how many pictures there are."""
        from engine.workers.drawn_run import cached_set, captions_of

        name, count = call.request.text("name"), call.request.whole("count")
        size = len(cached_set(name, count))
        return Reply(fields={"captions": list(captions_of(name, count)), "size": size})

    def fit_drawn(self, call: Call) -> Reply:
        """Fit on drawn sets: arrays are texts and pictures of the train set and of the other."""
        call.report(stage="starting")
        from engine.workers.drawn_run import fit_drawn, fit_of

        asked = call.request
        texts, pictures, other_texts, other_pictures = (
            array.astype(np.float32, copy=False) for array in asked.arrays
        )
        fit = fit_of(dict(asked.mapping("settings")))
        weights, found = fit_drawn(
            (asked.whole("train"), asked.whole("validation")),
            (texts, pictures),
            (other_texts, other_pictures),
            fit,
            _Teller(call),
        )
        named = asdict(weights)
        fields: dict[str, Json] = {
            "names": list(named),
            "device": "cpu",
            "epochs": fit.epochs,
            "validation_map": found.average_precision,
        }
        return Reply(fields=fields, arrays=[*named.values(), np.zeros((0, 0), np.float32)])

    def fit(self, call: Call) -> Reply:
        """Fit what the field `kind` names, `matcher` or `two-branch`."""
        call.report(stage="starting")
        # Torch takes seconds to import: the process listens before that.
        from engine.workers.device import choose
        from engine.workers.training_run import run

        device = choose(self._device, "fp32").device
        train, validation, rest = _split(call.request.arrays)
        settings = dict(call.request.mapping("settings"))
        found = run(
            kind=call.request.text("kind"),
            train=train,
            validation=validation,
            scored=(rest[0].astype(np.float32), rest[1].astype(np.float32)),
            settings=settings,
            device=device,
            checkpoint=call.request.text("checkpoint"),
            tell=_Teller(call),
        )
        fields: dict[str, Json] = {**found.fields, "names": list(found.arrays), "device": device}
        return Reply(fields=fields, arrays=[*found.arrays.values(), found.scores])


def _split(
    arrays: Sequence[NDArray[np.generic]],
) -> tuple[
    dict[str, NDArray[np.generic]], dict[str, NDArray[np.generic]], Sequence[NDArray[np.generic]]
]:
    size = len(ARRAYS)
    train = dict(zip(ARRAYS, arrays[:size], strict=True))
    validation = dict(zip(ARRAYS, arrays[size : 2 * size], strict=True))
    return train, validation, arrays[2 * size :]


class _Teller:
    """Passes figures on, now and then, and stops a call that was cancelled."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._told = 0.0

    def __call__(self, told: Told) -> None:
        self._call.check()
        now = time.monotonic()
        is_between = told.stage in ("metric", "step") and told.step < told.steps
        if is_between and now - self._told < INTERVAL_S:
            return
        self._told = now
        self._call.report(**asdict(told))


def main() -> None:
    """Serve until the parent goes away."""
    trainer = Trainer(sys.argv[1])
    serve(
        {
            "fit": trainer.fit,
            "draw": trainer.draw,
            "captions": trainer.captions,
            "fit_drawn": trainer.fit_drawn,
        }
    )


if __name__ == "__main__":
    main()
