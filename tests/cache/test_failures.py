"""The failure ledger."""

from dataclasses import replace

from sqlite_utils import Database

from cache.files import FailureRecord, clear_failures, failures, put_failures

CORRUPT = FailureRecord(path="/a/1.jpg", size=10, mtime_ns=20, reason="corrupt", failed_at=1.5)


def test_a_failure_is_kept_once_with_its_latest_reason(db: Database) -> None:
    huge = replace(CORRUPT, reason="too many pixels", size=11)
    put_failures(db, [CORRUPT])
    put_failures(db, [huge])
    assert failures(db) == [huge]


def test_failures_are_listed_by_root_in_path_order(db: Database) -> None:
    paths = ["/b/1.jpg", "/a/2.jpg", "/a/1.jpg", "/ab/1.jpg"]
    put_failures(db, [replace(CORRUPT, path=path) for path in paths])
    assert [record.path for record in failures(db)] == sorted(paths)
    assert [record.path for record in failures(db, "/a")] == ["/a/1.jpg", "/a/2.jpg"]
    assert [record.path for record in failures(db, "/b/1.jpg")] == ["/b/1.jpg"]


def test_a_path_is_struck_from_the_ledger(db: Database) -> None:
    put_failures(db, [CORRUPT, replace(CORRUPT, path="/a/2.jpg")])
    clear_failures(db, ["/a/1.jpg", "/unknown"])
    assert [record.path for record in failures(db)] == ["/a/2.jpg"]
