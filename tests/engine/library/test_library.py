"""The library as screens see it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from sqlite_utils import Database

from cache.files import FailureRecord, SeenFile, mark_missing, put_failures, put_files, put_folder
from cache.pictures import NewPicture, add_names, add_picture
from cache.store import Cache
from engine.library.library import Library

SHA = "ab" * 32


@pytest_asyncio.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cache]:
    cache = await Cache.open(tmp_path)
    await cache.write(furnish)
    yield cache
    await cache.aclose()


def furnish(db: Database) -> None:
    """One picture under two paths, one known by name, one failure in each of two folders."""
    new = NewPicture(
        sha256=SHA, width=30, height=20, format="png", partial=True, thumbnail=b"small"
    )
    put_folder(db, "/a")
    picture_id = add_picture(db, new)
    paths = ("/a/1.png", "/a/2.png")
    put_files(
        db, [(SeenFile(path=path, size=9, mtime_ns=1_500_000_000), picture_id) for path in paths]
    )
    mark_missing(db, ["/a/1.png"])
    add_names(db, ["/elsewhere/named.jpg"])
    put_failures(
        db,
        [
            FailureRecord(path=f"{folder}/bad", size=1, mtime_ns=1, reason="bad", failed_at=1.0)
            for folder in ("/a", "/b")
        ],
    )


async def test_a_picture_is_shown_under_a_path_that_is_there(cache: Cache) -> None:
    library = Library(cache)
    named, known = await library.shown([2, 1, 77])
    assert (known.path, known.present, known.sha256) == ("/a/2.png", True, SHA)
    assert (known.width, known.height, known.size, known.mtime) == (30, 20, 9, 1.5)
    assert known.partial
    assert (named.path, named.present, named.sha256) == ("/elsewhere/named.jpg", False, None)
    assert await library.thumbnails([1, 2]) == {1: b"small"}


async def test_failures_are_listed_for_all_or_below_a_folder(cache: Cache) -> None:
    library = Library(cache)
    assert [record.path for record in await library.failures()] == ["/a/bad", "/b/bad"]
    assert [record.path for record in await library.failures(Path("/b"))] == ["/b/bad"]


async def test_forgetting_a_folder_drops_what_only_it_held(cache: Cache) -> None:
    library = Library(cache)
    before = await library.revision()
    assert [record.path for record in await library.folders()] == ["/a"]
    assert await library.forget(Path("/a")) == 1
    assert await library.folders() == []
    assert (await library.counts()).pictures == 1
    assert await library.revision() > before
    assert await library.encoders() == []
