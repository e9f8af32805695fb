"""Folders of pictures into shards: which files go into which, decided on before any is made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from cache.files import FailureRecord, put_failures
from cache.store import Cache
from engine import disk
from engine.errors import RequestError
from engine.events import JobNote, Report
from engine.jobs.progress import ProgressReporter, ThreadProgress, on_thread
from engine.library.addresses import Storage, check_addresses, walk_storage
from engine.library.decoders import decoder_version
from engine.library.folders import ScannedFolder, check_roots, walk
from engine.library.left_out import checked_patterns
from engine.library.plan import Blame, KnownFiles, ScanPlan, make_plan, sample_evenly
from engine.library.shard_maker import check_encoder, open_maker
from engine.library.shards import (
    FORMAT,
    ShardManifest,
    arrow_module,
    clean_up,
    done_shards,
    is_partial,
    make_folders,
    read_failures,
    read_manifest,
    read_plan,
    write_manifest,
    write_plan,
)
from engine.requests import IndexRequest
from engine.settings import EngineSettings
from engine.states import FailureCause, Unit

if TYPE_CHECKING:
    from engine.models.encoders import PictureEncoders


class ShardRun:
    """Carries out one request: decides on shards, and has those made that are not there."""

    def __init__(
        self,
        cache: Cache,
        encoders: PictureEncoders,
        settings: EngineSettings,
        request: IndexRequest,
    ) -> None:
        assert request.shards is not None
        self._cache = cache
        self._encoders = encoders
        self._settings = settings
        self._request = request
        self._folder = request.shards
        self._total = self._done = self._before = self._failed = 0
        self._from_cluster: list[FailureRecord] = []
        self._source = request.encoder or settings.encoder

    async def carry_out(self, job_id: int, report: Report) -> str:
        """Make the shards and return the closing sentence.

        Raises RequestError for wrong folders and encoders, ModelMissingError, VectorsError for a
        folder that holds something else, and EngineError where it cannot be written.
        """
        began = time.monotonic()
        self._job_id, self._report = job_id, report
        self._progress = ProgressReporter(job_id, report)
        arrow_module("pyarrow.parquet")
        manifest = await self._decide()
        done = await asyncio.to_thread(done_shards, self._folder, manifest)
        left = [n for n in range(manifest.planned) if n not in set(done)]
        self._total = manifest.files
        self._done = self._before = await asyncio.to_thread(_planned_files, self._folder, done)
        if done and left:
            note = f"{len(done)} of {manifest.planned} shards are there already"
            self._report(JobNote(job_id=job_id, message=note))
        if left:
            await self._make(left)
            await asyncio.to_thread(clean_up, self._folder)
        for number in done:
            await self._keep_failures(await asyncio.to_thread(read_failures, self._folder, number))
        return self._sentence(manifest, len(left), time.monotonic() - began)

    async def _make(self, numbers: Sequence[int]) -> None:
        """Make shards one after the other on this machine, or where the request says."""
        self._progress.report("indexing", self._done, self._total, unit=Unit.FILES)
        if self._request.cluster:
            await self._make_on_cluster(numbers)
            return
        async with open_maker(self._folder, self._source, self._encoders, self._settings) as (
            maker,
            blame,
        ):
            for number in numbers:
                made = await maker.make(number, blame, self.file_done)
                await self._keep_failures(made.failures)

    async def _make_on_cluster(self, numbers: Sequence[int]) -> None:
        from engine.cluster.host import ClusterHost
        from engine.cluster.shard_making import ShardOrder

        host = ClusterHost(self._request.cluster, self._settings)
        order = ShardOrder(
            folder=str(self._folder),
            source=self._source,
            numbers=tuple(numbers),
            device=self._settings.device,
            dtype=self._settings.dtype,
        )
        self._progress.report("joining the cluster", self._done, self._total, unit=Unit.FILES)
        try:
            await host.make_shards(order, self)
        finally:
            await host.aclose()
            await self._keep_failures(self._from_cluster)

    def files_done(self, files: int) -> None:
        """Count the files that a cluster has done."""
        self._done = self._before + files
        self._progress.report("indexing", self._done, self._total, unit=Unit.FILES)

    def shard_made(self, number: int, failures: Sequence[FailureRecord]) -> None:
        """Take what a cluster says of a shard."""
        self._from_cluster += failures

    def noted(self, message: str) -> None:
        """Tell a person what came up."""
        self._report(JobNote(job_id=self._job_id, message=message))

    def file_done(self, path: str) -> None:
        """Count a file that was read and embedded."""
        self._done += 1
        self._progress.report("indexing", self._done, self._total, unit=Unit.FILES, detail=path)

    async def _keep_failures(self, failures: Sequence[FailureRecord]) -> None:
        """Enter them among the failures of the home, which `t2itui library --failures` lists."""
        self._failed += len(failures)
        if failures and not self._cache.read_only:
            now = time.time()
            records = [replace(record, failed_at=now) for record in failures]
            await self._cache.write(put_failures, records)

    # What is to be made

    async def _decide(self) -> ShardManifest:
        """The manifest, with the files of every shard decided on.

        As long as shards are missing the files stay as they were decided on; then those join that
        are new or changed, as further shards.
        """
        request, folder = self._request, self._folder
        has_folders = bool(request.folders) or not request.addresses
        roots = await asyncio.to_thread(check_roots, request.folders) if has_folders else []
        storages = await asyncio.to_thread(check_addresses, request.addresses)
        checked_patterns(request.exclude)
        info = await self._encoders.describe(self._source)
        manifest = await asyncio.to_thread(read_manifest, folder)
        if manifest is None:
            await asyncio.to_thread(_check_empty, folder)
            await asyncio.to_thread(make_folders, folder)
            manifest = ShardManifest(
                format=FORMAT,
                encoder=info.record,
                shard_size=request.shard_size,
                max_pixels=self._settings.max_pixels,
                thumbnail_side=self._settings.thumbnail_side,
            )
            await asyncio.to_thread(write_manifest, folder, manifest)
        check_encoder(folder, manifest, info)
        done = await asyncio.to_thread(done_shards, folder, manifest)
        if len(done) < manifest.planned:
            return manifest
        self._progress.report("walking", 0, unit=Unit.FILES)
        pulse = ThreadProgress(
            lambda found: self._progress.report("walking", found, unit=Unit.FILES)
        )
        plan = ScanPlan()
        places = Places(roots, storages)
        deciding = partial(decide_on_files, folder, manifest, places, request, plan, pulse)
        decided = await on_thread(deciding, pulse, wait=True)
        await self._keep_failures(plan.failures)
        for path, reason in plan.unreadable[:5]:
            note = f"{path} could not be read ({reason})"
            self._report(JobNote(job_id=self._job_id, message=note))
        return decided

    def _sentence(self, manifest: ShardManifest, made: int, seconds: float) -> str:
        failed = f", {self._failed} unreadable and listed by `t2itui library --failures`"
        what = f"{made} made, {manifest.planned - made} there before" if made else "all there"
        return (
            f"{manifest.files:,} file{'' if manifest.files == 1 else 's'} in {manifest.planned:,}"
            f" shard{'' if manifest.planned == 1 else 's'} at {self._folder} in"
            f" {seconds:.1f} s: {what}{failed if self._failed else ''}."
            f" `t2itui library attach {self._folder}` brings them into the library."
        )


@dataclass(frozen=True, slots=True)
class Places:
    """Where files are looked for."""

    roots: Sequence[str]
    """Folders of this machine."""
    storages: Sequence[Storage]

    @property
    def names(self) -> list[str]:
        return [*self.roots, *(storage.address for storage in self.storages)]

    def walk(self, exclude: Sequence[str]) -> Iterator[ScannedFolder]:
        """Yield every folder at or below them."""
        yield from walk(self.roots, Event(), exclude)
        for storage in self.storages:
            yield from walk_storage(storage, exclude)


def decide_on_files(
    folder: Path,
    manifest: ShardManifest,
    places: Places,
    request: IndexRequest,
    plan: ScanPlan,
    pulse: ThreadProgress,
) -> ShardManifest:
    """Decide on the files that are in no shard yet, and return the manifest that says so.

    It walks, so run it on a thread. Killed, it is done again: the manifest comes last.
    """
    nothing = KnownFiles(
        files=_decided_on(folder, manifest),
        failures={},
        missing=frozenset(),
        blame=Blame(decoder=decoder_version(manifest.max_pixels), model=""),
    )
    choose = None
    if request.per_class is not None:
        choose = sample_evenly(places.names, request.per_class, request.seed)
    make_plan(plan, _counted(places.walk(request.exclude), pulse), nothing, choose)
    number = manifest.planned
    for start in range(0, len(plan.tasks), manifest.shard_size):
        write_plan(folder, number, plan.tasks[start : start + manifest.shard_size])
        number += 1
    decided = replace(manifest, planned=number, files=manifest.files + len(plan.tasks))
    write_manifest(folder, decided)
    return decided


def _decided_on(folder: Path, manifest: ShardManifest) -> dict[str, tuple[int, int, int, bool]]:
    """The files of the shards so far, without those that failed for what has passed."""
    known: dict[str, tuple[int, int, int, bool]] = {}
    for number in range(manifest.planned):
        for task in read_plan(folder, number):
            known[task.path] = (task.size, task.mtime_ns, 0, True)
        for failure in read_failures(folder, number):
            if failure.cause == FailureCause.MOMENT:
                known.pop(failure.path, None)
    return known


def _counted(folders: Iterable[ScannedFolder], pulse: ThreadProgress) -> Iterator[ScannedFolder]:
    for folder in folders:
        pulse.advance(len(folder.files))
        yield folder


def _check_empty(folder: Path) -> None:
    """Raise RequestError for a folder that somebody else uses; what a kill left does no harm."""
    held = [path for path in disk.entries(folder) if not is_partial(path)]
    if held or (disk.exists(folder) and not disk.is_folder(folder)):
        raise RequestError(
            f"{folder} is there already and holds no shards of t2itui",
            hint="Name a folder that is new or empty.",
            field="shards",
        )


def _planned_files(folder: Path, numbers: Sequence[int]) -> int:
    return sum(len(read_plan(folder, number)) for number in numbers)
