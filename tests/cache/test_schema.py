"""The schema: from nothing, from an older version, from a newer one."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlite_utils import Database

from cache.connection import PAGE_SIZE, open_database, open_reader
from cache.embeddings import put_encoder
from cache.errors import CacheError, CacheReadOnlyError, CacheTooNewError
from cache.labels import list_labels, put_label
from cache.library import counts
from cache.matchers import add_matcher, matchers
from cache.pictures import add_picture
from cache.schema import SCHEMA_VERSION, migrations
from tests.cache.rows import CLIP, new_picture

TABLES = {
    "pictures",
    "files",
    "folders",
    "thumbnails",
    "failures",
    "encoders",
    "blocks",
    "embeddings",
    "texts",
    "matchers",
    "receipts",
    "jobs",
    "counters",
    "generated",
    "sequels",
    "storybook",
    "evaluations",
    "labels",
    "calibrations",
    "zeros",
    "sheets",
    "sheet_cells",
}


def pragma(db: Database, name: str) -> object:
    return db.execute(f"pragma {name}").fetchone()[0]


@pytest.mark.parametrize("memory", [True, False])
def test_a_blank_database_gets_the_whole_schema(tmp_path: Path, memory: bool) -> None:
    db = open_database(":memory:" if memory else tmp_path / "cache.sqlite3")
    assert set(db.table_names()) >= TABLES
    assert pragma(db, "user_version") == SCHEMA_VERSION == len(migrations.applied(db))
    assert pragma(db, "page_size") == PAGE_SIZE
    assert pragma(db, "foreign_keys") == 1
    assert pragma(db, "journal_mode") == ("memory" if memory else "wal")
    db.close()


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite3"
    db = open_database(path)
    add_picture(db, new_picture(1))
    db.close()
    before = path.read_bytes()
    db = open_database(path)
    assert counts(db).pictures == 1
    db.close()
    assert path.read_bytes() == before


def test_a_file_of_an_older_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    """The oldest schema is an empty file, as one is left by a kill right after its creation."""
    path = tmp_path / "cache.sqlite3"
    path.touch()
    with pytest.raises(CacheReadOnlyError, match="older schema"):
        open_reader(path)
    open_database(path).close()
    reader = open_reader(path)
    assert set(reader.table_names()) >= TABLES
    reader.close()


def test_a_file_of_the_first_schema_keeps_its_pictures_and_receipts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cache.sqlite3"
    monkeypatch.setattr("cache.connection.SCHEMA_VERSION", 1)
    monkeypatch.setattr("cache.schema._GENERATED", ())
    monkeypatch.setattr("cache.connection.migrations.apply", _first_only(migrations.apply))
    db = open_database(path)
    assert "generated" not in db.table_names()
    assert "labels" not in db.table_names()
    picture = add_picture(db, new_picture(1))
    put_encoder(db, CLIP)
    matcher = add_matcher(db, CLIP.id, b"weights", "{}")
    db.close()
    monkeypatch.undo()
    db = open_database(path)
    assert set(db.table_names()) >= TABLES
    assert counts(db).pictures == 1
    assert pragma(db, "user_version") == SCHEMA_VERSION
    assert [each.id for each in matchers(db)] == [matcher]
    put_label(db, CLIP.id, "a dog", picture, fits=True)
    assert [label.fits for label in list_labels(db)] == [True]
    db.close()


def _first_only(apply: Callable[..., None]) -> Callable[[Database], None]:
    return lambda db: apply(db, stop_before="m002_generated")


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cache.sqlite3"
    monkeypatch.setattr("cache.schema._DECISIONS", ("create table counters (x", "nonsense"))
    with pytest.raises(sqlite3.OperationalError):
        open_database(path)
    monkeypatch.undo()
    db = sqlite3.connect(path)
    assert db.execute("select count(*) from sqlite_master").fetchone() == (0,)
    db.close()
    open_database(path).close()


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite3"
    db = open_database(path)
    db.execute(f"pragma user_version = {SCHEMA_VERSION + 1}")
    db.close()
    before = path.read_bytes()
    for opener in (open_database, open_reader):
        with pytest.raises(CacheTooNewError, match="newer version of t2itui") as caught:
            opener(path)
        assert "Update t2itui" in caught.value.hint
    assert path.read_bytes() == before


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite3"
    foreign = sqlite3.connect(path)
    foreign.execute("create table notes (text)")
    foreign.close()
    before = path.read_bytes()
    with pytest.raises(CacheError, match="another program"):
        open_database(path)
    assert path.read_bytes() == before


def test_the_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        db = open_database(tmp_path / "deep" / "home" / "cache.sqlite3")
        add_picture(db, new_picture(1))
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("deep/home/*")}
        folder = (tmp_path / "deep" / "home").stat().st_mode & 0o777
    finally:
        os.umask(previous)
    db.close()
    assert folder == 0o700
    assert modes == {
        "cache.sqlite3": 0o600,
        "cache.sqlite3-wal": 0o600,
        "cache.sqlite3-shm": 0o600,
    }


def test_a_folder_in_use_for_other_things_keeps_its_mode(tmp_path: Path) -> None:
    home = tmp_path / "project"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    (home / "notes.txt").touch()
    open_database(home / "cache.sqlite3").close()
    assert home.stat().st_mode & 0o777 == 0o755
    assert (home / "cache.sqlite3").stat().st_mode & 0o777 == 0o600


def test_an_empty_folder_is_made_private(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    open_database(home / "cache.sqlite3").close()
    assert home.stat().st_mode & 0o777 == 0o700
