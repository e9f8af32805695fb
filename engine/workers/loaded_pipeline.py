"""A generator in its process: the pipeline, its previews, and the calls put into its words."""

import time
from collections.abc import Mapping
from pathlib import Path

from engine.errors import OutOfMemoryError
from engine.models.generator_messages import images_to_reply, parameters_from_fields, texts_from
from engine.models.messages import Json, Reply
from engine.states import Device, GenerationPhase
from engine.workers.denoising import Denoiser
from engine.workers.device import DTYPES, Choice, free_cache, is_out_of_memory
from engine.workers.loop import Call
from engine.workers.memory_need import free_memory, memory_need, pictures_together
from engine.workers.pipelines import Pipeline, PipelineSource, load_fitting
from engine.workers.previews import (
    LinearMap,
    Previewer,
    TinyDecoder,
    latent_channels,
    linear_map,
    load_tiny_decoder,
)
from engine.workers.savings import MemorySavings, autoencoder_of


class LoadedPipeline:
    """One loaded model."""

    def __init__(
        self,
        model: Mapping[str, Json],
        source: PipelineSource,
        denoiser: Denoiser,
        warnings: tuple[str, ...],
        maps: Path,
        taesd: Path | None,
    ) -> None:
        self.model = model
        """What the calls name it by."""
        self.choice = denoiser.choice
        self.warnings = warnings
        self._source = source
        self._denoiser = denoiser
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
    ) -> "LoadedPipeline":
        """Load a model and put it on its device; the call's cancelling stops that in between."""

        def report(stage: str, done: int, total: int) -> None:
            call.check()
            call.report(event=GenerationPhase.LOADING, stage=stage, done=done, total=total)

        source = _source(model)
        shortage = _shortage(source, choice)
        pipe, fitting, warnings = load_fitting(source, choice, report)
        report(f"moving the model to {fitting.device}", 0, 0)
        savings = MemorySavings(pipe, fitting.device)
        _move(pipe, savings, fitting.device, call, shortage)
        return cls(model, source, Denoiser(pipe, fitting, savings, source), warnings, maps, taesd)

    def generate(self, call: Call) -> Reply:
        """Generate the pictures that the call's fields describe."""
        watcher = _CallWatcher(call)
        previewer = None
        if call.request.fields.get("preview"):
            previewer = Previewer(self._previews(call), watcher.preview)
        parameters = parameters_from_fields(call.request.mapping("parameters"))
        # Whole numbers of JSON, which the other side has checked.
        seeds = [int(str(seed)) for seed in call.request.items("seeds")]
        texts = texts_from(call.request.items("texts"))
        images = self._denoiser.generate_batch(parameters, seeds, watcher, previewer, texts)
        return images_to_reply(images, more_warnings=self.warnings)

    @property
    def most_together(self) -> int:
        """How many pictures of the usual size find room on the device beside the weights."""
        if self.choice.device == Device.CPU:
            return 1  # A core more would help; a picture more only waits for it.
        try:
            need = memory_need(self._source, self.choice.dtype)
        except (OSError, ValueError):
            return 1
        free, _ = free_memory(self.choice)
        return pictures_together(free, need.whole - need.total)

    def _previews(self, call: Call) -> LinearMap | TinyDecoder:
        if self._to_rgb is None:
            stage = "preparing the preview"
            call.report(event=GenerationPhase.LOADING, stage=stage, done=0, total=0)
            choice, vae = self.choice, autoencoder_of(self._denoiser.pipe)
            if self._taesd is not None:
                dtype, channels = DTYPES[choice.dtype], latent_channels(vae)
                self._to_rgb = load_tiny_decoder(self._taesd, choice.device, dtype, channels)
                if self._to_rgb is None:
                    self.warnings += (
                        f"previews are rough: {self._taesd} holds no tiny decoder for latents of"
                        f" {channels} channels",
                    )
            if self._to_rgb is None:
                key = f"{self._source.id} {sum(self._source.parts.values())}"
                self._to_rgb = linear_map(vae, choice.device, key, self._maps)
        return self._to_rgb


STEPS_APART_S = 0.1
"""Steps that are quicker are not all reported: each message wakes the program, which takes a core
from the step."""


class _CallWatcher:
    """Sends what a denoiser reports to the parent."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._total = 0
        self._said_at = 0.0

    def check(self) -> None:
        self._call.check()

    def step(self, step: int, total: int, seconds_a_step: float) -> None:
        self._total, now = total, time.monotonic()
        if 1 < step < total and now - self._said_at < STEPS_APART_S:
            return
        self._said_at = now
        self._call.report(event=GenerationPhase.STEP, step=step, total=total, pace=seconds_a_step)

    def preview(self, rgb: str, width: int, height: int) -> None:
        self._call.report(event="preview", rgb=rgb, width=width, height=height)

    def decoding(self) -> None:
        self._call.report(event=GenerationPhase.DECODING, total=self._total)

    def fall_back(self, what: str, why: str) -> None:
        self._call.report(event="memory fallback", what=what, why=why)


def _shortage(source: PipelineSource, choice: Choice) -> str:
    """Why a model will not fit its device whole; empty where it will.

    Raises OutOfMemoryError where its weights do not fit the machine at all.
    """
    try:
        need = memory_need(source, choice.dtype)
    except (OSError, ValueError):
        return ""  # Loading says what is wrong with the files.
    free, machine = free_memory(choice)
    if need.total > machine:
        raise OutOfMemoryError(
            f"{source.id} needs {need.words()}, and {machine / 1e9:.1f} GB are free here",
            hint="Close other programs, or take a smaller model.",
        )
    if choice.device != Device.CUDA or need.whole <= free:
        return ""
    return f"it needs {need.words()}, and {free / 1e9:.1f} GB are free on {choice.name}"


def _move(pipe: Pipeline, savings: MemorySavings, device: str, call: Call, shortage: str) -> None:
    """Put a pipeline on its device, or leave it in the machine's memory where it does not fit.

    `shortage` is why it will not, where that is known before.
    """
    trouble = shortage
    try:
        if not shortage:
            pipe.to(device)
            return
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        trouble = str(error).split("\n")[0]
    pipe.to("cpu")
    free_cache(device)
    what = savings.offload()
    if what is None:
        raise OutOfMemoryError(
            f"the model does not fit in the memory of {device}: {trouble}",
            hint="Close other programs, take a smaller model, or set the device to cpu.",
        )
    call.report(event="memory fallback", what=what, why=trouble)


def _source(model: Mapping[str, Json]) -> PipelineSource:
    fields = Reply(fields=model)
    sizes = Reply(fields=fields.mapping("parts"))
    return PipelineSource(
        id=fields.text("id"),
        path=Path(fields.text("path")),
        config=Path(fields.text("config")),
        pipeline=fields.text("pipeline"),
        variant=fields.text("variant"),
        parts={name: sizes.whole(name) for name in sizes.fields},
        multiple=fields.whole("multiple"),
        smallest=fields.whole("smallest"),
    )
