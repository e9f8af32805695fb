"""Trained matchers."""

import numpy as np
from sqlite_utils import Database

from cache.embeddings import put_encoder
from cache.matchers import (
    add_matcher,
    matcher_pictures,
    matchers,
    newest_matcher,
    pictures_without,
    put_matcher_pictures,
    remove_matcher,
)
from cache.pictures import add_picture
from cache.sql import revision
from tests.cache.rows import CLIP, OTHER, embed, new_picture


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


def test_what_a_matcher_made_of_pictures_goes_with_it(db: Database) -> None:
    put_encoder(db, CLIP)
    ids = [add_picture(db, new_picture(number)) for number in range(3)]
    matcher = add_matcher(db, CLIP.id, b"w", "{}")
    before = revision(db)
    vectors = {ids[2]: np.ones(4, np.float32), ids[0]: np.zeros(4, np.float32)}
    put_matcher_pictures(db, matcher, {**vectors, 999: np.ones(4, np.float32)})
    assert revision(db) == before + 1
    known, found = matcher_pictures(db, matcher, 4)
    assert known.tolist() == [ids[0], ids[2]]
    np.testing.assert_array_equal(found, [np.zeros(4), np.ones(4)])
    db.execute("update matcher_pictures set vector = ? where picture_id = ?", [b"x", ids[0]])
    put_matcher_pictures(db, matcher, {ids[1]: np.full(4, np.nan, np.float32)})
    assert matcher_pictures(db, matcher, 4)[0].tolist() == [ids[2]]
    assert matcher_pictures(db, matcher, 5)[0].tolist() == []
    remove_matcher(db, matcher)
    assert db.execute("select count(*) from matcher_pictures").fetchone() == (0,)


def test_the_pictures_that_a_matcher_has_not_seen_are_found(db: Database) -> None:
    put_encoder(db, CLIP)
    ids = [add_picture(db, new_picture(number)) for number in range(3)]
    embed(db, CLIP, ids[:2])
    matcher = add_matcher(db, CLIP.id, b"w", "{}")
    assert pictures_without(db, matcher, CLIP.id) == ids[:2]
    put_matcher_pictures(db, matcher, {ids[0]: np.ones(4, np.float32)})
    assert pictures_without(db, matcher, CLIP.id) == ids[1:2]
