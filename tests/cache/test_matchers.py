"""Trained matchers."""

from sqlite_utils import Database

from cache.embeddings import put_encoder
from cache.matchers import add_matcher, matchers, newest_matcher
from cache.sql import revision
from tests.cache.rows import CLIP, OTHER


def test_the_newest_matcher_of_an_encoder_is_in_force(db: Database) -> None:
    put_encoder(db, CLIP)
    put_encoder(db, OTHER)
    before = revision(db)
    first = add_matcher(db, CLIP.id, b"\x00one", '{"auc": 0.8}')
    second = add_matcher(db, CLIP.id, b"\x00two", '{"auc": 0.9}')
    assert newest_matcher(db, OTHER.id) is None
    third = add_matcher(db, OTHER.id, b"three", "{}")
    newest = newest_matcher(db, CLIP.id)
    assert newest is not None
    assert (newest.id, newest.weights, newest.report) == (second, b"\x00two", '{"auc": 0.9}')
    assert [matcher.id for matcher in matchers(db)] == [third, second, first]
    assert revision(db) == before + 3
