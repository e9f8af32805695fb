"""One index run from the request to its summary."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.embeddings import EncoderRecord, Vectors, compact, embedded_hashes, encoders, missing
from cache.files import FailureRecord, failures, finish_scan, known_files, put_folder
from cache.store import Cache
from engine.collections import BUILT_IN
from engine.errors import ModelMissingError, RequestError
from engine.events import JobNote, LibraryChanged, Report
from engine.jobs.codec import RequestWork
from engine.jobs.jobs import JobWork
from engine.jobs.progress import INTERVAL_S, ProgressReporter
from engine.library.decoders import (
    DecoderSettings,
    decoder_count,
    decoder_version,
    open_decoders,
)
from engine.library.folders import check_roots, readable, walk
from engine.library.left_out import checked_patterns
from engine.library.pipeline import BatchCounts, IndexPipeline, write_scan
from engine.library.plan import Blame, FileTask, KnownFiles, ScanPlan, make_plan, sample_evenly
from engine.models.devices import read_devices
from engine.models.input_spec import InputSpec
from engine.models.paths import INT8_SUFFIX
from engine.requests import IndexRequest
from engine.results import IndexSummary
from engine.settings import EngineSettings
from engine.states import Unit

if TYPE_CHECKING:
    from sqlite_utils import Database

    from engine.models.encoders import PictureEncoders


Measure: TypeAlias = Callable[[str, int, Report], Awaitable[None]]
"""Scores what queries are placed by, in the library as it is now: gets an encoder's id, and the job
in which it is done."""
_NOTES = 5
"""Unreadable folders that are named; more are only counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSpace:
    """The space that pictures are embedded in."""

    record: EncoderRecord
    spec: InputSpec | None
    """None where only imported vectors are at hand."""
    absence: ModelMissingError | None = None
    """Why there is no model."""


