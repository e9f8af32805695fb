"""Makes a damaged cache anew: what is damaged is kept aside, and the pictures are read again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from cache.connection import quick_check
from cache.damage import ASIDE, drop_damaged, move_aside, salvage
from cache.files import folders
from cache.home_files import FILE_NAME
from cache.store import Cache
from engine import disk
from engine.collections import BUILT_IN
from engine.errors import CacheDamagedError, CacheError
from engine.library.collections import BuiltInCollection
from engine.requests import IndexRequest
from engine.settings import EngineSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPlan:
    """What was kept aside, and what is to be read again."""

    aside: Path | None = None
    """Where the damaged lies; None where nothing was."""
    requests: tuple[IndexRequest, ...] = ()
    warnings: tuple[str, ...] = ()
    """What cannot be made anew, for a person."""


async def set_file_aside(settings: EngineSettings) -> RepairPlan:
    """Move a damaged cache file away, before anything opens it.

    Raises CacheError for a file that is not ours, or cannot be moved.
    """
    path = settings.home / FILE_NAME
    if not await asyncio.to_thread(disk.exists, path) or not await _is_damaged(settings):
        return RepairPlan()
    saved = await asyncio.to_thread(salvage, path, str(BUILT_IN.folder))
    aside = await asyncio.to_thread(move_aside, settings.home)
    warnings = [
        f"labels, matchers, evaluations and decisions stay in {aside / FILE_NAME}",
        *_of_imported(saved.imported),
    ]
    own = [folder for folder in saved.folders if Path(folder) != BUILT_IN.folder]
    if not own:
        warnings.append("no folder could be read from it: t2itui index DIR brings pictures back")
    # Where that cannot be read any more, the encoder of the settings has its turn.
    requests, gone = await _requests(own, saved.sources or (settings.encoder,))
    return RepairPlan(aside=aside, requests=requests, warnings=(*warnings, *gone))


async def set_embeddings_aside(
    cache: Cache, home: Path, collection: BuiltInCollection
) -> RepairPlan:
    """Take damaged embeddings out of an open cache. Raises CacheError."""
    spaces = await cache.write(drop_damaged, home)
    if not spaces:
        return RepairPlan()
    if (await collection.state()).folder is not None:
        await collection.bring_back()
    own = await cache.read(_own_folders)
    sources = [s.encoder.source for s in spaces if s.encoder.source and s.has_own]
    imported = [space.encoder.id for space in spaces if not space.encoder.source]
    requests, gone = await _requests(own, sources)
    warnings = tuple(
        f"the embeddings of {space.pictures} pictures under {space.encoder.id} were damaged"
        for space in spaces
    )
    return RepairPlan(
        aside=home / ASIDE, requests=requests, warnings=(*warnings, *_of_imported(imported), *gone)
    )


async def _is_damaged(settings: EngineSettings) -> bool:
    try:
        cache = await Cache.open(settings.home)
    except CacheDamagedError:
        return True
    try:
        return bool(await cache.read(quick_check))
    except CacheDamagedError:
        return True
    except CacheError as error:
        # A table without its columns, say: nothing but damage makes SQLite fail on our own words.
        return type(error) is CacheError
    finally:
        await cache.aclose()


async def _requests(
    roots: Sequence[str], sources: Sequence[str]
) -> tuple[tuple[IndexRequest, ...], tuple[str, ...]]:
    """A run for each encoder over the folders that are there, and words on those that are not."""
    there = [folder for folder in roots if await asyncio.to_thread(disk.is_folder, folder)]
    gone = tuple(
        f"{folder} is not there now: index it again when it is"
        for folder in roots
        if folder not in there
    )
    if not there:
        return (), gone
    paths = tuple(Path(folder) for folder in there)
    return tuple(IndexRequest(folders=paths, encoder=source) for source in sources), gone


def _of_imported(encoder_ids: Sequence[str]) -> list[str]:
    return [f"the vectors of {each} were imported: import them again" for each in encoder_ids]


def _own_folders(db: Database) -> list[str]:
    return [record.path for record in folders(db) if not record.is_builtin]
