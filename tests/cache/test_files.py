"""Paths that hold pictures, and the folders they were found in."""

import pytest
from sqlite_utils import Database

from cache.embeddings import load_matrix
from cache.files import (
    FailureRecord,
    FolderRecord,
    SeenFile,
    failures,
    finish_scan,
    folders,
    forget_folder,
    known_files,
    mark_missing,
    missing_paths,
    put_failures,
    put_files,
    put_folder,
)
from cache.pictures import (
    add_names,
    add_picture,
    find_by_sha,
    pictures_at,
    shown_pictures,
    thumbnails,
)
from cache.sql import revision
from tests.cache.rows import CLIP, embed, new_picture, put_picture


def failure(path: str) -> FailureRecord:
    return FailureRecord(path=path, size=1, mtime_ns=2, reason="corrupt", failed_at=3.0)


def test_known_files_are_those_at_or_below_the_root(db: Database) -> None:
    ids = [put_picture(db, 1, "/a/1.jpg", mtime=1.0), put_picture(db, 2, "/a/b/2.jpg", mtime=2.0)]
    put_picture(db, 3, "/ab/3.jpg")
    mark_missing(db, ["/a/b/2.jpg"])
    assert known_files(db, "/a") == {
        "/a/1.jpg": (1, 10**9, ids[0], True),
        "/a/b/2.jpg": (2, 2 * 10**9, ids[1], False),
    }
    assert list(known_files(db, "/a/1.jpg")) == ["/a/1.jpg"]
    assert len(known_files(db, "/")) == 3


def test_only_files_that_were_seen_once_can_vanish(db: Database) -> None:
    put_picture(db, 1, "/b.jpg", "/a.jpg", "/c.jpg")
    add_names(db, ["/never.jpg"])
    mark_missing(db, ["/b.jpg", "/a.jpg", "/never.jpg"])
    assert missing_paths(db) == ["/a.jpg", "/b.jpg"]


def test_a_picture_is_found_by_every_path_that_holds_or_held_it(db: Database) -> None:
    first = put_picture(db, 1, "/a.jpg", "/copy.jpg")
    second = put_picture(db, 2, "/b.jpg")
    mark_missing(db, ["/b.jpg"])
    asked = ["/copy.jpg", "/b.jpg", "/unknown.jpg"]
    assert pictures_at(db, asked) == {"/copy.jpg": first, "/b.jpg": second}


def test_a_file_that_comes_back_is_present_again(db: Database) -> None:
    picture_id = put_picture(db, 1, "/a/1.jpg")
    mark_missing(db, ["/a/1.jpg"])
    put_files(db, [(SeenFile(path="/a/1.jpg", size=7, mtime_ns=8), picture_id)])
    assert known_files(db, "/a") == {"/a/1.jpg": (7, 8, picture_id, True)}


def test_the_revision_stays_when_nothing_vanished(db: Database) -> None:
    put_picture(db, 1, "/a/1.jpg")
    mark_missing(db, ["/a/1.jpg"])
    before = revision(db)
    mark_missing(db, ["/a/1.jpg", "/a/unknown.jpg"])
    put_files(db, [])
    finish_scan(db, "/a", 1.0)
    assert revision(db) == before


def test_a_folder_tells_what_it_holds_and_when_it_was_scanned(db: Database) -> None:
    put_folder(db, "/a")
    put_picture(db, 1, "/a/1.jpg", "/a/copy.jpg")
    put_picture(db, 2, "/a/2.jpg")
    put_picture(db, 3, "/abc/3.jpg")
    mark_missing(db, ["/a/2.jpg"])
    put_failures(db, [failure("/a/bad.jpg"), failure("/abc/bad.jpg")])
    before = FolderRecord(path="/a", pictures=1, vanished=1, failures=1, scanned_at=0.0)
    assert folders(db) == [before]
    finish_scan(db, "/a", 12.5)
    put_folder(db, "/a")
    assert [folder.scanned_at for folder in folders(db)] == [12.5]


def test_overwritten_content_is_dropped_when_the_scan_ends_and_not_before(db: Database) -> None:
    old = put_picture(db, 1, "/a/1.jpg")
    embed(db, CLIP, [old])
    put_picture(db, 2, "/a/1.jpg")
    assert find_by_sha(db, [new_picture(1).sha256])
    finish_scan(db, "/a", 1.0)
    assert not find_by_sha(db, [new_picture(1).sha256])
    assert thumbnails(db, [old]) == {}
    assert len(load_matrix(db, CLIP.id)[0]) == 0


def test_moved_content_outlives_the_file_that_took_its_place(db: Database) -> None:
    old = put_picture(db, 1, "/a/1.jpg")
    put_picture(db, 2, "/a/1.jpg")
    assert put_picture(db, 1, "/a/moved.jpg") == old
    finish_scan(db, "/a", 1.0)
    assert [shown.picture.id for shown in shown_pictures(db, [old])] == [old]


def test_vanished_and_generated_pictures_outlive_a_scan(db: Database) -> None:
    vanished = put_picture(db, 1, "/a/1.jpg")
    generated = add_picture(db, new_picture(2, synthetic=True))
    mark_missing(db, ["/a/1.jpg"])
    finish_scan(db, "/a", 1.0)
    assert len(shown_pictures(db, [vanished, generated])) == 2


@pytest.mark.parametrize("path", ["/a", "/a/"])
def test_forgetting_a_folder_keeps_what_another_path_holds(db: Database, path: str) -> None:
    put_folder(db, "/a")
    put_folder(db, "/a/inner")
    put_folder(db, "/ab")
    only_here = put_picture(db, 1, "/a/1.jpg", "/a/inner/1.jpg")
    shared = put_picture(db, 2, "/a/2.jpg", "/ab/2.jpg")
    named = add_names(db, ["/a/named.jpg"])[0]
    vectors = embed(db, CLIP, [only_here, shared, named])
    put_failures(db, [failure("/a/bad"), failure("/ab/bad")])

    assert forget_folder(db, path) == 2

    assert [shown.picture.id for shown in shown_pictures(db, [only_here, shared, named])] == [
        shared
    ]
    assert list(known_files(db, "/")) == ["/ab/2.jpg"]
    assert [folder.path for folder in folders(db)] == ["/ab"]
    assert [record.path for record in failures(db)] == ["/ab/bad"]
    ids, matrix = load_matrix(db, CLIP.id)
    assert ids.tolist() == [shared]
    assert matrix.tolist() == [vectors[1].tolist()]
    assert db.execute("pragma foreign_key_check").fetchall() == []


def test_forgetting_a_folder_drops_blocks_that_nothing_uses(db: Database) -> None:
    embed(db, CLIP, [put_picture(db, 1, "/a/1.jpg")])
    forget_folder(db, "/a")
    assert db.execute("select count(*) from blocks").fetchone() == (0,)
