"""Makes shards: reads the files that were decided on, embeds them, and writes what comes of them.

The same pictures under the same encoder give the same bytes, whichever machine makes a shard and
in whatever order: its files are embedded in batches of one size.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cache.embeddings import Vectors
from cache.files import FailureRecord
from engine.errors import OutOfMemoryError, RequestError
from engine.library.addresses import fetched
from engine.library.decoders import (
    DecoderProcess,
    DecoderSettings,
    FileContent,
    ReadOutcome,
    RefusedFile,
    decoder_count,
    decoder_version,
    open_decoders,
)
from engine.library.pipeline import in_order
from engine.library.plan import Blame, FileTask
from engine.library.shards import (
    ShardContent,
    ShardManifest,
    ShardRow,
    read_manifest,
    read_plan,
    write_shard,
)
from engine.models.encoder_info import EncoderInfo
from engine.picture_names import is_address
from engine.settings import EngineSettings
from engine.states import FailureCause

if TYPE_CHECKING:
    from engine.models.encoders import PictureEncoders

BATCH = 32
"""Pictures that are embedded at once: another number may change the last bit of an embedding."""

OnFile = Callable[[str], None]
"""Gets the path of each file that is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardReport:
    """What became of the files of a shard that was made."""

    number: int
    files: int
    pictures: int
    failures: tuple[FailureRecord, ...]


