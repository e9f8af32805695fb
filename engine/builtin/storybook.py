"""The built-in library of a cache: there on a first start, left out when a person says so.

It answers while the library holds nothing else; beside a person's own pictures it is searched
only when it is named.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from cache.store import Cache
from cache.storybook import (
    find_storybook,
    has_own_pictures,
    leave_storybook_out,
    put_storybook,
    storybook_ids,
)
from engine.builtin.package import Package


@dataclass(frozen=True, slots=True, kw_only=True)
class StorybookState:
    """Whether the built-in library is in a cache."""

    folder: Path | None
    """Where its pictures lie; None while it is not in the cache."""
    is_left_out: bool
    """A person said so: it does not come by itself."""
    is_alone: bool
    """The cache holds no picture of the person's own."""
    version: str = ""
    """Of the files it was entered from."""
    encoder_id: str = ""
    """Of its pictures' vectors."""
    pictures: int = 0
    """Those that no folder of the person's own holds."""


class Storybook:
    """Enters the built-in library, keeps it up to date, and takes it out."""

    def __init__(self, cache: Cache, package: Package | None = None) -> None:
        self._cache = cache
        self._package = package or Package()
        self._busy = asyncio.Lock()

    @property
    def folder(self) -> Path:
        """Where the pictures lie that ship."""
        return self._package.gallery

    async def state(self) -> StorybookState:
        """How things stand; one short read."""
        return await self._cache.read(_read_state)

    async def prepare(self, *, asked: bool = False) -> StorybookState:
        """See to it that the built-in library is there where it belongs, and up to date.

        It belongs into a cache without pictures, or where it was `asked` for, unless a person
        left it out. Raises CacheError where it cannot be written, EngineError where its files
        are damaged.
        """
        async with self._busy:
            state = await self.state()
            if state.is_left_out or (state.folder is None and not (asked or state.is_alone)):
                return state
            version = await asyncio.to_thread(self._package.version)
            if state.version == version and state.pictures:
                return state
            return await self._enter()

    async def bring_back(self) -> StorybookState:
        """Enter the built-in library, also where a person had left it out."""
        async with self._busy:
            return await self._enter()

    async def leave_out(self) -> int:
        """Take it out and remember that; returns how many pictures left the cache."""
        async with self._busy:
            return await self._cache.write(leave_storybook_out)

    async def _enter(self) -> StorybookState:
        new = await asyncio.to_thread(self._package.read)
        await self._cache.write(put_storybook, new)
        return await self.state()


def _read_state(db: Database) -> StorybookState:
    record = find_storybook(db)
    is_there = record is not None and bool(record.folder)
    return StorybookState(
        folder=Path(record.folder) if record is not None and is_there else None,
        is_left_out=record is not None and not is_there,
        is_alone=not has_own_pictures(db),
        version=record.version if record is not None else "",
        encoder_id=record.encoder_id if record is not None else "",
        pictures=len(storybook_ids(db)),
    )
