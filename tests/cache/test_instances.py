"""Several instances on one file."""

import asyncio
import sqlite3
import sys
import textwrap
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from cache.connection import quick_check
from cache.embeddings import load_matrix
from cache.errors import CacheBusyError
from cache.library import counts
from cache.sql import bump, revision
from cache.store import Cache, open_database
from tests.cache.rows import CLIP
from tests.cache.test_kill import start_writer
from tests.cache.writer import BATCH


async def test_a_second_instance_reads_while_the_first_is_in_the_middle_of_a_write(
    cache: Cache,
) -> None:
    loop, begun, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slow(db: Database) -> None:
        bump(db)
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(10)

    writing = asyncio.create_task(cache.write(slow))
    await begun.wait()
    second = await Cache.open(cache.home)
    assert await second.read(revision) == 0
    go_on.set()
    await writing
    assert await second.read(revision) == 1
    await second.aclose()


async def test_an_open_cache_keeps_its_locks_so_that_no_other_process_thinks_it_is_alone(
    cache: Cache,
) -> None:
    """The last connection that closes takes the log away; whoever lost its locks is not counted.

    A process loses them all when it closes any descriptor of the file, however it got it.
    """
    code = f"""
        import sqlite3
        db = sqlite3.connect({str(cache.path)!r})
        db.execute("insert into counters (name, value) values ('other', 1)")
        db.commit()
        db.close()
    """
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", textwrap.dedent(code))
    assert await other.wait() == 0
    assert cache.path.with_name(f"{cache.path.name}-wal").exists()
    await cache.write(bump)
    assert await cache.read(revision) == 1


async def test_a_writer_that_waits_too_long_says_who_is_in_the_way(cache: Cache) -> None:
    loop, begun, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slow(db: Database) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(10)

    second = await Cache.open(cache.home, busy_seconds=0.05)
    writing = asyncio.create_task(cache.write(slow))
    await begun.wait()
    with pytest.raises(CacheBusyError, match="Another instance is writing") as caught:
        await second.write(bump)
    assert "try again" in caught.value.hint
    go_on.set()
    await writing
    await second.write(bump)
    assert await cache.read(revision) == 1
    await second.aclose()


async def test_many_instances_that_open_a_new_cache_at_once_all_succeed(home: Path) -> None:
    caches = await asyncio.gather(*(Cache.open(home) for _ in range(8)))
    await asyncio.gather(*(cache.write(bump) for cache in caches))
    assert await caches[0].read(revision) == 8
    for cache in caches:
        await cache.aclose()


async def test_an_instance_in_the_way_of_a_new_file_is_named(home: Path) -> None:
    """A reader of the file that is still empty keeps the log from being switched on."""
    home.mkdir()
    other = sqlite3.connect(home / "cache.sqlite3")
    other.execute("begin")
    other.execute("select * from sqlite_master").fetchall()
    with pytest.raises(CacheBusyError, match="Another instance"):
        await Cache.open(home, busy_seconds=0.05)
    other.close()
    cache = await Cache.open(home)
    assert await cache.read(revision) == 0
    await cache.aclose()


class Contended(sqlite3.Connection):
    """Meets another instance that opens the same new file at the same moment, twice.

    SQLite then sees a deadlock and gives up at once; six processes do so once in some 200 times.
    """

    meetings = 2

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401
        if "journal_mode" in sql and self.meetings:
            self.meetings -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return super().execute(sql, parameters)


def test_two_instances_that_block_each_other_at_birth_both_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "cache.connection.sqlite3.connect", partial(sqlite3.connect, factory=Contended)
    )
    db = open_database(tmp_path / "cache.sqlite3")
    assert db.execute("pragma journal_mode").fetchone() == ("wal",)
    db.close()


def test_two_processes_write_at_once_and_both_are_whole(tmp_path: Path) -> None:
    batches = 30
    writers = [start_writer(tmp_path, first, batches) for first in (0, 1_000_000)]
    for writer in writers:
        printed, _ = writer.communicate()
        assert writer.returncode == 0
        assert len(printed.split()) == batches
    found, damage = asyncio.run(read_all(tmp_path))
    assert found == 2 * batches * BATCH
    assert damage == ""


async def read_all(home: Path) -> tuple[int, str]:
    cache = await Cache.open(home)
    found = await cache.read(counts)
    ids, _ = await cache.read(load_matrix, CLIP.id)
    damage = await cache.read(quick_check)
    await cache.aclose()
    assert len(set(ids.tolist())) == len(ids) == found.pictures
    return found.pictures, damage
