"""Painted pictures: file first, row second, removed together, brought together again."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from sqlite_utils import Database

from cache.content_files import content_path, write_content
from cache.errors import CacheReadOnlyError
from cache.files import missing_paths, put_files
from cache.generated import (
    GeneratedRecord,
    NewGenerated,
    Removal,
    find_generated,
    generated_for,
    list_generated,
    note_scores,
    recipe_of,
    reconcile,
    remove_generated,
    seen_file,
    store_generated,
)
from cache.library import counts
from cache.pictures import NewPicture, add_picture, shown_pictures
from cache.sql import revision
from cache.store import Cache
from tests.cache.rows import CLIP, embed

NEW = NewGenerated(
    request_key="k1",
    model_id="some/painter",
    prompt="一只红狗",
    recipe='{"steps": 4}',
    seed=7,
    verdict="fine",
    library="",
    job_id=3,
    receipt_id="abc",
    seconds=1.5,
)


def picture_of(data: bytes) -> NewPicture:
    return NewPicture(
        sha256=sha256(data).hexdigest(),
        width=8,
        height=8,
        format="PNG",
        partial=False,
        thumbnail=b"small",
    )


def keep(db: Database, home: Path, data: bytes, new: NewGenerated = NEW) -> GeneratedRecord:
    return store_generated(db, home, new, picture_of(data), data)


def test_a_painted_picture_is_a_file_and_a_synthetic_picture_of_the_library(
    db: Database, home: Path
) -> None:
    before = revision(db)
    record = keep(db, home, b"pixels")
    path = content_path(home, sha256(b"pixels").hexdigest())
    assert path.read_bytes() == b"pixels"
    assert path.relative_to(home).parts[:2] == ("generated", path.name[:2])
    assert path.stat().st_mode & 0o777 == 0o600
    assert (record.path, record.prompt, record.seed) == (str(path), "一只红狗", 7)
    assert record.picture_id is not None
    (shown,) = shown_pictures(db, [record.picture_id])
    assert shown.picture.synthetic
    assert shown.file is not None and (shown.file.path, shown.file.present) == (str(path), True)
    assert revision(db) > before
    assert counts(db).synthetic == 1


def test_the_picture_of_a_request_is_found_again_with_its_scores(db: Database, home: Path) -> None:
    first = keep(db, home, b"one")
    other = keep(db, home, b"two", replace(NEW, request_key="k2", receipt_id=None))
    note_scores(db, first.id, encoder_id="clip", matcher="matcher 1", cosine=0.3, match=0.9)
    found = find_generated(db, home, "k1", 7)
    assert found == replace(first, encoder_id="clip", matcher="matcher 1", cosine=0.3, match=0.9)
    assert find_generated(db, home, "k3", 7) is None
    assert find_generated(db, home, "k1", 8) is None
    assert generated_for(db, home, "k1", 9) == [found]
    assert first.picture_id is not None
    assert recipe_of(db, home, first.picture_id) == found
    assert list_generated(db, home, 10) == [other, found]


def test_an_attempt_without_a_picture_is_remembered_and_answers_nothing(
    db: Database, home: Path
) -> None:
    record = store_generated(db, home, replace(NEW, verdict="black"), None, b"")
    assert (record.verdict, record.picture_id, record.path) == ("black", None, "")
    assert find_generated(db, home, "k1", 7) is None
    assert list_generated(db, home, 10) == []
    assert counts(db).pictures == 0


def test_keeping_the_same_picture_of_the_same_request_adds_nothing(
    db: Database, home: Path
) -> None:
    assert keep(db, home, b"pixels") == keep(db, home, b"pixels")
    assert len(list_generated(db, home, 10)) == 1


async def test_a_folder_that_cannot_be_written_leaves_no_row(cache: Cache, home: Path) -> None:
    (home / "generated").write_text("in the way")
    with pytest.raises(CacheReadOnlyError, match="cannot be written"):
        await cache.write(store_generated, home, NEW, picture_of(b"x"), b"x")
    assert (await cache.read(counts)).pictures == 0


def test_a_removed_picture_leaves_neither_row_nor_file(db: Database, home: Path) -> None:
    gone, stays = keep(db, home, b"one"), keep(db, home, b"two", replace(NEW, request_key="k2"))
    assert gone.picture_id is not None and stays.picture_id is not None
    embed(db, CLIP, [gone.picture_id, stays.picture_id])
    assert remove_generated(db, home, [gone.picture_id, 999]) == Removal(pictures=1)
    assert not Path(gone.path).exists()
    assert Path(stays.path).exists()
    assert list_generated(db, home, 10) == [stays]
    held = counts(db)
    assert (held.pictures, held.embedded) == (1, {"clip": 1})


def test_a_picture_that_was_never_painted_is_not_removed(db: Database, home: Path) -> None:
    own = add_picture(db, picture_of(b"a photo"))
    assert remove_generated(db, home, [own]) == Removal(pictures=0)
    assert counts(db).pictures == 1


def test_a_removed_picture_that_a_person_copied_stays_under_the_copy(
    db: Database, home: Path, tmp_path: Path
) -> None:
    record = keep(db, home, b"pixels")
    assert record.picture_id is not None
    copy = tmp_path / "copy.png"
    copy.write_bytes(b"pixels")
    put_files(db, [(seen_file(copy), record.picture_id)])
    remove_generated(db, home, [record.picture_id])
    (shown,) = shown_pictures(db, [record.picture_id])
    assert shown.file is not None and shown.file.path == str(copy)
    assert copy.exists()


def test_sweeping_tells_of_files_without_a_row_and_deletes_unfinished_ones(
    db: Database, home: Path
) -> None:
    kept = keep(db, home, b"kept")
    stray = write_content(home, b"the row never came")
    unfinished = stray.with_suffix(".123.partial")
    unfinished.write_bytes(b"half")
    note = stray.with_name("notes.txt")
    note.write_text("mine")
    before = revision(db)
    assert reconcile(db, home) == [stray]
    assert Path(kept.path).exists() and stray.exists() and note.exists()
    assert not unfinished.exists()
    assert revision(db) == before


def test_sweeping_follows_a_home_folder_that_was_moved(
    db: Database, home: Path, tmp_path: Path
) -> None:
    record = keep(db, home, b"pixels")
    moved = home.rename(tmp_path / "elsewhere")
    assert reconcile(db, moved) == []
    assert record.picture_id is not None
    (shown,) = shown_pictures(db, [record.picture_id])
    assert shown.file is not None and shown.file.present
    assert shown.file.path == str(content_path(moved, sha256(b"pixels").hexdigest()))
    assert db.execute("select count(*) from files").fetchone() == (1,)


def test_sweeping_notes_that_a_painted_file_was_deleted_and_came_back(
    db: Database, home: Path
) -> None:
    record = keep(db, home, b"pixels")
    Path(record.path).unlink()
    reconcile(db, home)
    assert missing_paths(db) == [record.path]
    write_content(home, b"pixels")
    reconcile(db, home)
    assert missing_paths(db) == []
