"""The encoders that the program uses: found, described, loaded, kept warm and ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from engine import disk
from engine.errors import EngineError
from engine.models import paths
from engine.models.devices import kind_and_number
from engine.models.process import WorkerProcess
from engine.results import FloatArray
from engine.settings import EngineSettings
from engine.states import Device, NumberFormat, ProcessState

if TYPE_CHECKING:
    from engine.models.encoder_info import EncoderInfo
    from engine.models.messages import Json, Reply

MODULE = "engine.workers.encoder"
TEXT_PRIORITY = 0
PICTURE_PRIORITY = 1
# A batch on a busy CPU, or reading gigabytes from a network disk, may be silent for long.
SILENCE_S = 300.0

OnStage = Callable[[str], None]
"""Gets what is being done, for people: 'loading the weights'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedEncoder:
    """An encoder in its process, and how it runs there."""

    info: EncoderInfo
    device: str
    """cuda, mps or cpu."""
    dtype: str
    """bf16, fp16, fp32 or int8."""
    agreement: float | None
    """Smallest cosine between vectors in `dtype` and in fp32, over a probe; None for fp32."""
    warnings: tuple[str, ...]
    """What the person should know, such as a number format that could not be used."""
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextEmbeddings:
    """Texts as an encoder reads them, in the order they were given."""

    vectors: FloatArray
    """Unit length, [n, dim]."""
    tokens: list[int]
    """Of each whole text, with the marks at its ends."""
    lost: list[str]
    """The words of each text that the tower cut off; empty where it read them all."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatchStates:
    """What an encoder makes of each patch of some pictures, in the space of texts.

    The way there is that of its family: engine/workers/local_states.py.
    """

    vectors: FloatArray
    """Unit length, [n, rows * columns, dim], row by row from the top left of the prepared
    picture, which a crop may have cut (`InputSpec`)."""
    rows: int
    columns: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TokenStates:
    """What an encoder makes of each token of a text; padding and the marks at its ends are out."""

    text: str
    vectors: FloatArray
    """Unit length, [tokens, dim]; none for a text without tokens."""
    spans: tuple[tuple[int, int], ...]
    """Start and end of each token in the text."""

    @property
    def pieces(self) -> tuple[str, ...]:
        """The tokens as they stand in the text."""
        return tuple(self.text[start:end] for start, end in self.spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderState:
    """What the process of one encoder is doing."""

    source: str
    state: ProcessState
    device: str = ""
    """Empty while the model is not loaded."""
    dtype: str = ""
    pid: int | None = None


class Encoders:
    """All encoders by hub id or folder; each in a process of its own, started on first use."""

    at_once = 1
    """Calls with pictures that are best made at the same time."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._info: dict[str, EncoderInfo] = {}
        self._hosts: dict[str, _Host] = {}

    @property
    def configured(self) -> str:
        """Hub id or folder of the encoder for new pictures."""
        return self._settings.encoder

    def locate(self, source: str) -> Path | None:
        """Return the folder that holds the files of a model; None where they are not here."""
        try:
            return paths.find_encoder(source)
        except EngineError:
            return None

    async def describe(self, source: str) -> EncoderInfo:
        """Return what the files of a model say, without starting a process.

        Raises ModelMissingError or ModelUnusableError, with what to do about it.
        """
        # Read where a model is asked about: an answer out of the cache asks about none.
        from engine.models.encoder_info import identify, read_encoder_info

        known = self._info.get(source)
        if known is None or not disk.is_folder(known.folder):
            memory, model = self._settings.home / "encoders.json", paths.without_int8(source)
            identity = await asyncio.to_thread(identify, model, memory)
            known = await asyncio.to_thread(read_encoder_info, model, identity)
            if model != source:
                known = replace(known, id=known.id + paths.INT8_SUFFIX, source=source)
            self._info[source] = known
        return known

    async def load(self, source: str, on_stage: OnStage | None = None) -> LoadedEncoder:
        """Start the process of a model, load it and say how it runs; at once where it is warm.

        Cancelling frees the caller; the loading goes on, for the next one who asks.
        """
        return await self._host(await self.describe(source)).ready(on_stage)

    async def embed_texts(
        self, source: str, texts: Sequence[str], *, priority: int = TEXT_PRIORITY
    ) -> TextEmbeddings:
        """Embed texts; they go before all pictures that wait."""
        info = await self.describe(source)
        if not texts:
            empty = np.zeros((0, info.dim), np.float32)
            return TextEmbeddings(vectors=empty, tokens=[], lost=[])
        reply = await self._host(info).call("texts", {"texts": list(texts)}, [], priority)
        tokens = [int(str(count)) for count in reply.items("tokens")]
        return TextEmbeddings(vectors=_vectors(reply), tokens=tokens, lost=reply.texts("lost"))

    async def embed_pixels(self, source: str, pixels: NDArray[np.uint8]) -> FloatArray:
        """Embed pictures that `prepare` made, uint8 [n, height, width, 3]; unit rows [n, dim]."""
        info = await self.describe(source)
        if not len(pixels):
            return np.zeros((0, info.dim), np.float32)
        return _vectors(await self._host(info).call("pixels", {}, [pixels], PICTURE_PRIORITY))

    async def patch_states(self, source: str, pixels: NDArray[np.uint8]) -> PatchStates:
        """What is made of each patch of pictures that `prepare` made, [n, height, width, 3], n > 0.

        Give some tens at most: all states of a call cross at once.
        """
        info = await self.describe(source)
        reply = await self._host(info).call("patches", {}, [pixels], PICTURE_PRIORITY)
        rows, columns = (int(str(side)) for side in reply.items("grid"))
        return PatchStates(vectors=_vectors(reply), rows=rows, columns=columns)

    async def token_states(self, source: str, texts: Sequence[str]) -> list[TokenStates]:
        """What is made of each token of some texts; they go before all pictures that wait."""
        info = await self.describe(source)
        reply = await self._host(info).call("tokens", {"texts": list(texts)}, [], TEXT_PRIORITY)
        return [
            TokenStates(
                text=text,
                vectors=vectors.astype(np.float32, copy=False),
                spans=_spans(spans),
            )
            for text, vectors, spans in zip(texts, reply.arrays, reply.items("spans"), strict=True)
        ]

    def resident(self, source: str) -> WorkerProcess | None:
        """The process of a model that is in memory and has nothing to do; it starts none."""
        host = self._hosts.get(source)
        is_idle = host is not None and host.state().state is ProcessState.READY
        return host.worker if host is not None and is_idle else None

    async def probe(self) -> str:
        """Say on which device, and in which number format, models run here."""
        worker = self._worker("", "device")
        try:
            found = await worker.call("device")
        finally:
            await worker.aclose()
        return f"{found.text('device')} {found.text('dtype')}, {found.text('name')}"

    def state(self) -> tuple[EncoderState, ...]:
        """Return what the process of every encoder used so far is doing."""
        return tuple(host.state() for host in self._hosts.values())

    async def unload(self) -> None:
        """End the processes and free their memory; the next use starts them again."""
        await asyncio.gather(*(host.worker.unload() for host in self._hosts.values()))

    async def aclose(self) -> None:
        """End the processes for good."""
        await asyncio.gather(*(host.aclose() for host in self._hosts.values()))

    def _host(self, info: EncoderInfo) -> _Host:
        host = self._hosts.get(info.source)
        if host is None:
            is_int8 = info.source.endswith(paths.INT8_SUFFIX)
            worker = self._worker(str(info.folder), info.id, is_int8=is_int8)
            host = self._hosts[info.source] = _Host(info, worker)
        return host

    def _worker(self, folder: str, name: str, *, is_int8: bool = False) -> WorkerProcess:
        device, dtype = self._settings.device, self._settings.dtype
        if is_int8:
            # Nothing but a CPU has it: pictures that were embedded so are asked so everywhere.
            is_cpu = kind_and_number(device)[0] == Device.CPU
            device, dtype = device if is_cpu else Device.CPU, NumberFormat.INT8
        if ":" in device:
            name += f"-{device}"
        safe = "".join(c if c.isalnum() or c in "-_@." else "-" for c in name)
        return WorkerProcess(
            MODULE,
            args=(folder, device, dtype),
            log=self._settings.home / "logs" / f"encoder-{safe}.log",
            idle_seconds=self._settings.idle_seconds,
            silence_s=SILENCE_S,
        )


