"""Pictures by content: entered once, shown in order with their best path, counted."""

import pytest
from sqlite_utils import Database

from cache.files import FailureRecord, mark_missing, put_failures
from cache.library import LibraryCounts, counts
from cache.pictures import add_names, add_picture, find_by_sha, shown_pictures, thumbnails
from cache.sql import revision
from tests.cache.rows import CLIP, OTHER, embed, new_picture, put_picture


def test_the_same_content_keeps_its_id_and_first_thumbnail(db: Database) -> None:
    first = add_picture(db, new_picture(1))
    again = add_picture(db, new_picture(1))
    assert again == first
    assert add_picture(db, new_picture(2)) != first
    assert thumbnails(db, [first]) == {first: b"thumbnail 1"}


def test_known_content_is_found_by_hash_and_nothing_else(db: Database) -> None:
    ids = [add_picture(db, new_picture(number)) for number in range(3)]
    wanted = [new_picture(number).sha256 for number in (2, 0, 7)]
    assert find_by_sha(db, wanted) == {wanted[0]: ids[2], wanted[1]: ids[0]}


def test_shown_pictures_keep_the_order_asked_for_and_leave_out_what_is_gone(db: Database) -> None:
    ids = [put_picture(db, number, f"/a/{number}.jpg") for number in range(4)]
    asked = [ids[2], 999, ids[0], ids[3]]
    assert [shown.picture.id for shown in shown_pictures(db, asked)] == [ids[2], ids[0], ids[3]]


def test_a_picture_is_shown_at_a_path_that_is_there_before_one_that_vanished(db: Database) -> None:
    picture_id = put_picture(db, 1, "/a/1.jpg", "/b/1.jpg", "/c/1.jpg")
    mark_missing(db, ["/a/1.jpg"])
    [shown] = shown_pictures(db, [picture_id])
    assert shown.file is not None
    assert (shown.file.path, shown.file.present) == ("/b/1.jpg", True)

    mark_missing(db, ["/b/1.jpg", "/c/1.jpg"])
    [shown] = shown_pictures(db, [picture_id])
    assert shown.file is not None
    assert (shown.file.path, shown.file.present) == ("/a/1.jpg", False)


def test_a_picture_without_a_path_is_shown_without_a_file(db: Database) -> None:
    [shown] = shown_pictures(db, [add_picture(db, new_picture(1, synthetic=True))])
    assert shown.file is None
    assert shown.picture.synthetic


def test_more_pictures_than_sqlite_takes_parameters_can_be_shown(db: Database) -> None:
    ids = [add_picture(db, new_picture(1))] * 40_000
    assert len(shown_pictures(db, ids)) == 40_000


def test_counts_tell_present_vanished_named_and_embedded_apart(db: Database) -> None:
    ids = [put_picture(db, number, f"/a/{number}.jpg") for number in range(5)]
    mark_missing(db, ["/a/0.jpg", "/a/1.jpg"])
    add_names(db, ["/elsewhere/named.jpg"])
    add_picture(db, new_picture(50, synthetic=True))
    embed(db, CLIP, ids[:3])
    embed(db, OTHER, ids[:1])
    put_failures(
        db, [FailureRecord(path="/a/bad", size=1, mtime_ns=1, reason="corrupt", failed_at=1.0)]
    )
    found = counts(db)
    assert found == LibraryCounts(
        pictures=7,
        present=3,
        vanished=2,
        partial=0,
        synthetic=1,
        failures=1,
        embedded={"clip": 3, "other": 1},
        bytes_on_disk=found.bytes_on_disk,
        named=1,
    )
    assert found.bytes_on_disk > 16384


@pytest.mark.parametrize("again", [False, True])
def test_the_revision_moves_with_new_content_only(db: Database, again: bool) -> None:
    add_picture(db, new_picture(1))
    before = revision(db)
    add_picture(db, new_picture(1 if again else 2))
    assert (revision(db) == before) is again
