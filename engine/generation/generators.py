"""The generators that the program uses: found, described, loaded, painting, ended."""

from dataclasses import dataclass
from pathlib import Path

from engine.generation.events import OnPaintEvent
from engine.generation.facts import GeneratorFacts
from engine.generation.painted import Painted
from engine.generation.request import GenerateRequest
from engine.settings import EngineSettings


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

    state: str
    """off, loading, ready or busy."""
    model_id: str = ""
    """Empty while none is loaded."""
    device: str = ""
    dtype: str = ""
    pid: int | None = None


class Generators:
    """All generators by hub id, folder or file; one process, with one model at a time."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings

    @property
    def configured(self) -> str:
        """Hub id, folder or file of the generator of the settings."""
        raise NotImplementedError

    def locate(self, source: str) -> Path | None:
        """Return the folder or file that holds a model; None where it is not here."""
        raise NotImplementedError

    async def describe(self, source: str) -> GeneratorFacts:
        """Return what the files of a model say, without starting a process.

        Raises ModelMissingError or ModelUnusableError, with what to do about it.
        """
        raise NotImplementedError

    async def load(self, source: str, on_event: OnPaintEvent | None = None) -> LoadedGenerator:
        """Start the process and load a model, in place of another; at once where it is warm."""
        raise NotImplementedError

    async def paint(
        self, request: GenerateRequest, seed: int, on_event: OnPaintEvent | None = None
    ) -> Painted:
        """Paint one picture with this seed (`request.seed` and `count` are the caller's matter).

        Cancelling frees the caller at once and stops the work at the next step. Raises
        RequestError before anything is loaded, ModelMissingError, ModelUnusableError,
        OutOfMemoryError after the last step down, WorkerDiedError.
        """
        raise NotImplementedError

    def state(self) -> GeneratorState:
        """Return what the process is doing."""
        raise NotImplementedError

    async def unload(self) -> Unloaded:
        """End the process and free its memory; the next use starts it again."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """End the process for good."""
        raise NotImplementedError
