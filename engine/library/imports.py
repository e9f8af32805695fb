"""Finds the vectors that an import names, and checks that they share one space."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from sqlite_utils import Database

from cache.embeddings import (
    BLOCK_ROWS,
    EncoderRecord,
    Vectors,
    add_embeddings,
    compact,
    find_encoder,
    put_encoder,
)
from cache.files import FailureRecord, failures, known_files, put_folder
from cache.pictures import add_names
from cache.store import Cache
from cache.texts import TextRecord, get_texts, put_texts
from engine import disk, numbers
from engine.errors import RequestError, VectorsError
from engine.events import JobNote, LibraryChanged, Report
from engine.jobs.progress import ProgressReporter, ThreadProgress, on_thread
from engine.library.decoders import (
    DecoderSettings,
    decoder_count,
    decoder_version,
    open_decoders,
)
from engine.library.pipeline import BatchCounts, IndexPipeline
from engine.library.plan import Blame, FileTask
from engine.library.vector_files import NamedVectors, VectorArray, read_folder, read_npz
from engine.requests import ImportRequest
from engine.settings import EngineSettings
from engine.states import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSources:
    """What an import reads from."""

    pictures: Sequence[VectorArray]
    texts: Sequence[VectorArray]
    dim: int

    @property
    def picture_rows(self) -> int:
        return sum(part.rows for part in self.pictures)

    @property
    def text_rows(self) -> int:
        return sum(part.rows for part in self.texts)


def open_sources(request: ImportRequest) -> VectorSources:
    """Look into the files of a request; it reads from the disk, so call it on a thread.

    Raises RequestError where nothing is named, VectorsError where the files do not fit.
    """
    pictures: list[VectorArray] = []
    texts: list[VectorArray] = []
    if request.pictures is None and request.texts is None:
        raise RequestError(
            "Nothing to import", hint="Name --pictures, --texts or both.", field="pictures"
        )
    if request.root is not None and not disk.is_folder(request.root):
        raise RequestError(
            disk.absence(request.root, f"There is no folder {request.root}"),
            hint="Name the folder that the pictures lie in, or leave --root out.",
            field="root",
        )
    if request.pictures is not None and disk.is_folder(request.pictures):
        layout = read_folder(request.pictures)
        pictures += layout.pictures
        texts += layout.texts
    elif request.pictures is not None:
        pictures += read_npz(request.pictures, "image")
    if request.texts is not None:
        texts += read_npz(request.texts, "text")
    return VectorSources(pictures=pictures, texts=texts, dim=_one_dimension([*pictures, *texts]))


def _one_dimension(parts: Sequence[VectorArray]) -> int:
    if not parts:
        raise VectorsError("There are no vectors in it")
    first = parts[0]
    for part in parts:
        if part.dim != first.dim:
            raise VectorsError(
                f"{first.where} has vectors of {first.dim} numbers, {part.where} of {part.dim}:"
                " they cannot come from one encoder",
                hint="Import them one by one, each under its own encoder.",
            )
    return first.dim


FileRow = tuple[int, int, int, bool]
"""Bytes, mtime_ns, picture id, present."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFiles:
    """What looking for files brought to light."""

    present: int
    """Names that a file stands behind."""
    tasks: Sequence[FileTask]
    """Files of pictures without content yet."""


def path_of(root: Path | None, name: str) -> str:
    """The path that a name stands for: below the root where there is one, else as it is."""
    return name if root is None else os.path.normpath(disk.from_root(root) / name)


def find_files(
    paths: Sequence[str],
    known: Mapping[str, FileRow],
    failures: Mapping[str, FailureRecord],
    blame: Blame,
) -> FoundFiles:
    """Look for the files of the paths that are `known`, which are those below the root.

    Nothing outside of it is touched. It asks the disk, so call it on a thread.
    """
    present, tasks = 0, list[FileTask]()
    for path in paths:
        row = known.get(path)
        if row is None or (seen := _stat(path)) is None:
            continue
        present += 1
        size, mtime_ns, picture_id, is_present = row
        failure = failures.get(path)
        was_bad = failure is not None
        if failure is not None and blame.holds(failure, *seen):
            continue
        if (size, mtime_ns) == (0, 0) and not is_present:
            tasks.append(FileTask(path, *seen, picture_id, False, was_bad, failure))
    return FoundFiles(present=present, tasks=tasks)


