"""Writes what an index run learns, each batch in one transaction."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from cache.embeddings import EncoderRecord, Vectors, add_embeddings, put_encoder
from cache.files import (
    SeenFile,
    clear_failures,
    drop_files,
    mark_missing,
    put_failures,
    put_files,
)
from cache.pictures import add_picture, fill_named, find_by_sha
from cache.store import Cache
from engine.errors import OutOfMemoryError
from engine.library.decoders import DecoderProcess, FileContent, ReadOutcome, RefusedFile
from engine.library.plan import Blame, FileTask, ScanPlan
from engine.states import FailureCause

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IndexItem:
    """A file on its way into the cache, with its embedding if it needs one."""

    read: FileContent
    vector: Vectors | None = None
    """Unit length, [dim]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IndexBatch:
    """What one transaction takes."""

    items: Sequence[IndexItem]
    refused: Sequence[RefusedFile]
    blame: Blame


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCounts:
    """What a batch changed, in files."""

    added: int = 0
    reused: int = 0
    embedded: int = 0
    partial: int = 0
    failed: int = 0


def write_scan(db: Database, plan: ScanPlan) -> None:
    """Write what a scan found out without reading a file."""
    put_files(db, plan.returned)
    mark_missing(db, plan.missing)
    drop_files(db, plan.dropped)
    put_failures(db, plan.failures)
    clear_failures(db, plan.forgiven)


def write_batch(db: Database, encoder: EncoderRecord, batch: IndexBatch) -> BatchCounts:
    """Enter pictures, files, embeddings and failures together."""
    known = find_by_sha(db, (item.read.sha256 for item in batch.items))
    files: list[tuple[SeenFile, int]] = []
    vectors: dict[int, Vectors] = {}
    added: set[int] = set()
    for item in batch.items:
        picture_id = _picture(db, item.read, known)
        if picture_id is None:
            continue
        if item.read.sha256 not in known:
            added.add(picture_id)
        files.append((_seen(item.read), picture_id))
        if item.vector is not None:
            vectors[picture_id] = item.vector
    put_files(db, files)
    embedded = 0
    if vectors:
        put_encoder(db, encoder)
        embedded = add_embeddings(db, encoder.id, list(vectors), np.stack(list(vectors.values())))
    clear_failures(db, [item.read.task.path for item in batch.items if item.read.task.was_bad])
    _refuse(db, batch.refused, batch.blame)
    return BatchCounts(
        added=len(added),
        reused=len(files) - len(added),
        embedded=embedded,
        partial=sum(1 for item in batch.items if item.read.new and item.read.new.partial),
        failed=len(batch.refused),
    )


def _picture(db: Database, read: FileContent, known: dict[str, int]) -> int | None:
    """The id of the content that was read; None where it was forgotten in the meantime."""
    if read.new is None:
        return known.get(read.sha256)
    if read.task.named_id is not None:
        return fill_named(db, read.task.named_id, read.new)
    return add_picture(db, read.new)


def _seen(read: FileContent) -> SeenFile:
    return SeenFile(path=read.task.path, size=read.size, mtime_ns=read.mtime_ns)


def _refuse(db: Database, refused: Sequence[RefusedFile], blame: Blame) -> None:
    put_failures(db, [entry.task.failure(entry.reason, entry.cause, blame) for entry in refused])
    # What a path held is not there any more once it holds something that is no picture.
    gone = [entry.task for entry in refused if entry.cause is FailureCause.FILE]
    mark_missing(db, [task.path for task in gone if task.was_known])


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbedGroup:
    """Files that were read, and those among them whose pictures are embedded in one go."""

    outcomes: Sequence[ReadOutcome]
    needing: Sequence[FileContent]


_END: Any = object()
_AHEAD = 2
"""Items that are at work or done and waiting for their turn, for each that is worked on."""


async def in_order(
    items: AsyncIterator[T], work: Callable[[T], Coroutine[Any, Any, R]], at_once: int
) -> AsyncGenerator[tuple[T, R]]:
    """What comes of each item, in the order of the items, `at_once` of which are worked on.

    While the first of them takes its time the others go on, up to `_AHEAD` items for each at work.
    Close it, as by `aclosing`, where it is not read to its end: what is at work ends then.
    """
    flying: deque[tuple[T, asyncio.Task[R]]] = deque()
    coming: asyncio.Future[T] | None = None
    is_over = False
    try:
        while flying or not is_over:
            if flying and flying[0][1].done():
                item, task = flying.popleft()
                yield item, task.result()
                continue
            busy = [task for _, task in flying if not task.done()]
            has_room = len(busy) < at_once and len(flying) < _AHEAD * at_once
            if coming is None and not is_over and has_room:
                coming = asyncio.ensure_future(anext(items, _END))
            waited: list[asyncio.Future[Any]] = [*busy]
            if coming is not None:
                waited.append(coming)
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if coming is not None and coming.done():
                item, coming = coming.result(), None
                is_over = item is _END
                if not is_over:
                    flying.append((item, asyncio.create_task(work(item))))
    finally:
        left = [each for each in (coming, *(task for _, task in flying)) if each is not None]
        for each in left:
            each.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if isinstance(items, AsyncGenerator):
            await items.aclose()