class PictureEncoders(Protocol):
    """What embeds pictures: all encoders in processes of their own, or a pool of them."""

    @property
    def at_once(self) -> int: ...

    async def describe(self, source: str) -> EncoderInfo: ...

    async def load(self, source: str) -> LoadedEncoder: ...

    async def embed_pixels(self, source: str, pixels: NDArray[np.uint8]) -> FloatArray: ...


class EncoderPool:
    """The same encoders on several devices, a process on each; pictures go to who is free."""

    def __init__(self, members: Sequence[PictureEncoders]) -> None:
        self._members = members
        self._free: asyncio.Queue[PictureEncoders] = asyncio.Queue()
        # A device gets its next pictures while it is at work on those before.
        for member in (*members, *members):
            self._free.put_nowait(member)

    @property
    def at_once(self) -> int:
        """Calls with pictures that are best made at the same time."""
        return 2 * len(self._members)

    async def describe(self, source: str) -> EncoderInfo:
        """Return what the files of a model say; raises as `Encoders.describe` does."""
        return await self._members[0].describe(source)

    async def load(self, source: str) -> LoadedEncoder:
        """Load a model on every device; say how it runs on the first, and what all warn of."""
        loaded = await asyncio.gather(*(member.load(source) for member in self._members))
        warnings = dict.fromkeys(warning for each in loaded for warning in each.warnings)
        return replace(loaded[0], warnings=tuple(warnings))

    async def embed_pixels(self, source: str, pixels: NDArray[np.uint8]) -> FloatArray:
        """Embed prepared pictures on the device that is free first; as `Encoders` does."""
        member = await self._free.get()
        try:
            return await member.embed_pixels(source, pixels)
        finally:
            self._free.put_nowait(member)


