"""A cache that cannot be written, wholly or in part."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cache.errors import CacheDamagedError, CacheError, CacheReadOnlyError
from cache.library import counts
from cache.pictures import add_picture, thumbnails
from cache.sql import bump
from cache.store import Cache
from tests.cache.rows import new_picture

NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Modes mean nothing to root: step down to a user they bind, and back."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
async def filled() -> AsyncIterator[Path]:
    """The home of a cache with one picture, which any user may reach and owns."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        cache = await Cache.open(home)
        await cache.write(add_picture, new_picture(1))
        await cache.aclose()
        if os.geteuid() == 0:
            for path in (home, cache.path):
                os.chown(path, NOBODY, NOBODY)
        yield home
        home.chmod(0o700)


async def check_it_reads_and_refuses_to_write(home: Path) -> None:
    with unprivileged():
        cache = await Cache.open(home)
        assert cache.read_only
        assert (await cache.read(counts)).pictures == 1
        assert await cache.read(thumbnails, [1]) == {1: b"thumbnail 1"}
        with pytest.raises(CacheReadOnlyError, match="cannot be written") as caught:
            await cache.write(bump)
        assert "--home" in caught.value.hint
        await cache.aclose()


async def test_a_read_only_file_can_be_read(filled: Path) -> None:
    (filled / "cache.sqlite3").chmod(0o400)
    await check_it_reads_and_refuses_to_write(filled)


async def test_a_file_in_a_read_only_folder_can_be_read(filled: Path) -> None:
    filled.chmod(0o500)
    await check_it_reads_and_refuses_to_write(filled)


async def test_a_read_only_file_in_a_read_only_folder_can_be_read(filled: Path) -> None:
    (filled / "cache.sqlite3").chmod(0o400)
    filled.chmod(0o500)
    await check_it_reads_and_refuses_to_write(filled)
    assert [path.name for path in filled.iterdir()] == ["cache.sqlite3"]


async def test_a_log_left_behind_in_a_read_only_folder_is_not_read_past(filled: Path) -> None:
    """What was committed last stands in the log: to leave it out would answer wrongly."""
    (filled / "cache.sqlite3-wal").write_bytes(b"x" * 100)
    filled.chmod(0o500)
    with unprivileged(), pytest.raises(CacheReadOnlyError, match="not closed properly"):
        await Cache.open(filled)


async def test_a_home_that_cannot_be_made_is_named(filled: Path) -> None:
    filled.chmod(0o500)
    with unprivileged(), pytest.raises(CacheReadOnlyError, match="cannot be written") as caught:
        await Cache.open(filled / "new")
    assert str(filled / "new") in caught.value.message


async def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(CacheError, match="home"):
        await Cache.open(tmp_path / "home")


async def test_reading_only_asks_for_a_file_that_exists(home: Path) -> None:
    with pytest.raises(CacheError, match="no cache at"):
        await Cache.open(home, read_only=True)
    assert not home.exists()


async def test_reading_only_by_request_writes_nothing(cache: Cache) -> None:
    await cache.write(add_picture, new_picture(1))
    reader = await Cache.open(cache.home, read_only=True)
    assert reader.read_only
    assert (await reader.read(counts)).pictures == 1
    with pytest.raises(CacheReadOnlyError, match="reading only"):
        await reader.write(bump)
    await reader.aclose()


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_file_that_is_no_database_is_called_damaged(home: Path, read_only: bool) -> None:
    home.mkdir()
    (home / "cache.sqlite3").write_bytes(b"not a database, " * 4096)
    with pytest.raises(CacheDamagedError, match=r"cache\.sqlite3 is damaged") as caught:
        await Cache.open(home, read_only=read_only)
    assert "Move it away" in caught.value.hint


async def test_damage_found_later_is_told_the_same_way(home: Path) -> None:
    cache = await Cache.open(home)
    for number in range(200):
        await cache.write(add_picture, new_picture(number))
    await cache.aclose()
    content = bytearray(cache.path.read_bytes())
    content[16384:] = b"\xff" * (len(content) - 16384)
    cache.path.write_bytes(content)
    with pytest.raises(CacheDamagedError, match="damaged"):
        damaged = await Cache.open(home)
        await damaged.read(counts)
