"""One export from the request to its closing sentence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from cache.embeddings import Vectors, encoders, load_matrix
from cache.pictures import shown_pictures
from cache.store import Cache
from cache.texts import imported_texts
from engine.errors import RequestError, VectorsError
from engine.events import JobNote, Report
from engine.files import new_folder
from engine.jobs.codec import RequestWork
from engine.jobs.jobs import JobWork
from engine.jobs.progress import ProgressReporter, ThreadProgress, on_thread
from engine.library.imports import ImportRun
from engine.library.indexing import Measure
from engine.library.vector_files import NamedVectors, write_folder, write_npz
from engine.requests import ExportRequest, ImportRequest
from engine.settings import EngineSettings
from engine.states import Unit, VectorLayout
from engine.untrusted.arrays import Array

_SHOWN_AT_ONCE = 4096


class ExportRun:
    """Carries out one request: pictures by their path, and texts that were imported."""

    def __init__(self, cache: Cache, request: ExportRequest) -> None:
        self._cache = cache
        self._request = request

    async def carry_out(self, job_id: int, report: Report) -> str:
        """Write the vectors and return the closing sentence.

        Raises RequestError for an unknown encoder or a target that is taken, VectorsError where
        there is nothing to write.
        """
        began = time.monotonic()
        self._job_id, self._report = job_id, report
        self._progress = ProgressReporter(job_id, report)
        self._progress.report("reading vectors", 0)
        await self._check_encoder()
        pictures, texts = await self._pictures(), await self._texts()
        if not len(pictures.names) and texts is None:
            raise VectorsError(
                f"Nothing to export: no picture and no imported text has a vector of"
                f" {self._request.encoder_id}"
            )
        written = await self._write(pictures, texts)
        what = f"{len(pictures.names)} pictures"
        what += f" and {len(texts.names)} texts" if texts is not None else ""
        names = " and ".join(str(path) for path in written)
        return f"Exported {what} to {names} in {time.monotonic() - began:.1f} s."

    async def _check_encoder(self) -> None:
        known = [record.id for record in await self._cache.read(encoders)]
        if self._request.encoder_id not in known:
            raise RequestError(
                f"The cache has no vectors of {self._request.encoder_id}",
                hint=f"It has those of {', '.join(known)}." if known else "Index a folder first.",
                field="encoder_id",
            )

    async def _pictures(self) -> NamedVectors:
        """All embeddings by the best path of their picture, in path order."""
        ids, matrix = await self._cache.read(load_matrix, self._request.encoder_id)
        path_of = dict[int, str]()
        for start in range(0, len(ids), _SHOWN_AT_ONCE):
            self._progress.report("reading names", start, len(ids), unit=Unit.PICTURES)
            path_of |= await self._cache.read(_best_paths, ids[start : start + _SHOWN_AT_ONCE])
        if nameless := len(ids) - len(path_of):
            note = f"{nameless} pictures have no path and were left out"
            self._report(JobNote(job_id=self._job_id, message=note))
        return await asyncio.to_thread(_in_path_order, ids, matrix, path_of)

    async def _texts(self) -> NamedVectors | None:
        records = await self._cache.read(imported_texts, self._request.encoder_id)
        if not records:
            return None
        vectors = np.stack([record.vector for record in records])
        return NamedVectors(names=[record.text for record in records], vectors=vectors)

    async def _write(self, pictures: NamedVectors, texts: NamedVectors | None) -> Sequence[Path]:
        """Write on a thread that stops at its next piece when the job is cancelled."""
        target, size = self._request.target, pictures.vectors.nbytes
        pulse = ThreadProgress(
            lambda done: self._progress.report("writing", done, max(size, done), unit=Unit.BYTES)
        )
        self._progress.report("writing", 0, size, unit=Unit.BYTES)
        writer = _WRITERS.get(self._request.layout)
        if writer is None:
            raise RequestError(
                f"There is no layout {self._request.layout}",
                hint=f"Use {' or '.join(VectorLayout)}.",
                field="layout",
            )
        write = writer(target, pictures, texts, pulse)
        return await on_thread(write, pulse, wait=True)


def _best_paths(db: Database, ids: NDArray[np.int64]) -> dict[int, str]:
    return {
        shown.picture.id: shown.file.path
        for shown in shown_pictures(db, ids.tolist())
        if shown.file is not None
    }


def _in_path_order(
    ids: NDArray[np.int64], matrix: Vectors, path_of: Mapping[int, str]
) -> NamedVectors:
    row_of = {picture_id: row for row, picture_id in enumerate(ids.tolist())}
    ordered = sorted(path_of, key=path_of.__getitem__)
    rows = [row_of[picture_id] for picture_id in ordered]
    return NamedVectors(names=[path_of[picture_id] for picture_id in ordered], vectors=matrix[rows])


def _folder_writer(
    target: Path, pictures: NamedVectors, texts: NamedVectors | None, pulse: ThreadProgress
) -> Callable[[], Sequence[Path]]:
    def write() -> Sequence[Path]:
        with new_folder(target) as folder:
            write_folder(folder, pictures, texts, pulse)
        return [target]

    return write


def _npz_writer(
    target: Path, pictures: NamedVectors, texts: NamedVectors | None, pulse: ThreadProgress
) -> Callable[[], Sequence[Path]]:
    """Pictures go to the target, texts beside it: `x.npz` and `x.texts.npz`."""

    def write() -> Sequence[Path]:
        written = []
        for path, name, named in (
            (target, "image", pictures),
            (target.with_name(f"{target.stem}.texts{target.suffix}"), "text", texts),
        ):
            if named is not None and len(named.names):
                arrays: dict[str, Array] = {name: np.array(named.names), "vector": named.vectors}
                write_npz(path, arrays, pulse)
                written.append(path)
        return written

    return write


_WRITERS: dict[str, Callable[..., Callable[[], Sequence[Path]]]] = {
    VectorLayout.NPZ: _npz_writer,
    VectorLayout.CLIP_RETRIEVAL: _folder_writer,
}


class Exchange:
    """Makes import and export jobs."""

    def __init__(
        self, cache: Cache, settings: EngineSettings, measure: Measure | None = None
    ) -> None:
        """`measure` is called for the encoder of an import that is done."""
        self._cache = cache
        self._settings = settings
        self._measure = measure

    def import_job(self, request: ImportRequest) -> JobWork:
        """Return the work of an import; see `ImportRun` for what it does."""
        title = f"import vectors of {request.encoder_id}"
        return RequestWork(title=title, asked=request, work=partial(self._import, request))

    async def _import(self, request: ImportRequest, job_id: int, report: Report) -> str:
        done = await ImportRun(self._cache, self._settings, request).carry_out(job_id, report)
        if self._measure is not None:
            await self._measure(request.encoder_id, job_id, report)
        return done

    def export_job(self, request: ExportRequest) -> JobWork:
        """Return the work of an export; see `ExportRun` for what it does."""
        title = f"export vectors of {request.encoder_id}"
        run = ExportRun(self._cache, request)
        return RequestWork(title=title, asked=request, work=run.carry_out)
