"""Checks of everything the program stands on, each with what to do when it fails."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Awaitable

from cache.connection import quick_check
from cache.damage import damaged_spaces
from cache.library import counts
from cache.store import Cache
from engine import disk
from engine.errors import T2IError
from engine.models.catalog import encoder_statuses, generator_statuses
from engine.models.encoders import Encoders
from engine.models.generators import Generators
from engine.results import Check
from engine.settings import EngineSettings
from engine.states import CheckState

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
    ]


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
