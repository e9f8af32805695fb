"""A generator in its process: the pipeline, its previews, and the calls put into its words."""

from collections.abc import Mapping
from pathlib import Path

from engine.errors import OutOfMemoryError
from engine.models.messages import Json, Reply
from engine.workers.denoising import Ladder, Painter, Size, Task
from engine.workers.device import DTYPES, Choice, free_cache, is_out_of_memory
from engine.workers.loop import Call
from engine.workers.pipelines import LoraFile, Pipeline, Source, settle_dtype
from engine.workers.previews import LinearMap, Previewer, TinyDecoder, linear_map, load_tiny_decoder


class Hosted:
    """One loaded model."""

    def __init__(
        self,
        model: Mapping[str, Json],
        painter: Painter,
        notes: tuple[str, ...],
        maps: Path,
        taesd: Path | None,
    ) -> None:
        self.model = model
        """What the calls name it by."""
        self.choice = painter.choice
        self.notes = notes
        self._painter = painter
        self._maps = maps
        self._taesd = taesd
        self._to_rgb: LinearMap | TinyDecoder | None = None

    @classmethod
    def load(
        cls,
        model: Mapping[str, Json],
        choice: Choice,
        call: Call,
        maps: Path,
        taesd: Path | None,
    ) -> "Hosted":
        """Load a model and put it on its device; the call's cancelling stops that in between."""

        def report(stage: str, done: int, total: int) -> None:
            call.check()
            call.report(event="loading", stage=stage, done=done, total=total)

        pipe, settled, notes = settle_dtype(_source(model), choice, report)
        report(f"moving the model to {settled.device}", 0, 0)
        ladder = Ladder(pipe, settled.device)
        _place(pipe, ladder, settled.device, call)
        return cls(model, Painter(pipe, settled, ladder), notes, maps, taesd)

    def paint(self, call: Call) -> Reply:
        """Paint the picture that the call's fields describe."""
        watcher = _Telling(call)
        previewer = None
        if call.request.fields.get("preview"):
            previewer = Previewer(self._previews(call), watcher.preview)
        task = _task(call.request)
        result = self._painter.paint(task, watcher, previewer)
        return Reply(
            fields={
                "verdict": result.verdict,
                "seconds": result.seconds,
                "width": result.size.width,
                "height": result.size.height,
                "steps_down": result.steps_down,
                "notes": [*self.notes, *result.notes],
                "device": self.choice.device,
                "dtype": self.choice.dtype,
            },
            arrays=[result.pixels],
        )

    def _previews(self, call: Call) -> LinearMap | TinyDecoder:
        if self._to_rgb is None:
            call.report(event="loading", stage="preparing the preview", done=0, total=0)
            choice, vae = self.choice, self._painter.pipe.vae
            if self._taesd is not None:
                self._to_rgb = load_tiny_decoder(self._taesd, choice.device, DTYPES[choice.dtype])
            if self._to_rgb is None:
                source = _source(self.model)
                key = f"{source.id} {sum(source.parts.values())}"
                self._to_rgb = linear_map(vae, choice.device, key, self._maps)
        return self._to_rgb


class _Telling:
    """Sends what a painter tells to the parent."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def check(self) -> None:
        self._call.check()

    def step(self, step: int, total: int, seconds_a_step: float) -> None:
        self._call.report(event="step", step=step, total=total, pace=seconds_a_step)

    def preview(self, rgb: str, width: int, height: int) -> None:
        self._call.report(event="preview", rgb=rgb, width=width, height=height)

    def decoding(self) -> None:
        self._call.report(event="decoding")

    def stepped_down(self, what: str, why: str) -> None:
        self._call.report(event="stepped down", what=what, why=why)


def _place(pipe: Pipeline, ladder: Ladder, device: str, call: Call) -> None:
    try:
        pipe.to(device)
        return
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        trouble = str(error).split("\n")[0]
    pipe.to("cpu")
    free_cache(device)
    what = ladder.offload()
    if what is None:
        raise OutOfMemoryError(
            f"the model does not fit in the memory of {device}: {trouble}",
            hint="Close other programs, take a smaller model, or set the device to cpu.",
        )
    call.report(event="stepped down", what=what, why=trouble)


def _source(model: Mapping[str, Json]) -> Source:
    fields = Reply(fields=model)
    sizes = Reply(fields=fields.mapping("parts"))
    return Source(
        id=fields.text("id"),
        path=Path(fields.text("path")),
        config=Path(fields.text("config")),
        variant=fields.text("variant"),
        parts={name: sizes.whole(name) for name in sizes.fields},
    )


def _task(request: Reply) -> Task:
    settled, model = Reply(fields=request.mapping("task")), Reply(fields=request.mapping("model"))
    loras = [Reply(fields=lora) for lora in settled.items("loras") if isinstance(lora, Mapping)]
    return Task(
        prompt=settled.text("prompt"),
        negative=settled.text("negative"),
        seed=settled.whole("seed"),
        steps=settled.whole("steps"),
        guidance=settled.number("guidance"),
        size=Size(width=settled.whole("width"), height=settled.whole("height")),
        scheduler=settled.text("scheduler"),
        loras=tuple(
            LoraFile(path=Path(lora.text("path")), weight=lora.number("weight")) for lora in loras
        ),
        start=Path(settled.text("start")) if settled.text("start") else None,
        strength=settled.number("strength"),
        multiple=model.whole("multiple"),
        smallest=model.whole("smallest"),
    )