class PipelineListener(Protocol):
    """What the pipeline tells while it works."""

    def file_done(self, path: str) -> None: ...

    def batch_written(self, written: BatchCounts) -> None: ...


class IndexPipeline:
    """Carries the tasks of one run from the disk into the cache."""

    def __init__(
        self,
        cache: Cache,
        encoder: EncoderRecord,
        embed: Embed | None,
        listener: PipelineListener,
        *,
        missing_ids: frozenset[int],
        blame: Blame,
        batch_size: int,
        at_once: int = 1,
    ) -> None:
        """`at_once` groups of pictures are embedded at the same time, where there are devices."""
        self._cache = cache
        self._encoder = encoder
        self._embed = embed
        self._listener = listener
        self._missing_ids = missing_ids
        self._blame = blame
        self._batch_size = batch_size
        self._at_once = at_once
        self._call_size = min(_FIRST_CALL, batch_size)
        self._queue: asyncio.Queue[ReadOutcome] = asyncio.Queue(maxsize=2 * batch_size)
        self._embedded: set[str] = set()
        self._items: list[IndexItem] = []
        self._refused: list[RefusedFile] = []
        self._flying = 0
        """Files whose pictures are being embedded."""
        self._batch_began = 0.0
        self.without_vector = 0
        """Pictures left for another run because no encoder is at hand."""

    async def run(self, tasks: Sequence[FileTask], decoders: Sequence[DecoderProcess]) -> None:
        """Index the files; cancelling it leaves what is committed."""
        waiting = iter(tasks)
        try:
            async with asyncio.TaskGroup() as group:
                for decoder in decoders:
                    group.create_task(self._read(decoder, waiting))
                await self._consume(len(tasks))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _read(self, decoder: DecoderProcess, waiting: Iterator[FileTask]) -> None:
        for task in waiting:
            await self._queue.put(await decoder.read(task))

    async def _consume(self, left: int) -> None:
        """Embed what arrives and write it in the order of its arrival."""
        embedded = in_order(self._groups(left), self._vectors, self._at_once)
        async with aclosing(embedded) as groups:
            async for group, vectors in groups:
                left -= len(group.outcomes)
                self._take(group, vectors)
                if self._is_full() or not left:
                    await self._write()

    async def _groups(self, left: int) -> AsyncIterator[EmbedGroup]:
        """What is embedded in one go: what is there, but no more than what the batch takes."""
        while left:
            outcomes = [await self._queue.get()]
            batch = len(self._items) + len(self._refused) + self._flying
            limit = min(self._call_size, self._batch_size - batch % self._batch_size)
            while len(outcomes) < limit and not self._queue.empty():
                outcomes.append(self._queue.get_nowait())
            left -= len(outcomes)
            self._flying += len(outcomes)
            reads = [outcome for outcome in outcomes if isinstance(outcome, FileContent)]
            needing = [read for read in reads if self._needs_vector(read)]
            yield EmbedGroup(outcomes=outcomes, needing=needing)

    def _take(self, group: EmbedGroup, vectors: Sequence[Vectors]) -> None:
        """Put all of a group into the batch."""
        outcomes = group.outcomes
        reads = [outcome for outcome in outcomes if isinstance(outcome, FileContent)]
        if not (self._items or self._refused):
            self._batch_began = time.monotonic()
        self._flying -= len(outcomes)
        self._refused += [outcome for outcome in outcomes if isinstance(outcome, RefusedFile)]
        by_hash = {read.sha256: vector for read, vector in zip(group.needing, vectors, strict=True)}
        for read in reads:
            self.without_vector += self._stays_without(read)
            if read.new is not None or read.is_known:
                self._items.append(IndexItem(read=read, vector=by_hash.pop(read.sha256, None)))
        for outcome in outcomes:
            self._listener.file_done(outcome.task.path)

    def _needs_vector(self, read: FileContent) -> bool:
        if read.pixels is None or read.sha256 in self._embedded:
            return False
        if read.task.named_id is not None and read.task.named_id not in self._missing_ids:
            return False
        self._embedded.add(read.sha256)
        return True

    def _stays_without(self, read: FileContent) -> bool:
        if read.task.named_id is not None:
            return self._embed is None and read.task.named_id in self._missing_ids
        return read.new is None and not read.is_known

    async def _vectors(self, group: EmbedGroup) -> Sequence[Vectors]:
        """Embed pictures in calls that take about LONGEST_CALL_S at most."""
        pictures = [read.pixels for read in group.needing if read.pixels is not None]
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
        batch = IndexBatch(items=self._items, refused=self._refused, blame=self._blame)
        self._listener.batch_written(await self._cache.write(write_batch, self._encoder, batch))
        self._items, self._refused = [], []