class IndexRun:
    """Carries out one request."""

    def __init__(
        self,
        cache: Cache,
        host: PictureEncoders,
        settings: EngineSettings,
        thread: ThreadPoolExecutor,
        request: IndexRequest,
    ) -> None:
        self._cache = cache
        self._host = host
        self._settings = settings
        self._thread = thread
        self._request = request
        self._source = request.encoder or settings.encoder
        self._loading = asyncio.Lock()
        self._summary = IndexSummary()
        self._is_loaded = False
        self._done = 0
        self._total = 0
        self.encoder_id = ""
        """Of the space that it embeds in; empty until that is known."""

    async def carry_out(self, job_id: int, report: Report) -> IndexSummary:
        """Index the folders.

        Raises RequestError for a wrong folder, and ModelMissingError: before anything is read
        where nothing can be embedded, at the end where imported vectors covered only a part.
        """
        self._job_id, self._report = job_id, report
        self._progress = ProgressReporter(job_id, report)
        began = time.monotonic()
        roots = await asyncio.to_thread(check_roots, self._request.folders)
        checked_patterns(self._request.exclude)
        target = await self._target()
        self.encoder_id = target.record.id
        await self._cache.write(_enter, roots)
        plan = await self._scan(roots, target)
        await self._cache.write(write_scan, plan)
        self._note_scan(plan)
        left = await self._read(plan, target) if plan.tasks else 0
        now = time.time()
        for root in roots:
            await self._cache.write(finish_scan, root, now)
        if self._summary.embedded:
            await self._cache.write(compact, target.record.id)
        if left and target.absence is not None:
            raise ModelMissingError(
                f"{left} of {plan.found} pictures have no embedding of {target.record.id}, and"
                f" the model is not on this machine: they were left out",
                hint=target.absence.hint,
            ) from target.absence
        return replace(self._summary, seconds=time.monotonic() - began)

    async def _target(self) -> EncoderSpace:
        try:
            info = await self._host.describe(self._source)
        except ModelMissingError as error:
            for record in await self._cache.read(encoders):
                if record.id == self._source:
                    return EncoderSpace(record=record, spec=None, absence=error)
            raise ModelMissingError(
                error.message, hint=f"{error.hint}\n{BUILT_IN.instead}"
            ) from error
        if self._source == BUILT_IN.name:
            self._report(JobNote(job_id=self._job_id, message=BUILT_IN.limits))
        return EncoderSpace(record=info.record, spec=info.spec)

    async def _scan(self, roots: list[str], target: EncoderSpace) -> ScanPlan:
        """Walk and plan on the thread, telling meanwhile how many files were found."""
        self._progress.report("walking", 0, unit=Unit.FILES)
        known = await self._known(roots, target)
        plan, stop = ScanPlan(), threading.Event()
        request = self._request
        choose = (
            sample_evenly(roots, request.per_class, request.seed)
            if request.per_class is not None
            else None
        )
        loop = asyncio.get_running_loop()
        planning = loop.run_in_executor(
            self._thread, make_plan, plan, walk(roots, stop, request.exclude), known, choose
        )
        try:
            while not planning.done():
                await asyncio.wait([planning], timeout=INTERVAL_S)
                self._progress.report("walking", plan.found, unit=Unit.FILES)
            await planning
        finally:
            stop.set()
        self._missing_ids = await self._embed_what_returned(plan, target)
        return plan

    async def _known(self, roots: list[str], target: EncoderSpace) -> KnownFiles:
        """Ask in small steps, between which searches may read."""
        files: dict[str, tuple[int, int, int, bool]] = {}
        failed: dict[str, FailureRecord] = {}
        for root in roots:
            files |= await self._cache.read(known_files, root)
            failed |= {entry.path: entry for entry in await self._cache.read(failures, root)}
        missing_ids = await self._cache.read(missing, target.record.id)
        self._blame = Blame(
            decoder=decoder_version(self._settings.max_pixels),
            model="" if target.spec is None else f"{target.record.id} {target.spec}",
        )
        return KnownFiles(
            files=files, failures=failed, missing=frozenset(missing_ids), blame=self._blame
        )

    async def _embed_what_returned(self, plan: ScanPlan, target: EncoderSpace) -> frozenset[int]:
        """Plan to read files that are back but lack an embedding; return all pictures that do."""
        ids = [picture_id for _, picture_id in plan.returned]
        ids += [task.named_id for task in plan.tasks if task.named_id is not None]
        missing_ids = frozenset(await self._cache.read(missing, target.record.id, ids))
        for seen, picture_id in plan.returned:
            if picture_id in missing_ids:
                task = FileTask(seen.path, seen.size, seen.mtime_ns, None, True, False)
                plan.tasks.append(task)
        return missing_ids

    def _note_scan(self, plan: ScanPlan) -> None:
        self._summary = IndexSummary(
            found=plan.found,
            unchanged=plan.unchanged,
            reused=len(plan.returned),
            known_bad=plan.known_bad,
            failed=len(plan.failures),
            vanished=len(plan.missing),
            unreadable_folders=len(plan.unreadable),
            left_out=plan.left_out,
        )
        for path, reason in plan.unreadable[:_NOTES]:
            note = f"{readable(path)} could not be read ({reason}); what is known of it is kept"
            self._report(JobNote(job_id=self._job_id, message=note))
        if plan.returned or plan.missing:
            self._report(LibraryChanged(job_id=self._job_id, added=len(plan.returned)))

    async def _read(self, plan: ScanPlan, target: EncoderSpace) -> int:
        """Read, embed and commit; return how many pictures stayed without an embedding."""
        self._total = len(plan.tasks)
        settings = DecoderSettings(
            count=min(decoder_count(self._settings.decoders), self._total),
            log=self._settings.home / "logs" / "decoder.log",
            spec=target.spec,
            max_pixels=self._settings.max_pixels,
            thumbnail_side=self._settings.thumbnail_side,
            known=await self._cache.read(embedded_hashes, target.record.id),
        )
        pipeline = IndexPipeline(
            self._cache,
            target.record,
            None if target.spec is None else self._embed,
            self,
            missing_ids=self._missing_ids,
            blame=self._blame,
            batch_size=self._request.batch_size,
            at_once=self._host.at_once,
        )
        self._progress.report("indexing", 0, self._total, unit=Unit.FILES)
        async with open_decoders(settings) as decoders:
            await pipeline.run(plan.tasks, decoders)
        return pipeline.without_vector

    async def _embed(self, pixels: NDArray[np.uint8]) -> Vectors:
        async with self._loading:
            if not self._is_loaded:
                await self._load()
        return await self._host.embed_pixels(self._source, pixels)

    async def _load(self) -> None:
        self._progress.report("loading the encoder", self._done, self._total, unit=Unit.FILES)
        loaded = await self._host.load(self._source)
        for message in loaded.warnings:
            self._report(JobNote(job_id=self._job_id, message=message))
        self._is_loaded = True

    def file_done(self, path: str) -> None:
        """Count a file that was read and, where needed, embedded."""
        self._done += 1
        self._progress.report("indexing", self._done, self._total, unit=Unit.FILES, detail=path)

    def batch_written(self, written: BatchCounts) -> None:
        """Count a committed batch and let searches know."""
        before = self._summary
        self._summary = replace(
            before,
            added=before.added + written.added,
            reused=before.reused + written.reused,
            embedded=before.embedded + written.embedded,
            partial=before.partial + written.partial,
            failed=before.failed + written.failed,
        )
        self._report(LibraryChanged(job_id=self._job_id, added=written.embedded))


