"""Evaluations in the cache: kept, listed by what they were made on, dropped."""

from sqlite_utils import Database

from cache.evaluations import (
    add_evaluation,
    delete_evaluation,
    find_evaluation,
    list_evaluations,
)


def test_an_evaluation_is_found_listed_and_dropped(db: Database) -> None:
    first = add_evaluation(db, created_at=1.0, data="flickr", encoder_id="clip", body="{}")
    second = add_evaluation(db, created_at=2.0, data="animals", encoder_id="clip", body="[]")
    found = find_evaluation(db, first)
    assert found is not None
    assert (found.data, found.created_at, found.body) == ("flickr", 1.0, "{}")
    assert [record.id for record in list_evaluations(db, limit=9)] == [second, first]
    assert [record.id for record in list_evaluations(db, limit=9, containing="flic")] == [first]
    assert [record.id for record in list_evaluations(db, limit=9, containing="FLIC")] == [first]
    assert [record.id for record in list_evaluations(db, limit=1)] == [second]
    assert [record.id for record in list_evaluations(db, limit=1, offset=1)] == [first]
    assert delete_evaluation(db, first)
    assert not delete_evaluation(db, first)
    assert find_evaluation(db, first) is None


def test_an_id_is_never_given_out_again(db: Database) -> None:
    first = add_evaluation(db, created_at=1.0, data="a", encoder_id="b", body="{}")
    delete_evaluation(db, first)
    assert add_evaluation(db, created_at=1.0, data="a", encoder_id="b", body="{}") > first