@asynccontextmanager
async def open_pool(settings: EngineSettings, devices: Sequence[str]) -> AsyncIterator[EncoderPool]:
    """Yield encoders on some devices, such as `cuda:1`; their processes end with the block."""
    members = [Encoders(replace(settings, device=device)) for device in devices]
    try:
        yield EncoderPool(members)
    finally:
        await asyncio.gather(*(member.aclose() for member in members))


class _Host:
    """One encoder and its process; the loading is shared by all who wait for it."""

    def __init__(self, info: EncoderInfo, worker: WorkerProcess) -> None:
        self.worker = worker
        self._info = info
        self._loading: asyncio.Task[LoadedEncoder] | None = None
        self._loaded: LoadedEncoder | None = None
        self._listeners: list[OnStage] = []

    async def ready(self, on_stage: OnStage | None = None) -> LoadedEncoder:
        """Return once the model is loaded in a living process."""
        if self._loaded is not None and self._loaded.pid == self.worker.pid:
            return self._loaded
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._load())
            self._loading.add_done_callback(_forget)
        if on_stage is not None:
            self._listeners.append(on_stage)
        try:
            return await asyncio.shield(self._loading)
        finally:
            if on_stage is not None:
                self._listeners.remove(on_stage)

    async def call(
        self, op: str, fields: Mapping[str, Json], arrays: list[NDArray[np.uint8]], priority: int
    ) -> Reply:
        """Call the loaded model."""
        await self.ready()
        return await self.worker.call(op, fields, arrays, priority=priority)

    def state(self) -> EncoderState:
        """Return what the process is doing."""
        source, pid = self._info.source, self.worker.pid
        if self._loading is not None and not self._loading.done():
            return EncoderState(source=source, state=ProcessState.LOADING, pid=pid)
        if pid is None or self._loaded is None or self._loaded.pid != pid:
            return EncoderState(source=source, state=ProcessState.OFF)
        return EncoderState(
            source=source,
            state=ProcessState.BUSY if self.worker.is_busy else ProcessState.READY,
            device=self._loaded.device,
            dtype=self._loaded.dtype,
            pid=pid,
        )

    async def aclose(self) -> None:
        """End the process; who waits for the model is told."""
        await self.worker.aclose()
        if self._loading is not None:
            await asyncio.wait([self._loading])

    async def _load(self) -> LoadedEncoder:
        reply = await self.worker.call("load", on_event=self._note_stage, priority=TEXT_PRIORITY)
        agreement = reply.fields.get("agreement")
        self._loaded = LoadedEncoder(
            info=self._info,
            device=reply.text("device"),
            dtype=reply.text("dtype"),
            agreement=None if agreement is None else reply.number("agreement"),
            warnings=tuple(reply.texts("warnings")),
            pid=self.worker.pid or 0,
        )
        return self._loaded

    def _note_stage(self, event: Mapping[str, Json]) -> None:
        for listener in tuple(self._listeners):
            listener(str(event.get("stage", "")))


def _forget(loading: asyncio.Task[LoadedEncoder]) -> None:
    """Take note of an error that nobody waited for any more."""
    if not loading.cancelled():
        loading.exception()


def _spans(found: Json) -> tuple[tuple[int, int], ...]:
    """Pairs of whole numbers out of a message."""
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2).tolist()
    return tuple((start, end) for start, end in pairs)


def _vectors(reply: Reply) -> FloatArray:
    return reply.arrays[0].astype(np.float32, copy=False)