class ShardMaker:
    """Makes shards of one folder, one at a time, with an encoder and decoders that stay warm."""

    def __init__(
        self,
        folder: Path,
        info: EncoderInfo,
        encoders: PictureEncoders,
        decoders: Sequence[DecoderProcess],
    ) -> None:
        self._folder = folder
        self._info = info
        self._encoders = encoders
        self._decoders = decoders

    async def make(self, number: int, blame: Blame, on_file: OnFile) -> ShardReport:
        """Read and embed the files of a shard and write it.

        Raises VectorsError without a plan, EngineError where it cannot be written, and what models
        raise. Cancelled, it leaves nothing behind.
        """
        tasks = await asyncio.to_thread(read_plan, self._folder, number)
        content = ShardContent()
        parts = [tasks[start : start + BATCH] for start in range(0, len(tasks), BATCH)]
        embedded = in_order(self._read_ahead(parts), self._vectors, self._encoders.at_once)
        async with aclosing(embedded) as groups:
            async for outcomes, vectors in groups:
                _put(content, outcomes, vectors, blame)
                for outcome in outcomes:
                    on_file(outcome.task.path)
        await asyncio.to_thread(write_shard, self._folder, number, content, self._info.dim)
        return ShardReport(
            number=number,
            files=len(tasks),
            pictures=len(content.rows),
            failures=tuple(content.failures),
        )

    async def _read_ahead(
        self, parts: Sequence[Sequence[FileTask]]
    ) -> AsyncIterator[list[ReadOutcome]]:
        """Read each part while the one before it is embedded."""
        reading = None
        try:
            for following in [*parts, None]:
                done = reading
                reading = (
                    None if following is None else asyncio.ensure_future(self._read(following))
                )
                if done is not None:
                    yield await done
        finally:
            if reading is not None:
                reading.cancel()

    async def _read(self, tasks: Sequence[FileTask]) -> list[ReadOutcome]:
        """What the decoders make of some files, in order."""
        waiting, found = iter(enumerate(tasks)), dict[int, ReadOutcome]()

        async def work(decoder: DecoderProcess) -> None:
            for at, task in waiting:
                found[at] = await _read_copy(decoder, task, copies.get(task.path))

        async with fetched([task.path for task in tasks if is_address(task.path)]) as copies:
            await asyncio.gather(*(work(decoder) for decoder in self._decoders))
        return [found[at] for at in range(len(tasks))]

    async def _vectors(self, outcomes: Sequence[ReadOutcome]) -> Sequence[Vectors]:
        pictures = [read.pixels for read in _reads(outcomes)]
        return list(await self._embed(pictures)) if pictures else []

    async def _embed(self, pictures: Sequence[NDArray[np.uint8] | None]) -> Vectors:
        pixels = np.stack([each for each in pictures if each is not None])
        size = len(pixels)
        while True:
            try:
                parts = [pixels[start : start + size] for start in range(0, len(pixels), size)]
                source = self._info.source
                return np.concatenate(
                    [await self._encoders.embed_pixels(source, part) for part in parts]
                )
            except OutOfMemoryError:
                if size == 1:
                    raise
                size = max(1, size // 2)


def _reads(outcomes: Sequence[ReadOutcome]) -> list[FileContent]:
    """The files that could be read."""
    reads = [each for each in outcomes if isinstance(each, FileContent)]
    return [read for read in reads if read.new is not None and read.pixels is not None]


def _put(
    content: ShardContent,
    outcomes: Sequence[ReadOutcome],
    vectors: Sequence[Vectors],
    blame: Blame,
) -> None:
    """Enter files in their order, with the vectors of those that could be read."""
    for outcome in outcomes:
        if isinstance(outcome, RefusedFile):
            record = outcome.task.failure(outcome.reason, outcome.cause, blame)
            # The same shard is the same bytes, whenever it is made.
            content.failures.append(replace(record, failed_at=0.0))
    content.vectors += vectors
    for read in _reads(outcomes):
        content.rows.append(_row(read))
        content.thumbnails.append(read.new.thumbnail if read.new is not None else b"")


async def _read_copy(
    decoder: DecoderProcess, task: FileTask, copy: Path | str | None
) -> ReadOutcome:
    """Read a file of this machine, or the copy of one that lies on other storage."""
    if copy is None:
        return await decoder.read(task)
    if isinstance(copy, str):
        return RefusedFile(task=task, reason=copy, cause=FailureCause.MOMENT)
    outcome = await decoder.read(replace(task, path=str(copy)))
    if isinstance(outcome, RefusedFile):
        return replace(outcome, task=task)
    # When a copy was written says nothing of the file.
    return replace(outcome, task=task, mtime_ns=task.mtime_ns)


def _row(read: FileContent) -> ShardRow:
    assert read.new is not None
    return ShardRow(
        image_path=read.task.path,
        sha256=read.sha256,
        width=read.new.width,
        height=read.new.height,
        format=read.new.format,
        partial=read.new.partial,
        size=read.size,
        mtime_ns=read.mtime_ns,
    )


@asynccontextmanager
async def open_maker(
    folder: Path, source: str, encoders: PictureEncoders, settings: EngineSettings
) -> AsyncIterator[tuple[ShardMaker, Blame]]:
    """Yield what makes shards of a folder; its decoders end with the block.

    Raises RequestError where the encoder is another one than that of the folder.
    """
    manifest = await asyncio.to_thread(read_manifest, folder)
    info = await encoders.describe(source)
    if manifest is not None:
        check_encoder(folder, manifest, info)
    decoding = DecoderSettings(
        count=decoder_count(settings.decoders),
        log=settings.home / "logs" / "decoder.log",
        spec=info.spec,
        max_pixels=settings.max_pixels if manifest is None else manifest.max_pixels,
        thumbnail_side=settings.thumbnail_side if manifest is None else manifest.thumbnail_side,
        known=np.empty(0, np.int64),
    )
    blame = Blame(decoder=decoder_version(decoding.max_pixels), model=f"{info.id} {info.spec}")
    async with open_decoders(decoding) as decoders:
        yield ShardMaker(folder, info, encoders, decoders), blame


def check_encoder(folder: Path, manifest: ShardManifest, info: EncoderInfo) -> None:
    """Raise RequestError where shards of a folder are not in the space of an encoder."""
    if manifest.encoder.id != info.id or manifest.encoder.dim != info.dim:
        raise RequestError(
            f"the shards of {folder} are of {manifest.encoder.id}, not of {info.id}",
            hint="Name that encoder with --encoder, or another folder with --shards.",
            field="shards",
        )
