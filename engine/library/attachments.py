"""Folders of shards in the library: read-only, by reference.

Names and numbers of pictures are read into the cache, so that paths, filters and receipts work as
they do for any other; embeddings and thumbnails stay in the files of the folder and are read there.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from cache.attached import (
    AttachedFile,
    AttachedRecord,
    NewShard,
    attached_folders,
    detach,
    finish_attaching,
    put_attached,
    put_shard,
)
from cache.embeddings import Vectors
from cache.files import put_failures
from cache.mapped import MANIFEST, starts_path, thumbnails_path, vectors_path
from cache.store import Cache
from engine import disk, numbers
from engine.errors import RequestError, T2IError, VectorsError
from engine.events import JobNote, LibraryChanged, Report
from engine.jobs.codec import RequestWork
from engine.jobs.jobs import JobWork
from engine.jobs.progress import ProgressReporter, ThreadProgress, on_thread
from engine.library.indexing import Measure
from engine.library.shards import (
    ShardManifest,
    ShardRow,
    done_shards,
    metadata_path,
    read_failures,
    read_manifest,
)
from engine.library.vector_files import check_names, read_columns
from engine.requests import AttachRequest
from engine.untrusted import arrays
from engine.untrusted.arrays import NpyFile
from engine.untrusted.values import read_as

_UNIT_ERROR = 1e-3
"""Vectors this far from unit length were not written as embeddings."""
_ROWS_AT_ONCE = 8192


class Attachments:
    """Attaches folders of shards, and takes them out again."""

    def __init__(self, cache: Cache, measure: Measure | None = None) -> None:
        """`measure` is called for the encoder of a folder that was attached."""
        self._cache = cache
        self._measure = measure

    async def folders(self) -> list[AttachedRecord]:
        """The attached folders, in path order."""
        return await self._cache.read(attached_folders)

    def holds_shards(self, folder: Path) -> bool:
        """Whether shards lie in a folder, and no pictures."""
        return disk.is_file(folder / MANIFEST)

    def job(self, request: AttachRequest) -> JobWork:
        """Return the work of attaching a folder; see `AttachRun` for what it does."""
        title = f"attach {request.folder}"
        return RequestWork(title=title, asked=request, work=partial(self._attach, request))

    async def _attach(self, request: AttachRequest, job_id: int, report: Report) -> str:
        run = AttachRun(self._cache, request.folder)
        said = await run.carry_out(job_id, report)
        if self._measure is not None:
            await self._measure(run.encoder_id, job_id, report)
        return said

    async def detach(self, folder: Path) -> int:
        """Take a folder out of the library; returns how many pictures were dropped.

        What other attached folders have, too, is read anew from them, as far as they are there.
        Raises RequestError for a folder that is not attached.
        """
        known = await self.folders()
        if str(folder) not in [record.folder for record in known]:
            raise RequestError(
                f"{folder} is not attached",
                hint="\n  ".join(["Attached are:", *(record.folder for record in known)])
                if known
                else "No folder is.",
                field="folder",
            )
        dropped = await self._cache.write(detach, str(folder))
        for record in known:
            if record.folder != str(folder) and record.is_here:
                dropped -= await AttachRun(self._cache, Path(record.folder)).again()
        return max(dropped, 0)


class AttachRun:
    """Attaches one folder, shard by shard, each in one transaction."""

    def __init__(self, cache: Cache, folder: Path) -> None:
        self._cache = cache
        self._folder = folder
        self.encoder_id = ""
        """Of the folder; empty until that is known."""

    async def carry_out(self, job_id: int, report: Report) -> str:
        """Attach what is there and return the closing sentence; what is attached stays so.

        Raises RequestError where there are no shards, VectorsError for files that do not fit.
        """
        began, progress = time.monotonic(), ProgressReporter(job_id, report)
        manifest = await asyncio.to_thread(self._manifest)
        numbers_there = await asyncio.to_thread(done_shards, self._folder, manifest)
        known = await self._known(manifest)
        added = rows = 0
        for at, number in enumerate(numbers_there):
            progress.report("attaching", at, len(numbers_there))
            pulse = ThreadProgress(lambda done: None)
            stamp = known.get(number)
            shard = await on_thread(partial(self._read, manifest, number, stamp, pulse), pulse)
            if shard is not None:
                added += await self._put(shard)
                rows += len(shard.files)
                report(LibraryChanged(job_id=job_id, added=len(shard.files)))
        await self._cache.write(finish_attaching, str(self._folder), numbers_there)
        if lacking := manifest.planned - len(numbers_there):
            note = f"{lacking} of {manifest.planned} shards are not made yet"
            report(JobNote(job_id=job_id, message=f"{note}: attach again once they are"))
        seconds = time.monotonic() - began
        return (
            f"{len(numbers_there)} shards of {self._folder} are part of the library: {rows:,}"
            f" files read, {added:,} new pictures, in {seconds:.1f} s."
        )

    async def again(self) -> int:
        """Read all of a folder that is attached; returns how many pictures are new by that."""
        added = 0
        try:
            manifest = await asyncio.to_thread(self._manifest)
            for number in await asyncio.to_thread(done_shards, self._folder, manifest):
                pulse = ThreadProgress(lambda done: None)
                shard = await on_thread(partial(self._read, manifest, number, None, pulse), pulse)
                added += 0 if shard is None else await self._put(shard)
        except T2IError:
            # It is as it was; who searches in it is told what is wrong with it.
            pass
        return added

    async def _known(self, manifest: ShardManifest) -> dict[int, tuple[int, int]]:
        self.encoder_id = manifest.encoder.id
        known = await self._cache.write(put_attached, str(self._folder), manifest.encoder)
        records = await self._cache.read(attached_folders)
        held = {record.folder: record.encoder_id for record in records}
        if held[str(self._folder)] != manifest.encoder.id:
            raise RequestError(
                f"{self._folder} was attached with embeddings of {held[str(self._folder)]}",
                hint=f"t2itui library detach {self._folder}, then attach it again.",
                field="folder",
            )
        return known

    async def _put(self, shard: NewShard) -> int:
        failures = await asyncio.to_thread(read_failures, self._folder, shard.number)
        now = time.time()
        await self._cache.write(put_failures, [replace(each, failed_at=now) for each in failures])
        return await self._cache.write(put_shard, str(self._folder), self.encoder_id, shard)

    def _manifest(self) -> ShardManifest:
        manifest = read_manifest(self._folder)
        if manifest is None:
            raise RequestError(
                disk.absence(self._folder, f"{self._folder} holds no shards of t2itui"),
                hint="t2itui index DIR --shards OUT makes them; vectors that others made are"
                " brought in by t2itui cache import.",
                field="folder",
            )
        self.encoder_id = manifest.encoder.id
        return manifest

    def _read(
        self,
        manifest: ShardManifest,
        number: int,
        known: tuple[int, int] | None,
        pulse: ThreadProgress,
    ) -> NewShard | None:
        """Look at a shard; None where it is as it was attached, or empty."""
        path = vectors_path(self._folder, number)
        try:
            size, mtime_ns = numbers.stamp(path.stat())
            if known == (size, mtime_ns) or not (files := self._files(number)):
                return None
            vectors = arrays.open_npy(path)
            thumbnails = arrays.open_npy(thumbnails_path(self._folder, number))
            starts = arrays.open_npy(starts_path(self._folder, number))
        except (OSError, ValueError) as error:
            raise VectorsError(f"shard {number} of {self._folder}: {error}") from error
        for array, dtype, shape, what in (
            (vectors, "<f4", (len(files), manifest.encoder.dim), "embeddings"),
            (starts, "<i8", (len(files) + 1,), "beginnings of thumbnails"),
            (thumbnails, "|u1", thumbnails.shape[:1], "bytes of thumbnails"),
        ):
            if array.dtype.str != dtype or array.shape != shape or array.by_column:
                raise VectorsError(
                    f"shard {number} of {self._folder}: expected {what} as {dtype} of shape"
                    f" {shape}, found {array.dtype.str} of shape {array.shape}"
                )
        self._check_lengths(number, vectors, pulse)
        return NewShard(
            number=number,
            files=files,
            size=size,
            mtime_ns=mtime_ns,
            vectors_at=vectors.at,
            thumbnails_at=thumbnails.at,
            starts_at=starts.at,
        )

    def _files(self, number: int) -> list[AttachedFile]:
        metadata = metadata_path(self._folder, number)
        names = tuple(ShardRow.__annotations__)
        columns = read_columns(metadata, names)
        where = f"metadata of shard {number}"
        found = []
        for row, values in enumerate(zip(*(columns[name] for name in names), strict=True)):
            try:
                read = read_as(ShardRow, dict(zip(names, values, strict=True)))
                found.append(_file(read))
            except (TypeError, ValueError) as error:
                raise VectorsError(f"{where}, row {row}: {error}") from error
        check_names(where, [file.path for file in found])
        return found

    def _check_lengths(self, number: int, vectors: NpyFile, pulse: ThreadProgress) -> None:
        """Raise VectorsError unless all are of unit length; reads every one once."""
        for start in range(0, vectors.shape[0], _ROWS_AT_ONCE):
            part = self._part(number, vectors, start)
            pulse.advance(len(part))
            with np.errstate(over="ignore", invalid="ignore"):
                lengths = np.einsum("ij,ij->i", part, part)
            wrong = ~(np.abs(lengths - 1) <= _UNIT_ERROR)
            if wrong.any():
                row = start + int(np.argmax(wrong))
                raise VectorsError(
                    f"shard {number} of {self._folder}: the embedding in row {row} is damaged: it"
                    " is not of unit length",
                    hint="Delete the shard's file in img_emb, and run index --shards again.",
                )

    def _part(self, number: int, vectors: NpyFile, start: int) -> Vectors:
        try:
            return np.asarray(vectors[start : start + _ROWS_AT_ONCE], np.float32)
        except (OSError, ValueError) as error:
            raise VectorsError(f"shard {number} of {self._folder}: {error}") from error


_HEX = frozenset("0123456789abcdef")


def _file(row: ShardRow) -> AttachedFile:
    """The file of a row of the metadata. Raises ValueError for what cannot be stored."""
    if len(row.sha256) != 64 or not set(row.sha256) <= _HEX:
        raise ValueError("sha256 is no SHA-256 in hex")
    counts = (row.width, row.height, row.size)
    if any(each < 0 or each != numbers.storable(each) for each in (*counts, abs(row.mtime_ns))):
        raise ValueError("a number is below 0 or too large")
    return AttachedFile(
        path=row.image_path,
        sha256=row.sha256,
        size=row.size,
        mtime_ns=row.mtime_ns,
        width=row.width,
        height=row.height,
        format=row.format,
        partial=row.partial,
    )
