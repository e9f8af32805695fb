"""The library as screens and commands look at it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cache.collections import forget
from cache.embeddings import EncoderRecord, encoders
from cache.files import FailureRecord, FolderRecord, failures, folders, missing_paths
from cache.library import LibraryCounts, counts
from cache.pictures import ShownPicture, shown_pictures, thumbnails
from cache.sql import revision
from cache.store import Cache
from engine import disk
from engine.results import Shown


class Library:
    """Reads, and forgets, what the cache holds; never touches a picture file or a model."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def counts(self) -> LibraryCounts:
        """How much the cache holds."""
        return await self._cache.read(counts)

    async def folders(self) -> list[FolderRecord]:
        """The indexed root folders, in path order."""
        return await self._cache.read(folders)

    async def failures(self, root: Path | None = None) -> list[FailureRecord]:
        """The failures, or those at or below `root`."""
        return await self._cache.read(failures, None if root is None else _absolute(root))

    async def missing_files(self) -> list[str]:
        """The paths that the last scans did not find any more, in path order."""
        return await self._cache.read(missing_paths)

    async def encoders(self) -> list[EncoderRecord]:
        """Every encoder the cache has vectors or texts of."""
        return await self._cache.read(encoders)

    async def forget(self, folder: Path) -> int:
        """Forget a folder and what no other path holds; returns the pictures dropped.

        The files themselves stay where they are. The built-in collection, forgotten, is left out.
        """
        return await self._cache.write(forget, _absolute(folder))

    async def shown(self, picture_ids: Sequence[int]) -> list[Shown]:
        """What to show of pictures, in the given order; those that are gone are left out."""
        return [_shown(found) for found in await self._cache.read(shown_pictures, picture_ids)]

    async def thumbnails(self, picture_ids: Sequence[int]) -> dict[int, bytes]:
        """Encoded thumbnails by picture id; pictures without one are left out."""
        return await self._cache.read(thumbnails, picture_ids)

    async def revision(self) -> int:
        """Changes whenever an answer computed before may be out of date."""
        return await self._cache.read(revision)


def _absolute(path: Path) -> str:
    return str(disk.from_root(path))


def _shown(found: ShownPicture) -> Shown:
    picture, file = found.picture, found.file
    return Shown(
        picture_id=picture.id,
        path=file.path if file else "",
        present=file is not None and file.present,
        sha256=picture.sha256,
        width=picture.width,
        height=picture.height,
        size=file.size if file else 0,
        mtime=file.mtime_ns / 1e9 if file else 0.0,
        partial=picture.partial,
        synthetic=picture.synthetic,
    )