def _enter(db: Database, roots: list[str]) -> None:
    for root in roots:
        put_folder(db, root)


def sentence(summary: IndexSummary) -> str:
    """Say what was found and done, leaving out what did not happen."""
    parts = [
        _part(summary.added, "new"),
        _part(summary.reused, "moved, copied or embedded anew"),
        _part(summary.unchanged, "unchanged"),
        _part(summary.partial, "cut short and indexed in part"),
        _part(summary.failed, "unreadable and listed by `t2itui library --failures`"),
        _part(summary.known_bad, "known to be bad"),
        _part(summary.vanished, "vanished"),
        _part(summary.left_out, "left out"),
    ]
    what = ", ".join(part for part in parts if part) or "no pictures"
    folders = summary.unreadable_folders
    blind = f"; {folders} folder{'s' * (folders != 1)} could not be read" if folders else ""
    files = f"{summary.found} file{'s' * (summary.found != 1)}"
    return f"{files} in {summary.seconds:.1f} s: {what}{blind}."


def _part(count: int, what: str) -> str:
    return f"{count} {what}" if count else ""


class Indexer:
    """Makes index jobs; the folders are walked on its one thread."""

    def __init__(
        self,
        cache: Cache,
        encoders: PictureEncoders,
        settings: EngineSettings,
        measure: Measure | None = None,
    ) -> None:
        """`measure` is called for the encoder of a run that is done."""
        self._cache = cache
        self._encoders = encoders
        self._settings = settings
        self._measure = measure
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="walk")

    def job(self, request: IndexRequest) -> JobWork:
        """Return the work of indexing the folders of `request`; see `IndexRun`, and `ShardRun`."""
        places = [*map(str, request.folders), *request.addresses]
        title = "index " + ", ".join(map(readable, places))
        return RequestWork(title=title, asked=request, work=partial(self.run, request))

    async def run(self, request: IndexRequest, job_id: int, report: Report) -> str:
        """Index the folders of `request` and return the closing sentence."""
        async with self._on_devices(request) as encoders:
            if request.encoder is None and self._settings.int8 and not request.cluster:
                source = await self._in_int8(encoders, job_id, report)
                request = replace(request, encoder=source)
            if request.shards is not None:
                from engine.library.sharding import ShardRun

                shards = ShardRun(self._cache, encoders, self._settings, request)
                return await shards.carry_out(job_id, report)
            if request.addresses:
                raise RequestError(
                    f"{request.addresses[0]} is on other storage, which the library does not watch",
                    hint="Make shards of it, and attach them: --shards OUT, then t2itui library"
                    " attach OUT.",
                    field="shards",
                )
            if request.cluster:
                raise RequestError(
                    "a cluster writes shards, and no folder is named for them",
                    hint="Name one that all machines see: --shards OUT.",
                    field="shards",
                )
            run = IndexRun(self._cache, encoders, self._settings, self._thread, request)
            summary = await run.carry_out(job_id, report)
        if self._measure is not None:
            await self._measure(run.encoder_id, job_id, report)
        return sentence(summary)

    async def _in_int8(self, encoders: PictureEncoders, job_id: int, report: Report) -> str | None:
        """The configured encoder in int8, where that pays on this machine; None where not."""
        from engine.models.quantized import measured

        source, progress = self._settings.encoder, ProgressReporter(job_id, report)
        try:
            info = await encoders.describe(source)
        except ModelMissingError:
            return None
        found = await measured(
            self._settings, info, lambda stage: progress.report(stage, 0, unit=Unit.FILES)
        )
        report(JobNote(job_id=job_id, message=found.sentence(info.id)))
        return f"{source}{INT8_SUFFIX}" if found.is_worth else None

    @asynccontextmanager
    async def _on_devices(self, request: IndexRequest) -> AsyncIterator[PictureEncoders]:
        """The encoders of the program, or those of the devices that the request names."""
        named = read_devices(request.devices)
        if named and request.cluster:
            raise RequestError(
                "the machines of a cluster embed on all the devices they have",
                hint="Leave --devices out.",
                field="devices",
            )
        devices = () if request.cluster else named or self._settings.devices
        if not devices:
            yield self._encoders
            return
        from engine.models.encoders import open_pool

        async with open_pool(self._settings, devices) as pool:
            yield pool

    async def aclose(self) -> None:
        """Let go of the thread; jobs must have ended."""
        self._thread.shutdown(wait=False, cancel_futures=True)
