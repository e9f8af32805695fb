"""Decoder processes: one file at a time each, so that a file can cost no more than itself."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.pictures import NewPicture
from engine import numbers
from engine.errors import EngineError, PictureError, WorkerDiedError
from engine.library.plan import FileTask
from engine.models.input_spec import InputSpec
from engine.models.messages import Json, Reply
from engine.models.process import WorkerProcess
from engine.states import FailureCause

MODULE = "engine.workers.decoder"
TIMEOUT_S = 60.0
"""For a small file; a large one gets a second more for every SLOWEST bytes."""
SLOWEST = 10_000_000
_GRACE_S = 1.0
READER = 2
"""One more whenever a kind of file is read that was refused before: those are tried again."""
_SILENCE_S = 86_400.0
_MOST = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileContent:
    """A file that was read: known by its hash alone, or decoded."""

    task: FileTask
    sha256: str
    size: int
    mtime_ns: int
    new: NewPicture | None = None
    """None where the content is known, or was not to be decoded."""
    is_known: bool = False
    """The content has an embedding already."""
    pixels: NDArray[np.uint8] | None = None
    """What the encoder will see, [height, width, 3]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedFile:
    """A file that gave no picture."""

    task: FileTask
    reason: str
    cause: FailureCause = FailureCause.FILE


ReadOutcome: TypeAlias = FileContent | RefusedFile


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecoderSettings:
    """What the decoders need to know."""

    count: int
    log: Path
    spec: InputSpec | None
    """None where no encoder is at hand: then content that is not known stays undecoded."""
    max_pixels: int
    thumbnail_side: int
    known: NDArray[np.int64]
    """Sorted short hashes of pictures that need no decoding."""
    timeout_s: float = TIMEOUT_S
    module: str = MODULE


class DecoderProcess:
    """The handle of one decoder process."""

    def __init__(self, settings: DecoderSettings) -> None:
        self._settings = settings
        self._process = WorkerProcess(
            settings.module, log=settings.log, grace_s=_GRACE_S, silence_s=_SILENCE_S
        )

    async def read(self, task: FileTask) -> ReadOutcome:
        """Read one file; raises WorkerDiedError only where no process can be started at all."""
        limit = self._settings.timeout_s + task.size / SLOWEST
        if not self._process.is_running:
            await self._set_up()
        try:
            async with asyncio.timeout(limit):
                try:
                    return _outcome(task, await self._ask(task))
                except _CrashedError:
                    # The process may have been ended for another reason than this file.
                    return _outcome(task, await self._ask(task))
        except TimeoutError:
            await self._process.unload()
            reason = f"it could not be read within {limit:.0f} seconds"
            return RefusedFile(task=task, reason=reason, cause=FailureCause.DECODER)
        except _CrashedError as error:
            reason = f"the decoder crashed on it ({error})"
            return RefusedFile(task=task, reason=reason, cause=error.cause)
        except EngineError as error:
            return RefusedFile(task=task, reason=error.message, cause=FailureCause.DECODER)

    async def aclose(self) -> None:
        """End the process."""
        await self._process.aclose()

    async def _ask(self, task: FileTask) -> Reply:
        fields: dict[str, Json] = {
            "path": task.path,
            "anyway": task.named_id is not None,
            "known_only": self._settings.spec is None,
        }
        reply = await self._call(fields)
        if reply.fields.get("set_up") is False:
            await self._set_up()
            reply = await self._call(fields)
        return reply

    async def _call(self, fields: dict[str, Json]) -> Reply:
        try:
            return await self._process.call("read", fields)
        except WorkerDiedError as error:
            raise _CrashedError(error) from error

    async def _set_up(self) -> None:
        settings = self._settings
        spec = settings.spec
        fields: dict[str, Json] = {
            "max_pixels": settings.max_pixels,
            "thumbnail_side": settings.thumbnail_side,
            "spec": None
            if spec is None
            else {
                "height": spec.height,
                "width": spec.width,
                "mode": spec.mode,
                "shortest_edge": spec.shortest_edge,
                "resample": spec.resample,
            },
        }
        await self._process.call("set up", fields, [settings.known])


class _CrashedError(Exception):
    """The process ended while it worked on a file."""

    def __init__(self, death: WorkerDiedError) -> None:
        super().__init__(death.message)
        self.cause = FailureCause.MOMENT if death.was_killed else FailureCause.DECODER


@asynccontextmanager
async def open_decoders(settings: DecoderSettings) -> AsyncIterator[Sequence[DecoderProcess]]:
    """Yield handles of `settings.count` processes; the processes end with the block."""
    decoders = [DecoderProcess(settings) for _ in range(settings.count)]
    try:
        yield decoders
    finally:
        await asyncio.gather(*(decoder.aclose() for decoder in decoders))


async def read_picture(decoder: DecoderProcess, path: str) -> FileContent:
    """The content of a file that is to be looked at, with pixels. Raises PictureError."""
    try:
        size, mtime_ns = numbers.stamp(await asyncio.to_thread(Path(path).stat))
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error.strerror}") from error
    outcome = await decoder.read(FileTask(path, size, mtime_ns, None, False, False))
    if isinstance(outcome, RefusedFile) or outcome.pixels is None:
        reason = outcome.reason if isinstance(outcome, RefusedFile) else "it has no pixels"
        raise PictureError(f"{path}: {reason}")
    return outcome


def decoder_version(max_pixels: int) -> str:
    """What decides which files can be read: the libraries, our own ways around them, the limit."""
    versions = [f"{name} {_version(name)}" for name in ("pillow", "pillow-heif")]
    return ", ".join([*versions, f"reader {READER}", f"{max_pixels} pixels"])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


def decoder_count(wanted: int) -> int:
    """How many processes to run: as wanted, or by the cores this process may use."""
    return wanted if wanted > 0 else max(1, min(_MOST, _cores() // 2))


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _outcome(task: FileTask, reply: Reply) -> ReadOutcome:
    fields = reply.fields
    if "refused" in fields:
        cause = FailureCause(reply.text("cause"))
        return RefusedFile(task=task, reason=reply.text("refused"), cause=cause)
    new, pixels = None, None
    if reply.arrays:
        new = NewPicture(
            sha256=reply.text("sha256"),
            width=reply.whole("width"),
            height=reply.whole("height"),
            format=reply.text("format"),
            partial=bool(reply.fields["partial"]),
            thumbnail=reply.arrays[0].tobytes(),
        )
    if len(reply.arrays) > 1:
        pixels = reply.arrays[1].astype(np.uint8, copy=False)
    return FileContent(
        task=task,
        sha256=reply.text("sha256"),
        size=reply.whole("size"),
        mtime_ns=reply.whole("mtime_ns"),
        new=new,
        is_known=bool(reply.fields.get("known")),
        pixels=pixels,
    )
