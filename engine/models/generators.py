"""What crosses to the generator process and back, put into plain values."""

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import EngineError
from engine.generation.parameters import Settled, settle
from engine.generation.request import GenerateRequest
from engine.models import paths as places
from engine.models.generator_info import GeneratorFacts, read_facts
from engine.models.messages import Json, Reply, WireError
from engine.models.process import WorkerProcess
from engine.models.progress import (
    Decoding,
    Loading,
    OnPaintEvent,
    Painted,
    PaintEvent,
    Preview,
    Step,
    SteppedDown,
    Waiting,
)
from engine.settings import EngineSettings
from engine.states import OutputCheck, ProcessState


def model_fields(facts: GeneratorFacts) -> dict[str, Json]:
    """Return what the process needs to load a model, and knows it by."""
    return {
        "id": facts.id,
        "path": str(facts.path),
        "config": str(facts.config),
        "variant": facts.variant,
        "parts": dict(facts.parts),
        "multiple": facts.multiple,
        "smallest": facts.smallest,
    }


def task_fields(settled: Settled, seed: int) -> dict[str, Json]:
    """Return what the process needs to paint."""
    return {
        "prompt": settled.prompt,
        "negative": settled.negative,
        "seed": seed,
        "steps": settled.steps,
        "guidance": settled.guidance,
        "width": settled.width,
        "height": settled.height,
        "scheduler": settled.scheduler,
        "loras": [{"path": str(lora.path), "weight": lora.weight} for lora in settled.loras],
        "start": str(settled.start_picture or ""),
        "strength": settled.strength,
    }


def read_event(event: Mapping[str, Json]) -> PaintEvent:
    """Return the event that the process sent."""
    found = Reply(fields=event)
    kind = found.text("event")
    if kind == "waiting":
        return Waiting()
    if kind == "loading":
        stage = found.text("stage")
        return Loading(stage=stage, done=found.whole("done"), total=found.whole("total"))
    if kind == "step":
        step, total, pace = found.whole("step"), found.whole("total"), found.number("pace")
        return Step(step=step, total=total, seconds_a_step=pace, eta_s=pace * (total - step))
    if kind == "preview":
        rgb = base64.b64decode(found.text("rgb"))
        return Preview(rgb=rgb, width=found.whole("width"), height=found.whole("height"))
    if kind == "decoding":
        return Decoding()
    if kind == "stepped down":
        return SteppedDown(what=found.text("what"), why=found.text("why"))
    raise WireError(f"no event of the generator is {kind}")


def read_painted(reply: Reply, settled: Settled, seed: int) -> Painted:
    """Return the picture that the process painted."""
    return Painted(
        pixels=reply.arrays[0].astype(np.uint8, copy=False),
        verdict=OutputCheck(reply.text("verdict")),
        model_id=settled.model_id,
        seed=seed,
        steps=settled.steps,
        guidance=settled.guidance,
        width=reply.whole("width"),
        height=reply.whole("height"),
        scheduler=settled.scheduler,
        device=reply.text("device"),
        dtype=reply.text("dtype"),
        seconds=reply.number("seconds"),
        steps_down=tuple(reply.texts("steps_down")),
        notes=tuple(reply.texts("notes")),
    )


