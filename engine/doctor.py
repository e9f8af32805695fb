"""Checks of everything the program stands on, each with what to do when it fails."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cache.attached import attached_folders
from cache.connection import quick_check
from cache.damage import damaged_spaces
from cache.library import counts
from cache.store import Cache
from engine import disk
from engine.errors import T2IError
from engine.models.catalog import encoder_statuses, generator_statuses
from engine.models.encoders import Encoders
from engine.models.generators import Generators
from engine.models.paths import INT8_SUFFIX
from engine.results import Check
from engine.settings import EngineSettings
from engine.states import CheckState

if TYPE_CHECKING:
    from engine.cluster.probe import NodeReport

_ELSEWHERE = "Make the folder writable, or choose another with --home or T2ITUI_HOME."
LOW_DISK_BYTES = 1_000_000_000
FULL_DISK_BYTES = 50_000_000


async def examine(
    settings: EngineSettings, cache: Cache, encoders: Encoders, generators: Generators
) -> list[Check]:
    """Check Python, disk, cache, models and device, in this order; a failed check is a result."""
    return [
        _python(),
        _disk(settings),
        await _guarded("cache", _cache(cache)),
        await _guarded("models", _models(cache, encoders, generators)),
        await _guarded("device", _device(encoders)),
        *[await _guarded(device, _device_named(settings, device)) for device in settings.devices],
        *([await _guarded("int8", _int8(settings, encoders))] if settings.int8 else []),
        *_scoring(settings),
    ]


async def examine_cluster(settings: EngineSettings, cache: Cache, address: str) -> list[Check]:
    """Check a cluster: that it is there, that its machines are alike, and that they see shards."""
    from engine.cluster.host import ClusterHost

    folders = [record.folder for record in await cache.read(attached_folders)]
    try:
        host = ClusterHost(address, settings)
        try:
            reports = await host.probe(folders)
        finally:
            await host.aclose()
    except T2IError as error:
        return [_failed("cluster", error)]
    return [_cluster(address, reports), *(_node(each, reports) for each in reports)]


def _cluster(address: str, reports: Sequence[NodeReport]) -> Check:
    cores, gpus = (sum(getattr(each.node, name) for each in reports) for name in ("cpus", "gpus"))
    message = f"{len(reports)} machines at {address} with {cores:g} cores and {gpus:g} GPUs"
    return Check(name="cluster", state=CheckState.OK, message=message)


def _node(report: NodeReport, reports: Sequence[NodeReport]) -> Check:
    """One machine beside the others: the first that answered is what they are held against."""
    node, name = report.node, f"node {report.node.id[:6]}"
    what = f"{node.address}, {node.cpus:g} cores, {node.gpus:g} GPUs, {node.memory / 1e9:.0f} GB"
    if not report.answered:
        hint = "Its raylet runs and starts no worker: see its log, or stop it with ray stop."
        message = f"{what}: it does not answer"
        return Check(name=name, state=CheckState.ERROR, message=message, hint=hint)
    if report.unseen:
        message = f"{what}: it does not see {', '.join(report.unseen)}"
        hint = "Mount the storage under the same path on every machine."
        return Check(name=name, state=CheckState.ERROR, message=message, hint=hint)
    usual = next(each.versions for each in reports if each.answered)
    others = sorted(set(report.versions) - set(usual))
    if others:
        message = f"{what}: it has {', '.join(others)} where others have other versions"
        hint = "Install the same versions everywhere: other ones may make other bytes."
        return Check(name=name, state=CheckState.WARNING, message=message, hint=hint)
    return Check(name=name, state=CheckState.OK, message=f"{what}, {', '.join(report.versions)}")


def examine_unopened(settings: EngineSettings, error: T2IError) -> list[Check]:
    """Check what can be checked where the cache does not open, and say why it does not."""
    return [_python(), _disk(settings), _failed("cache", error)]


async def _guarded(name: str, check: Awaitable[Check]) -> Check:
    try:
        return await check
    except T2IError as error:
        return _failed(name, error)


def _failed(name: str, error: T2IError) -> Check:
    return Check(name=name, state=CheckState.ERROR, message=error.message, hint=error.hint)


def _python() -> Check:
    version = sys.version.split()[0]
    encoding = sys.getfilesystemencoding()
    message = f"Python {version}, SQLite {sqlite3.sqlite_version}, file names in {encoding}"
    if encoding.replace("-", "") != "utf8":
        hint = "Set LANG or LC_ALL to a UTF-8 locale, or file names may be shown wrongly."
        return Check(name="python", state=CheckState.WARNING, message=message, hint=hint)
    return Check(name="python", state=CheckState.OK, message=message)


def _disk(settings: EngineSettings) -> Check:
    home = settings.home
    if not disk.is_folder(home):
        return Check(
            name="disk", state=CheckState.ERROR, message=f"{home} cannot be made", hint=_ELSEWHERE
        )
    free = shutil.disk_usage(home).free
    message = f"{free / 1e9:.1f} GB free at {home}"
    if not os.access(home, os.W_OK):
        message = f"{home} cannot be written"
        return Check(name="disk", state=CheckState.ERROR, message=message, hint=_ELSEWHERE)
    if free < LOW_DISK_BYTES:
        state = CheckState.ERROR if free < FULL_DISK_BYTES else CheckState.WARNING
        hint = "Free some space, or move the folder and set T2ITUI_HOME."
        return Check(name="disk", state=state, message=message, hint=hint)
    return Check(name="disk", state=CheckState.OK, message=message)


async def _cache(cache: Cache) -> Check:
    complaint = await cache.read(quick_check)
    spaces = [] if complaint else await cache.read(damaged_spaces)
    if spaces:
        complaint = "damaged embeddings: " + ", ".join(
            f"{space.pictures} pictures under {space.encoder.id}" for space in spaces
        )
    if complaint:
        hint = "t2itui cache repair keeps what is damaged aside and reads the folders again."
        return Check(name="cache", state=CheckState.ERROR, message=complaint, hint=hint)
    held = await cache.read(counts)
    message = (
        f"{held.pictures} pictures, {held.failures} failures, {held.bytes_on_disk / 1e6:.1f} MB"
        f" at {cache.path}"
    )
    if cache.read_only:
        hint = "Searching works; make the file writable to index and to keep receipts."
        return Check(
            name="cache", state=CheckState.WARNING, message=f"read-only: {message}", hint=hint
        )
    if held.pictures == 0:
        hint = "t2itui index DIR brings pictures in."
        return Check(
            name="cache", state=CheckState.WARNING, message="the library is empty", hint=hint
        )
    return Check(name="cache", state=CheckState.OK, message=message)


async def _models(cache: Cache, encoders: Encoders, generators: Generators) -> Check:
    wanted = encoders.configured
    known = await encoder_statuses(cache, encoders)
    present = [model.id for model in known if model.location]
    if encoders.locate(wanted) is None:
        hint = f"t2itui models get {wanted} downloads it; a search of indexed texts needs none."
        message = f"the encoder {wanted} is not on this machine"
        return Check(name="models", state=CheckState.WARNING, message=message, hint=hint)
    message = f"{wanted} is the encoder; on this machine: {', '.join(present) or wanted}"
    listed = await generator_statuses(generators)
    painters = [model.id for model in listed if model.location]
    message += f"; generators: {', '.join(painters) or 'none'}"
    return Check(name="models", state=CheckState.OK, message=message)


async def _device(encoders: Encoders) -> Check:
    return Check(name="device", state=CheckState.OK, message=await encoders.probe())


async def _device_named(settings: EngineSettings, device: str) -> Check:
    """One of several that embed and paint: whether it is there."""
    encoders = Encoders(replace(settings, device=device))
    try:
        return Check(name=device, state=CheckState.OK, message=await encoders.probe())
    finally:
        await encoders.aclose()


async def _int8(settings: EngineSettings, encoders: Encoders) -> Check:
    from engine.models.quantized import recalled

    info = await encoders.describe(encoders.configured)
    found = recalled(settings, info.id)
    message = f"int8 is asked for, and measured at the next index with {info.id}"
    if found is not None:
        message = found.sentence(info.id)
        if found.is_worth:
            message += f"; its embeddings are of {info.id}{INT8_SUFFIX}"
    return Check(name="int8", state=CheckState.OK, message=message)


def _scoring(settings: EngineSettings) -> list[Check]:
    from engine.search import narrow
    from engine.search.acceleration import measures

    said = [
        *(each.sentence() for each in measures(settings)[-1:]),
        *(each.sentence() for each in narrow.measures(settings)[-1:]),
    ]
    return [Check(name="scoring", state=CheckState.OK, message=each) for each in said]
