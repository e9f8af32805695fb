"""Damaged embeddings and cache files: named, kept aside, and never a crash."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from cache.connection import open_database, quick_check
from cache.damage import ASIDE, damaged_spaces, drop_damaged, move_aside, salvage
from cache.embeddings import (
    add_embeddings,
    compact,
    count_embeddings,
    encoders,
    load_matrix,
    missing,
    put_encoder,
    vectors_of,
)
from cache.errors import CacheDamagedError, CacheError
from cache.files import SeenFile, put_files, put_folder
from cache.home_files import FILE_NAME
from cache.labels import NewCalibration, list_calibrations, put_calibrations
from cache.pictures import add_picture
from cache.store import Cache
from tests.cache.rows import CLIP, new_picture

CALIBRATION = NewCalibration(scorer="match", scale=1.0, shift=0.0, labels=5)
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "too short": lambda data: data[:-3],
    "one byte": lambda data: b"\0",
    "empty": lambda data: b"",
    "a row less": lambda data: data[: len(data) // 2],
    "no numbers": lambda data: b"\xff" * len(data),
    "a flipped exponent": lambda data: data[:3] + b"\x7f" + data[4:],
}


def fill(db: Database, count: int = 4) -> list[int]:
    """Pictures in two blocks of embeddings."""
    put_encoder(db, CLIP)
    ids = [add_picture(db, new_picture(number)) for number in range(count)]
    half = count // 2
    for part in (ids[:half], ids[half:]):
        vectors = np.eye(CLIP.dim, dtype=np.float32)[[i % CLIP.dim for i in part]]
        add_embeddings(db, CLIP.id, part, vectors)
    return ids


def damage(db: Database, name: str) -> None:
    block_id, data = db.execute("select id, vectors from blocks order by id desc").fetchone()
    db.execute("update blocks set vectors = ? where id = ?", [DAMAGE[name](data), block_id])


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_embeddings_are_named_and_counted(db: Database, name: str) -> None:
    ids = fill(db)
    damage(db, name)
    for call in (
        lambda: load_matrix(db, CLIP.id),
        lambda: vectors_of(db, CLIP.id, ids),
    ):
        with pytest.raises(
            CacheDamagedError, match="embeddings of 2 of 4 pictures under"
        ) as caught:
            call()
        assert "t2itui cache repair" in caught.value.hint
    (space,) = damaged_spaces(db)
    assert (space.encoder.id, space.pictures, space.has_own) == (CLIP.id, 2, True)


def test_embeddings_that_are_whole_are_read_beside_damaged_ones(db: Database) -> None:
    ids = fill(db)
    damage(db, "no numbers")
    assert set(vectors_of(db, CLIP.id, ids[:2])) == set(ids[:2])


@pytest.mark.parametrize("name", DAMAGE)
def test_joining_blocks_leaves_damaged_ones_alone(db: Database, name: str) -> None:
    fill(db, 6)
    damage(db, name)
    before = db.execute("select vectors from blocks order by id desc").fetchone()
    compact(db, CLIP.id)
    assert db.execute("select vectors from blocks where vectors = ?", before).fetchone()
    assert count_embeddings(db, CLIP.id) == 6


def test_what_is_damaged_is_kept_aside_and_waits_to_be_made_anew(db: Database, home: Path) -> None:
    ids = fill(db)
    for picture_id in ids:
        seen = SeenFile(path=f"/p/{picture_id}.jpg", size=1, mtime_ns=1)
        put_files(db, [(seen, picture_id)])
    damage(db, "too short")
    held = db.execute("select vectors from blocks order by id desc").fetchone()[0]
    assert [space.pictures for space in drop_damaged(db, home)] == [2]
    (file,) = (home / ASIDE).iterdir()
    assert file.read_bytes() == held
    assert missing(db, CLIP.id) == ids[2:]
    found, _ = load_matrix(db, CLIP.id)
    assert found.tolist() == ids[:2]
    assert drop_damaged(db, home) == []


def test_nothing_is_dropped_that_cannot_be_kept(db: Database, home: Path) -> None:
    fill(db)
    damage(db, "too short")
    home.mkdir()
    (home / ASIDE).write_text("in the way")
    with pytest.raises(CacheError, match="cannot be written"):
        drop_damaged(db, home)
    assert len(damaged_spaces(db)) == 1


def test_a_damaged_file_still_tells_its_folders_and_encoders(home: Path) -> None:
    db = open_database(home / FILE_NAME)
    (picture_id, *_) = fill(db)
    put_files(db, [(SeenFile(path="/photos/a.jpg", size=1, mtime_ns=1), picture_id)])
    put_folder(db, "/photos")
    db.conn.commit()
    db.close()
    saved = salvage(home / FILE_NAME, "/built-in")
    assert (saved.folders, saved.sources) == (("/photos",), (CLIP.source,))
    (home / FILE_NAME).write_bytes(b"nothing")
    assert salvage(home / FILE_NAME, "/built-in").folders == ()


def test_a_file_is_moved_aside_with_its_logs(home: Path) -> None:
    home.mkdir()
    for suffix in ("", "-wal"):
        (home / f"{FILE_NAME}{suffix}").write_text(suffix)
    first = move_aside(home)
    assert sorted(path.name for path in first.iterdir()) == [FILE_NAME, f"{FILE_NAME}-wal"]
    (home / FILE_NAME).touch()
    assert move_aside(home) != first


async def test_a_file_without_some_of_its_tables_is_damaged(home: Path) -> None:
    await (await Cache.open(home)).aclose()
    with sqlite3.connect(home / FILE_NAME) as db:
        db.execute("drop table receipts")
    db.close()
    with pytest.raises(CacheDamagedError, match="1 of its tables are gone"):
        await Cache.open(home)


@pytest.mark.parametrize("version", [0, 3, -3])
async def test_a_database_of_another_program_is_left_alone(home: Path, version: int) -> None:
    home.mkdir()
    with sqlite3.connect(home / FILE_NAME) as db:
        db.execute("create table moz_places (id integer)")
        db.execute(f"pragma user_version = {version}")
    db.close()
    before = (home / FILE_NAME).read_bytes()
    with pytest.raises(CacheError, match="another program"):
        await Cache.open(home)
    assert (home / FILE_NAME).read_bytes() == before


@pytest.mark.parametrize(
    ("place", "value", "read"),
    [
        ("encoders.languages", "", encoders),
        ("encoders.logit_scale", "much", None),
        ("calibrations.scale", "\x1b[31m", list_calibrations),
        ("calibrations.labels", b"\0", list_calibrations),
        ("embeddings.picture_id", '{"a":[1', damaged_spaces),
        ("pictures.width", 1.5, None),
    ],
)
async def test_a_value_of_another_kind_is_damage_that_is_found_and_named(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    place: str,
    value: object,
    read: Callable[[Database], object] | None,
) -> None:
    """A flipped bit of a row's head turns its numbers into texts, which SQLite lets be."""
    async with cache_of(tmp_path) as cache:
        await cache.write(fill)
        await cache.write(put_calibrations, CLIP.id, [CALIBRATION])
        await cache.write(lambda db: db.execute("update blocks set vectors = x''"))
        assert await cache.read(quick_check) == ""
    table, column = place.split(".")
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        db.execute(f"update or ignore {table} set {column} = ?", [value])
        db.commit()
    async with cache_of(tmp_path) as cache:
        assert (await cache.read(quick_check)).startswith(f"{place} holds what is no ")
        if read is not None:
            with pytest.raises(CacheDamagedError, match="is damaged: ") as caught:
                await cache.read(read)
            assert "t2itui cache repair" in caught.value.hint
            assert "Traceback" in caplog.text


@asynccontextmanager
async def cache_of(home: Path) -> AsyncIterator[Cache]:
    cache = await Cache.open(home)
    try:
        yield cache
    finally:
        await cache.aclose()
