"""The generators: one process, with one model at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import disk
from engine.errors import EngineError
from engine.models import paths
from engine.models.generator_info import GeneratorInfo, read_generator_info
from engine.models.generator_messages import (
    GeneratedImage,
    images_from_reply,
    parameters_to_fields,
)
from engine.models.messages import Json
from engine.models.parameters import GenerationParameters, Texts
from engine.models.process import OnEvent, WorkerProcess
from engine.settings import EngineSettings
from engine.states import ProcessState

MODULE = "engine.workers.generator"
# A step on a busy CPU, or reading gigabytes from a network disk, may be silent for long.
SILENCE_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedGenerator:
    """A generator in its process, and how it runs there."""

    info: GeneratorInfo
    device: str
    """cuda, mps or cpu."""
    dtype: str
    """bf16, fp16 or fp32."""
    warnings: tuple[str, ...]
    most_together: int
    """Pictures of its usual size that are best painted at once."""
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
        self._info: dict[str, GeneratorInfo] = {}
        self._loaded: LoadedGenerator | None = None
        self._is_loading = False
        number = settings.device.replace(":", "-") if ":" in settings.device else ""
        taesd = [str(settings.taesd)] if settings.taesd is not None else []
        self._worker = WorkerProcess(
            module,
            args=(settings.device, settings.dtype, str(settings.home), *taesd),
            log=settings.home / "logs" / f"generator{number and '-' + number}.log",
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
            return paths.find_generator(source)
        except (EngineError, OSError):
            return None

    async def describe(self, source: str) -> GeneratorInfo:
        """Return what the files of a model say, without starting a process.

        Raises ModelMissingError or ModelUnusableError, with what to do about it.
        """
        known = self._info.get(source)
        if known is None or not disk.exists(known.path):
            memory = self._settings.home / "generators.json"
            known = await asyncio.to_thread(read_generator_info, source, memory)
            self._info[source] = known
        return known

    async def load(self, source: str, bridge: OnEvent | None = None) -> LoadedGenerator:
        """Start the process and load a model, in place of another; at once where it is warm.

        Cancelling frees the caller at once and stops the loading.
        """
        info = await self.describe(source)
        self._loaded = None
        self._is_loading = True
        try:
            fields = {"model": _model_fields(info)}
            reply = await self._worker.call("load", fields, on_event=bridge)
        finally:
            self._is_loading = False
        self._loaded = LoadedGenerator(
            info=info,
            device=reply.text("device"),
            dtype=reply.text("dtype"),
            warnings=tuple(reply.texts("warnings")),
            most_together=reply.whole("most_together"),
            pid=self._worker.pid or 0,
        )
        return self._loaded

    async def generate(
        self,
        source: str,
        parameters: GenerationParameters,
        seed: int,
        *,
        preview: bool = False,
        bridge: OnEvent | None = None,
    ) -> GeneratedImage:
        """Generate one picture with the model that `source` names, which resolved the parameters.

        Cancelling frees the caller at once and stops the work at the next step. Raises
        ModelMissingError, ModelUnusableError, OutOfMemoryError after the last memory fallback,
        WorkerDiedError.
        """
        images = await self.generate_batch(
            source, parameters, [seed], preview=preview, bridge=bridge
        )
        return images[0]

    async def most_together(self, source: str, bridge: OnEvent | None = None) -> int:
        """How many pictures of one text the model is best asked for at once; raises as above."""
        return (await self._ready(source, bridge)).most_together

    async def generate_batch(
        self,
        source: str,
        parameters: GenerationParameters,
        seeds: Sequence[int],
        *,
        texts: Sequence[Texts] = (),
        preview: bool = False,
        bridge: OnEvent | None = None,
    ) -> list[GeneratedImage]:
        """Generate a picture of each seed, together where that can be done; as `generate` does.

        `texts` are those of each in the place of the parameters' own, all with a negative prompt
        or none.
        """
        info = (await self._ready(source, bridge)).info
        fields: dict[str, Json] = {
            "model": _model_fields(info),
            "parameters": parameters_to_fields(parameters),
            "seeds": list(seeds),
            "texts": [list(each) for each in texts],
            "preview": preview,
        }
        reply = await self._worker.call("generate", fields, on_event=bridge)
        return images_from_reply(reply, parameters, seeds, texts)

    async def _ready(self, source: str, bridge: OnEvent | None) -> LoadedGenerator:
        """The model in its process, loaded where it is not."""
        info, loaded = await self.describe(source), self._loaded
        if loaded is None or loaded.info != info or not self._is_warm:
            return await self.load(source, bridge)
        return loaded

    def state(self) -> GeneratorState:
        """Return what the process is doing."""
        pid = self._worker.pid
        if self._is_loading:
            return GeneratorState(state=ProcessState.LOADING, pid=pid)
        if self._loaded is None or not self._is_warm:
            return GeneratorState(state=ProcessState.OFF)
        return GeneratorState(
            state=ProcessState.BUSY if self._worker.is_busy else ProcessState.READY,
            model_id=self._loaded.info.id,
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

    async def _memory(self) -> MemoryUse:
        import psutil

        process, device = 0, 0
        if self._is_warm and not self._worker.is_busy:
            reply = await self._worker.call("memory")
            process, device = reply.whole("process"), reply.whole("device")
        free = int(psutil.virtual_memory().available)
        return MemoryUse(process=process, device=device, free=free)


def _model_fields(info: GeneratorInfo) -> dict[str, Json]:
    """Return what the process needs to load a model, and knows it by."""
    return {
        "id": info.id,
        "path": str(info.path),
        "config": str(info.config),
        "pipeline": info.pipeline,
        "variant": info.variant,
        "parts": dict(info.parts),
        "multiple": info.multiple,
        "smallest": info.smallest,
    }
