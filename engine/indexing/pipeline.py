"""Reads, embeds and commits files: reading goes on meanwhile, and each step is small."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cache.records import EncoderRecord, Vectors
from cache.store import Cache
from engine.errors import OutOfMemoryError
from engine.indexing.commit import Batch, Item, Written, write_batch
from engine.indexing.plan import FileTask
from engine.indexing.pool import Decoder, Outcome, Read, Refused

LONGEST_CALL_S = 0.5
"""A text query may have to wait for one call with pictures."""
LONGEST_BATCH_S = 10.0
"""A batch is committed after so long even if it is not full."""
_FIRST_CALL = 4


class Embed(Protocol):
    """Pictures to unit vectors, in the encoder's process."""

    async def __call__(self, pixels: NDArray[np.uint8]) -> Vectors:
        """Embed uint8 [n, H, W, 3] as float32 [n, dim]."""
        ...


class Listener(Protocol):
    """What the pipeline tells while it works."""

    def file_done(self, path: str) -> None: ...

    def batch_written(self, written: Written) -> None: ...


class Pipeline:
    """Carries the tasks of one run from the disk into the cache."""

    def __init__(
        self,
        cache: Cache,
        encoder: EncoderRecord,
        embed: Embed | None,
        listener: Listener,
        *,
        lacking: frozenset[int],
        batch_size: int,
    ) -> None:
        self._cache = cache
        self._encoder = encoder
        self._embed = embed
        self._listener = listener
        self._lacking = lacking
        self._batch_size = batch_size
        self._call_size = min(_FIRST_CALL, batch_size)
        self._queue: asyncio.Queue[Outcome] = asyncio.Queue(maxsize=2 * batch_size)
        self._embedded: set[str] = set()
        self._items: list[Item] = []
        self._refused: list[Refused] = []
        self._batch_began = 0.0
        self.without_vector = 0
        """Pictures left for another run because no encoder is at hand."""

    async def run(self, tasks: Sequence[FileTask], decoders: Sequence[Decoder]) -> None:
        """Index the files; cancelling it leaves what is committed."""
        waiting = iter(tasks)
        try:
            async with asyncio.TaskGroup() as group:
                for decoder in decoders:
                    group.create_task(self._read(decoder, waiting))
                await self._consume(len(tasks))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _read(self, decoder: Decoder, waiting: Iterator[FileTask]) -> None:
        for task in waiting:
            await self._queue.put(await decoder.read(task))

    async def _consume(self, left: int) -> None:
        while left:
            outcomes = [await self._queue.get()]
            limit = min(self._call_size, self._batch_size - len(self._items) - len(self._refused))
            while len(outcomes) < limit and not self._queue.empty():
                outcomes.append(self._queue.get_nowait())
            left -= len(outcomes)
            await self._take(outcomes)
            if self._is_full() or not left:
                await self._write()

    async def _take(self, outcomes: Sequence[Outcome]) -> None:
        """Embed what needs it and put all into the batch."""
        reads = [outcome for outcome in outcomes if isinstance(outcome, Read)]
        is_first = not (self._items or self._refused)
        self._refused += [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        needing = [read for read in reads if self._needs_vector(read)]
        vectors = await self._vectors([read.pixels for read in needing if read.pixels is not None])
        by_hash = {read.sha256: vector for read, vector in zip(needing, vectors, strict=True)}
        for read in reads:
            self.without_vector += self._stays_without(read)
            if read.new is not None or read.is_known:
                self._items.append(Item(read=read, vector=by_hash.pop(read.sha256, None)))
        if is_first:
            self._batch_began = time.monotonic()
        for outcome in outcomes:
            self._listener.file_done(outcome.task.path)

    def _needs_vector(self, read: Read) -> bool:
        if read.pixels is None or read.sha256 in self._embedded:
            return False
        if read.task.adopts is not None and read.task.adopts not in self._lacking:
            return False
        self._embedded.add(read.sha256)
        return True

    def _stays_without(self, read: Read) -> bool:
        if read.task.adopts is not None:
            return self._embed is None and read.task.adopts in self._lacking
        return read.new is None and not read.is_known

    async def _vectors(self, pictures: Sequence[NDArray[np.uint8]]) -> Sequence[Vectors]:
        """Embed pictures in calls that take about LONGEST_CALL_S at most."""
        vectors: list[Vectors] = []
        while len(vectors) < len(pictures) and self._embed is not None:
            part = pictures[len(vectors) : len(vectors) + self._call_size]
            began = time.monotonic()
            try:
                vectors.extend(await self._embed(np.stack(part)))
            except OutOfMemoryError:
                if self._call_size == 1:
                    raise
                self._call_size = max(1, self._call_size // 2)
                continue
            self._adapt(len(part), time.monotonic() - began)
        return vectors

    def _adapt(self, count: int, seconds: float) -> None:
        if seconds > LONGEST_CALL_S:
            self._call_size = max(1, count // 2)
        elif seconds < LONGEST_CALL_S / 2 and count == self._call_size:
            self._call_size = min(self._batch_size, 2 * count)

    def _is_full(self) -> bool:
        is_late = time.monotonic() - self._batch_began > LONGEST_BATCH_S
        return is_late or len(self._items) + len(self._refused) >= self._batch_size

    async def _write(self) -> None:
        """Commit the batch before the next one begins: an interruption costs one at most."""
        batch = Batch(items=self._items, refused=self._refused)
        self._listener.batch_written(await self._cache.write(write_batch, self._encoder, batch))
        self._items, self._refused = [], []