MODULE = "engine.workers.generator"
# A step on a busy CPU, or reading gigabytes from a network disk, may be silent for long.
SILENCE_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedGenerator:
    """A generator in its process, and how it runs there."""

    facts: GeneratorFacts
    device: str
    """cuda, mps or cpu."""
    dtype: str
    """bf16, fp16 or fp32."""
    device_name: str
    notes: tuple[str, ...]
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """Bytes in use."""

    process: int
    """Resident memory of the model process; 0 without one."""
    device: int
    """Held by torch on the GPU; 0 without one."""
    free: int
    """Of the whole machine, for whoever wants it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unloaded:
    """What unloading gave back."""

    before: MemoryUse
    after: MemoryUse


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorState:
    """What the generator process is doing."""

    state: ProcessState
    model_id: str = ""
    """Empty while none is loaded."""
    device: str = ""
    dtype: str = ""
    pid: int | None = None


class Generators:
    """All generators by hub id, folder or file; one process, with one model at a time."""

    def __init__(self, settings: EngineSettings, *, module: str = MODULE) -> None:
        self._settings = settings
        self._facts: dict[str, GeneratorFacts] = {}
        self._loaded: LoadedGenerator | None = None
        self._is_loading = False
        taesd = [str(settings.taesd)] if settings.taesd is not None else []
        self._worker = WorkerProcess(
            module,
            args=(settings.device, settings.dtype, str(settings.home), *taesd),
            log=settings.home / "logs" / "generator.log",
            idle_seconds=settings.idle_seconds,
            silence_s=SILENCE_S,
        )

    @property
    def configured(self) -> str:
        """Hub id, folder or file of the generator of the settings."""
        return self._settings.generator

    def locate(self, source: str) -> Path | None:
        """Return the folder or file that holds a model; None where it is not here."""
        try:
            return places.find_generator(source)
        except (EngineError, OSError):
            return None

    async def describe(self, source: str) -> GeneratorFacts:
        """Return what the files of a model say, without starting a process.

        Raises ModelMissingError or ModelUnusableError, with what to do about it.
        """
        known = self._facts.get(source)
        if known is None or not known.path.exists():
            memory = self._settings.home / "generators.json"
            known = await asyncio.to_thread(read_facts, source, memory)
            self._facts[source] = known
        return known

    async def load(self, source: str, on_event: OnPaintEvent | None = None) -> LoadedGenerator:
        """Start the process and load a model, in place of another; at once where it is warm.

        Cancelling frees the caller at once and stops the loading.
        """
        facts = await self.describe(source)
        self._loaded = None
        reply = await self._call("load", {"model": model_fields(facts)}, on_event)
        self._loaded = LoadedGenerator(
            facts=facts,
            device=reply.text("device"),
            dtype=reply.text("dtype"),
            device_name=reply.text("name"),
            notes=tuple(reply.texts("notes")),
            pid=self._worker.pid or 0,
        )
        return self._loaded

    async def paint(
        self, request: GenerateRequest, seed: int, on_event: OnPaintEvent | None = None
    ) -> Painted:
        """Paint one picture with this seed (`request.seed` and `count` are the caller's matter).

        Cancelling frees the caller at once and stops the work at the next step. Raises
        RequestError before anything is loaded, ModelMissingError, ModelUnusableError,
        OutOfMemoryError after the last step down, WorkerDiedError.
        """
        facts = await self.describe(request.model or self.configured)
        settled = await asyncio.to_thread(settle, request, facts)
        if self._loaded is None or self._loaded.facts != facts or not self._is_warm:
            await self.load(facts.source, on_event)
        fields: dict[str, Json] = {
            "model": model_fields(facts),
            "task": task_fields(settled, seed),
            "preview": request.preview,
        }
        reply = await self._call("paint", fields, on_event)
        return read_painted(reply, settled, seed)

    def state(self) -> GeneratorState:
        """Return what the process is doing."""
        pid = self._worker.pid
        if self._is_loading:
            return GeneratorState(state=ProcessState.LOADING, pid=pid)
        if self._loaded is None or not self._is_warm:
            return GeneratorState(state=ProcessState.OFF)
        return GeneratorState(
            state=ProcessState.BUSY if self._worker.is_busy else ProcessState.READY,
            model_id=self._loaded.facts.id,
            device=self._loaded.device,
            dtype=self._loaded.dtype,
            pid=pid,
        )

    async def unload(self) -> Unloaded:
        """End the process and free its memory; the next use starts it again."""
        before = await self._memory()
        await self._worker.unload()
        self._loaded = None
        return Unloaded(before=before, after=await self._memory())

    async def aclose(self) -> None:
        """End the process for good."""
        await self._worker.aclose()

    @property
    def _is_warm(self) -> bool:
        return self._loaded is not None and self._loaded.pid == self._worker.pid

    async def _call(
        self, op: str, fields: Mapping[str, Json], on_event: OnPaintEvent | None
    ) -> Reply:
        self._is_loading = op == "load"
        try:
            return await self._worker.call(op, fields, on_event=_translated(on_event))
        finally:
            self._is_loading = False

    async def _memory(self) -> MemoryUse:
        import psutil

        process, device = 0, 0
        if self._is_warm and not self._worker.is_busy:
            reply = await self._worker.call("memory")
            process, device = reply.whole("process"), reply.whole("device")
        free = int(psutil.virtual_memory().available)
        return MemoryUse(process=process, device=device, free=free)


def _translated(on_event: OnPaintEvent | None) -> Callable[[Mapping[str, Json]], None] | None:
    if on_event is None:
        return None
    return lambda event: on_event(read_event(event))
