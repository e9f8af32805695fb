"""Whether an encoder in int8 pays on this machine: measured once, and remembered.

Its embeddings are an encoder's of their own, `NAME#int8`, so that those of the model itself and
these never mix; texts are read by the same model in int8, on a CPU, wherever they are asked.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version

from engine.files import recall, remember
from engine.models.encoder_info import EncoderInfo
from engine.models.encoders import MODULE, SILENCE_S
from engine.models.process import WorkerProcess
from engine.numbers import finite
from engine.settings import EngineSettings
from engine.states import Device

MIN_INT8_AGREEMENT = 0.99
"""Smallest cosine between vectors in int8 and in fp32 with which it is used."""
MIN_GAIN = 1.1
"""So many times as fast as usual it must be: less is lost among other programs."""
_MEMORY = "int8.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8Measure:
    """A model in int8 beside the way it runs otherwise."""

    device: str
    """Where it runs otherwise; another one than a CPU has no int8."""
    dtype: str
    """Its number format there."""
    agreement: float
    """Smallest cosine to vectors in fp32, over a probe."""
    gain: float
    """How many times as fast as usual it embeds pictures."""

    @property
    def is_worth(self) -> bool:
        """It is right and faster."""
        is_right = self.agreement >= MIN_INT8_AGREEMENT
        return self.device == Device.CPU and is_right and self.gain >= MIN_GAIN

    def sentence(self, encoder: str) -> str:
        """Say what was measured, and what is done about it."""
        if self.device != Device.CPU:
            return f"int8 is not used for {encoder}: it runs on {self.device}, and int8 on a CPU"
        found = (
            f"{self.gain:.1f} times as fast as {self.dtype}, cosine to fp32 at least"
            f" {self.agreement:.4f}"
        )
        return f"int8 is {'used' if self.is_worth else 'not used'} for {encoder}: {found}"


def recalled(settings: EngineSettings, encoder: str) -> Int8Measure | None:
    """What was measured here before; None where that was never, or otherwise."""
    known = recall(settings.home / _MEMORY).get(_key(settings, encoder))
    if not isinstance(known, dict):
        return None
    try:
        return Int8Measure(
            device=str(known["device"]),
            dtype=str(known["dtype"]),
            agreement=finite(str(known["agreement"])),
            gain=finite(str(known["gain"])),
        )
    except (KeyError, ValueError):
        return None


async def measured(
    settings: EngineSettings, info: EncoderInfo, on_stage: Callable[[str], None]
) -> Int8Measure:
    """Measure a model in a process that ends with it, unless it was measured here before.

    Raises ModelUnusableError, OutOfMemoryError, WorkerDiedError.
    """
    found = await asyncio.to_thread(recalled, settings, info.id)
    if found is not None:
        return found
    worker = WorkerProcess(
        MODULE,
        args=(str(info.folder), _device(settings), settings.dtype),
        log=settings.home / "logs" / "encoder-int8.log",
        silence_s=SILENCE_S,
    )
    try:
        reply = await worker.call(
            "int8", on_event=lambda event: on_stage(str(event.get("stage", "")))
        )
    finally:
        await worker.aclose()
    found = Int8Measure(
        device=reply.text("device"),
        dtype=reply.text("dtype"),
        agreement=reply.number("agreement"),
        gain=reply.number("gain"),
    )
    await asyncio.to_thread(_keep, settings, info.id, found)
    return found


def _keep(settings: EngineSettings, encoder: str, found: Int8Measure) -> None:
    memory = settings.home / _MEMORY
    remember(memory, recall(memory) | {_key(settings, encoder): asdict(found)})


def _key(settings: EngineSettings, encoder: str) -> str:
    """What was measured holds for a machine and a version of torch."""
    machine = platform.machine(), platform.node(), version("torch")
    return " ".join((encoder, _device(settings), settings.dtype, *machine))


def _device(settings: EngineSettings) -> str:
    return settings.devices[0] if settings.devices else settings.device
