"""What was measured first under a key stays; the oldest go."""

from sqlite_utils import Database

from cache import zeros
from cache.connection import open_database


def test_what_was_kept_first_stays_and_only_the_last_are_kept() -> None:
    db: Database = open_database(":memory:")
    assert zeros.get_zero(db, "a") is None
    assert zeros.put_zero(db, "a", "1") == "1"
    assert zeros.put_zero(db, "a", "2") == "1"
    for number in range(zeros.KEPT):
        zeros.put_zero(db, f"{number}", "x")
    assert zeros.get_zero(db, "a") is None
    assert zeros.get_zero(db, "0") == "x"
    db.close()
