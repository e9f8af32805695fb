"""The process of one encoder: `python -m engine.workers.encoder FOLDER DEVICE DTYPE`.

DEVICE may be one of several of its kind, such as `cuda:1`.

Calls: `load`, `texts`, `pixels`, `patches`, `tokens`, `device`, `int8`, `hold`, `logits`. Torch is
imported by the first call that needs it, so that the process listens, and can be told to end, from
its first moment.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import EngineError
from engine.models.devices import see_only
from engine.models.messages import Reply
from engine.states import Device
from engine.uncollected import uncollected
from engine.workers.loop import Call, serve

if TYPE_CHECKING:
    from engine.workers.encoder_models import EncoderModel
    from engine.workers.held_matrix import HeldMatrix


class EncoderWorker:
    """Answers the calls about one model, loaded by the first of them."""

    def __init__(self, folder: Path, device: str, dtype: str) -> None:
        self._folder = folder
        self._device = device
        self._dtype = dtype
        self._loaded: EncoderModel | None = None
        self._held: HeldMatrix | None = None

    def load(self, call: Call) -> Reply:
        """Load the model and say how it runs."""
        model = self._model(call)
        choice = model.choice
        return Reply(
            fields={
                "device": choice.device,
                "dtype": choice.dtype,
                "name": choice.name,
                "agreement": model.agreement,
                "warnings": model.warnings,
                "dim": model.dim,
            }
        )

    def texts(self, call: Call) -> Reply:
        """Embed the field `texts`; also return their token counts and what was cut off."""
        model = self._model(call)
        tokenized = model.tokenize(call.request.texts("texts"))
        vectors = model.embed_texts(tokenized.ids, call.check)
        return Reply(fields={"tokens": tokenized.counts, "lost": tokenized.lost}, arrays=[vectors])

    def pixels(self, call: Call) -> Reply:
        """Embed the one array of prepared pictures."""
        pixels = call.request.arrays[0].astype(np.uint8, copy=False)
        return Reply(arrays=[self._model(call).embed_pixels(pixels, call.pause)])

    def patches(self, call: Call) -> Reply:
        """Return the patch states [n, patches, dim] of the one array of prepared pictures."""
        pixels = call.request.arrays[0].astype(np.uint8, copy=False)
        model = self._model(call)
        states = model.patch_states(pixels, call.pause)
        return Reply(fields={"grid": list(model.grid)}, arrays=[states])

    def tokens(self, call: Call) -> Reply:
        """Return the token states of the field `texts`, an array each, and their spans there."""
        model = self._model(call)
        tokenized = model.tokenize(call.request.texts("texts"))
        states = model.token_states(tokenized, call.check)
        spans = [[[start, end] for start, end in found if start < end] for found in tokenized.spans]
        return Reply(fields={"spans": spans}, arrays=states)

    def int8(self, call: Call) -> Reply:
        """Say how the model in int8 compares with the way it runs otherwise."""
        model = self._model(call)
        choice, agreement, gain = model.choice, 0.0, 0.0
        if choice.device == Device.CPU:
            from engine.workers.quantization import measure_int8

            agreement, gain = measure_int8(
                self._folder, model, lambda stage: call.report(stage=stage)
            )
        fields = {"device": choice.device, "dtype": choice.dtype}
        return Reply(fields={**fields, "agreement": agreement, "gain": gain})

    def hold(self, call: Call) -> Reply:
        """Read the embeddings of a library from a file, in the place of those held before."""
        from engine.workers.device import choose
        from engine.workers.held_matrix import HeldMatrix

        self._held = None
        request = call.request
        counts = [int(str(count)) for count in request.items("counts")]
        choice = choose(self._device, self._dtype)
        self._held = HeldMatrix.read(request.text("path"), counts, request.whole("dim"), choice)
        held = self._held.choice
        return Reply(fields={"device": held.device, "dtype": held.dtype})

    def logits(self, call: Call) -> Reply:
        """What a matcher gives a text for every picture of the library that is held."""
        if self._held is None:
            raise EngineError("no library is held here")
        *weights, text = call.request.arrays
        named = dict(zip(call.request.texts("weights"), weights, strict=True))
        return Reply(arrays=[self._held.logits(named, text)])

    def device(self, call: Call) -> Reply:
        """Say where a model would run, without loading one."""
        from engine.workers.device import choose

        choice = choose(self._device, self._dtype)
        return Reply(fields={"device": choice.device, "dtype": choice.dtype, "name": choice.name})

    def _model(self, call: Call) -> "EncoderModel":
        if self._loaded is None:
            call.report(stage="starting the model process")
            with uncollected():
                from engine.workers.device import choose
                from engine.workers.encoder_models import load_encoder
            choice = choose(self._device, self._dtype)
            self._loaded = load_encoder(
                self._folder, choice, lambda stage: call.report(stage=stage)
            )
        return self._loaded


def main() -> None:
    """Serve until the parent goes away; nothing is ever fetched from here."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    warnings.simplefilter("ignore")
    folder, device, dtype = sys.argv[1:4]
    encoder = EncoderWorker(Path(folder), see_only(device), dtype)
    serve(
        {
            "load": encoder.load,
            "texts": encoder.texts,
            "pixels": encoder.pixels,
            "patches": encoder.patches,
            "tokens": encoder.tokens,
            "device": encoder.device,
            "int8": encoder.int8,
            "hold": encoder.hold,
            "logits": encoder.logits,
        }
    )


if __name__ == "__main__":
    main()