def _stat(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a million paths stay text
    except (OSError, ValueError):
        return None
    return numbers.stamp(found) if stat.S_ISREG(found.st_mode) else None


_FILES_AT_ONCE = 2048
_PICTURES_AT_ONCE = 64


class ImportRun:
    """Carries out one request; running it again goes on where it was interrupted."""

    def __init__(self, cache: Cache, settings: EngineSettings, request: ImportRequest) -> None:
        self._cache = cache
        self._settings = settings
        self._blame = Blame(decoder=decoder_version(settings.max_pixels), model="")
        self._request = request
        self._paths: list[str] = []
        self._new_pictures = 0
        self._new_texts = 0
        self._present = 0
        self._decoded = 0
        self._bad = 0

    async def carry_out(self, job_id: int, report: Report) -> str:
        """Import everything and return the closing sentence.

        Raises VectorsError, RequestError or CacheError; what was committed before stays.
        """
        self._job_id, self._report = job_id, report
        self._progress = ProgressReporter(job_id, report)
        began = time.monotonic()
        self._progress.report("reading vectors", 0)
        sources = await asyncio.to_thread(open_sources, self._request)
        self._encoder = await self._fitting_encoder(sources.dim)
        await self._check(sources)
        await self._import_texts(sources)
        await self._import_pictures(sources)
        if self._request.root is not None and self._paths:
            await self._read_files()
        # Arrays without a row know an encoder, too.
        await self._cache.write(put_encoder, self._encoder)
        await self._cache.write(compact, self._encoder.id)
        return self._sentence(sources, time.monotonic() - began)

    async def _fitting_encoder(self, dim: int) -> EncoderRecord:
        """The encoder as request and cache know it; it is entered with its first vectors."""
        record = _record(self._request, dim)
        known = await self._cache.read(find_encoder, record.id)
        if known is not None and known.dim != dim:
            raise VectorsError(
                f"{known.id} has vectors of {known.dim} numbers in the cache; these have {dim}",
                hint="Check --encoder: vectors of another encoder need an id of their own.",
            )
        return _completed_from(record, known)

    async def _check(self, sources: VectorSources) -> None:
        """Look through all parts, so that one of them that is refused leaves nothing of the others.

        A part that is alone is checked whole when it is read.
        """
        for parts, unit in ((sources.texts, Unit.TEXTS), (sources.pictures, Unit.PICTURES)):
            if len(sources.texts) + len(sources.pictures) > 1:
                for part in parts:
                    await self._read(part, unit)

    async def _read(self, part: VectorArray, unit: Unit) -> NamedVectors:
        pulse = ThreadProgress(
            partial(self._progress.report, "checking", total=part.rows, unit=unit)
        )
        return await on_thread(partial(part.read, pulse), pulse)

    async def _import_texts(self, sources: VectorSources) -> None:
        done, total = 0, sources.text_rows
        async for names, vectors in self._batches(sources.texts, Unit.TEXTS):
            self._progress.report("importing texts", done, total, unit=Unit.TEXTS)
            self._new_texts += await self._cache.write(_write_texts, self._encoder, names, vectors)
            done += len(names)
        if total:
            self._progress.report("importing texts", total, total, unit=Unit.TEXTS)

    async def _import_pictures(self, sources: VectorSources) -> None:
        total = sources.picture_rows
        async for names, vectors in self._batches(sources.pictures, Unit.PICTURES):
            self._progress.report("importing vectors", len(self._paths), total, unit=Unit.PICTURES)
            paths, added = await self._cache.write(
                _write_pictures, self._encoder, self._request.root, names, vectors
            )
            self._paths += paths
            self._new_pictures += added
            if added:
                self._report(LibraryChanged(job_id=self._job_id, added=added))
        if not total:
            return
        self._progress.report("importing vectors", total, total, unit=Unit.PICTURES)
        self._paths = await asyncio.to_thread(lambda: list(dict.fromkeys(self._paths)))
        if again := total - len(self._paths):
            named = "1 picture is" if again == 1 else f"{again:,} pictures are"
            note = f"{named} named more than once; the first vector of each counts"
            self._report(JobNote(job_id=self._job_id, message=note))

    async def _batches(
        self, parts: Sequence[VectorArray], unit: Unit
    ) -> AsyncIterator[tuple[Sequence[str], Vectors]]:
        """Names and vectors of all parts, a block at a time; one part is in memory at once."""
        for part in parts:
            named = await self._read(part, unit)
            for start in range(0, len(named.names), BLOCK_ROWS):
                rows = slice(start, start + BLOCK_ROWS)
                yield named.names[rows], named.vectors[rows]

    async def _read_files(self) -> None:
        """Give the named pictures their content where the root has their file."""
        root = self._request.root
        if root is None:
            return
        await self._cache.write(put_folder, str(disk.from_root(root)))
        tasks = await self._look_for_files(disk.from_root(root))
        if not tasks:
            return
        self._total = len(tasks)
        self._progress.report("reading pictures", 0, self._total, unit=Unit.PICTURES)
        settings = DecoderSettings(
            count=min(decoder_count(self._settings.decoders), len(tasks)),
            log=self._settings.home / "logs" / "decoder.log",
            spec=None,
            max_pixels=self._settings.max_pixels,
            thumbnail_side=self._settings.thumbnail_side,
            known=np.empty(0, np.int64),
        )
        pipeline = IndexPipeline(
            self._cache,
            self._encoder,
            None,
            self,
            missing_ids=frozenset(),
            blame=self._blame,
            batch_size=_PICTURES_AT_ONCE,
        )
        async with open_decoders(settings) as decoders:
            await pipeline.run(tasks, decoders)

    async def _look_for_files(self, root: Path) -> list[FileTask]:
        known = await self._cache.read(known_files, str(root))
        bad = {record.path: record for record in await self._cache.read(failures, str(root))}
        paths, tasks = self._paths, list[FileTask]()
        for start in range(0, len(paths), _FILES_AT_ONCE):
            self._progress.report("looking for files", start, len(paths), unit=Unit.FILES)
            part = paths[start : start + _FILES_AT_ONCE]
            found = await asyncio.to_thread(find_files, part, known, bad, self._blame)
            self._present += found.present
            tasks += found.tasks
        return tasks

    def file_done(self, path: str) -> None:
        """Count a picture that was read."""
        self._decoded += 1
        self._progress.report(
            "reading pictures", self._decoded, self._total, unit=Unit.PICTURES, detail=path
        )

    def batch_written(self, written: BatchCounts) -> None:
        """Let searches know of a committed batch."""
        self._bad += written.failed
        self._report(LibraryChanged(job_id=self._job_id, added=0))

    def _sentence(self, sources: VectorSources, seconds: float) -> str:
        parts = []
        if rows := sources.picture_rows:
            where = f", {self._present} of them on the disk" if self._request.root else ""
            bad = f" ({self._bad} unreadable)" if self._bad else ""
            parts.append(f"{_count(rows, 'picture')}, {self._new_pictures} new{where}{bad}")
        if rows := sources.text_rows:
            parts.append(f"{_count(rows, 'text')}, {self._new_texts} new")
        return f"Imported {'; '.join(parts)}, in {seconds:.1f} s."


def _record(request: ImportRequest, dim: int) -> EncoderRecord:
    return EncoderRecord(
        id=request.encoder_id,
        dim=dim,
        logit_scale=request.logit_scale,
        source="",
        languages=request.languages,
    )


def _completed_from(record: EncoderRecord, known: EncoderRecord | None) -> EncoderRecord:
    """What the cache knows of an encoder outlives an import that left the defaults."""
    if known is None:
        return record
    usual = ImportRequest(encoder_id=record.id)
    if record.logit_scale == usual.logit_scale:
        record = replace(record, logit_scale=known.logit_scale)
    if record.languages == usual.languages:
        record = replace(record, languages=known.languages)
    return record


def _write_pictures(
    db: Database,
    encoder: EncoderRecord,
    root: Path | None,
    names: Sequence[str],
    vectors: Vectors,
) -> tuple[list[str], int]:
    """Enter pictures by name with their vectors; returns their paths and how many were new."""
    put_encoder(db, encoder)
    paths = [path_of(root, name) for name in names]
    return paths, add_embeddings(db, encoder.id, add_names(db, paths), vectors)


def _write_texts(
    db: Database, encoder: EncoderRecord, texts: Sequence[str], vectors: Vectors
) -> int:
    """Enter texts that are not there yet as imported; returns how many."""
    put_encoder(db, encoder)
    known = {text for text, record in get_texts(db, encoder.id, texts).items() if record.imported}
    fresh = {
        text: TextRecord(text=text, vector=vector, tokens=0, lost="", imported=True)
        for text, vector in zip(texts, vectors, strict=True)
        if text not in known
    }
    put_texts(db, encoder.id, list(fresh.values()))
    return len(fresh)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
