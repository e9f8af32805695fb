"""The cache as a whole: transactions, threads, cancellation, closing."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlite_utils import Database

from cache.errors import CacheError
from cache.library import counts
from cache.pictures import add_picture
from cache.sql import bump, revision
from cache.store import Cache
from tests.cache.rows import new_picture


async def test_what_is_written_can_be_read_at_once(cache: Cache) -> None:
    picture_id = await cache.write(add_picture, new_picture(1))
    assert picture_id == 1
    assert (await cache.read(counts)).pictures == 1
    assert not cache.read_only


async def test_a_write_that_fails_leaves_nothing_and_the_next_one_works(cache: Cache) -> None:
    def half(db: Database) -> None:
        add_picture(db, new_picture(1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await cache.write(half)
    assert (await cache.read(counts)).pictures == 0
    await cache.write(add_picture, new_picture(2))
    assert (await cache.read(counts)).pictures == 1


async def test_the_reader_cannot_write(cache: Cache) -> None:
    with pytest.raises(CacheError):
        await cache.read(bump)
    assert await cache.read(revision) == 0


async def test_a_read_sees_one_moment_while_writes_go_on(cache: Cache) -> None:
    loop, begun, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def twice(db: Database) -> tuple[int, int]:
        first = revision(db)
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(10)
        return first, revision(db)

    reading = asyncio.create_task(cache.read(twice))
    await begun.wait()
    await cache.write(bump)
    go_on.set()
    assert await reading == (0, 0)
    assert await cache.read(revision) == 1


async def test_the_loop_turns_while_a_write_runs(cache: Cache) -> None:
    go_on = threading.Event()
    writing = asyncio.create_task(cache.write(lambda db: go_on.wait(10)))
    assert await cache.read(revision) == 0
    assert not writing.done()
    go_on.set()
    assert await writing


async def test_a_cancelled_caller_leaves_and_a_write_that_has_begun_completes(
    cache: Cache,
) -> None:
    loop, begun, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slow(db: Database) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(10)
        bump(db)

    running = asyncio.create_task(cache.write(slow))
    waiting = asyncio.create_task(cache.write(bump))
    await begun.wait()
    running.cancel()
    waiting.cancel()
    for task in (running, waiting):
        with pytest.raises(asyncio.CancelledError):
            await task
    go_on.set()
    await cache.write(lambda db: None)
    assert await cache.read(revision) == 1


async def test_a_closed_cache_says_so_and_closes_twice(cache: Cache) -> None:
    await cache.aclose()
    await cache.aclose()
    with pytest.raises(CacheError, match="closed"):
        await cache.read(revision)
    with pytest.raises(CacheError, match="closed"):
        await cache.write(bump)


async def test_closing_waits_for_the_write_that_has_begun(home: Path) -> None:
    cache = await Cache.open(home)
    writing = asyncio.create_task(cache.write(bump))
    await asyncio.sleep(0)
    await cache.aclose()
    await writing
    again = await Cache.open(home)
    assert await again.read(revision) == 1
    await again.aclose()


async def test_a_cache_closed_properly_is_one_file(home: Path) -> None:
    cache = await Cache.open(home)
    await cache.write(bump)
    await cache.aclose()
    assert [path.name for path in home.iterdir()] == ["cache.sqlite3"]
