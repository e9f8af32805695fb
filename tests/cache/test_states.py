"""Local states: kept by picture and encoder, within a limit, and never trusted when damaged."""

from collections.abc import Iterable

import numpy as np
import pytest
from sqlite_utils import Database

from cache.embeddings import put_encoder
from cache.errors import CacheMismatchError
from cache.pictures import drop_pictures
from cache.sql import revision
from cache.states import (
    KEPT_TEXTS,
    PictureStates,
    TextStates,
    clear_states,
    picture_states,
    put_picture_states,
    put_text_states,
    states_usage,
    text_states,
    touch_picture_states,
    touch_text_states,
)
from tests.cache.rows import CLIP, DIM, OTHER, put_picture, unit_vectors

WAY = "keys"
ROOM = 2**30
SIZE = 2 * 6 * DIM
"""Bytes of one picture's states here."""


def states(seed: int, dim: int = DIM) -> PictureStates:
    vectors = unit_vectors(6, dim, seed).astype(np.float16)
    return PictureStates(vectors=vectors, rows=2, columns=3)


def text(words: str, seed: int = 0) -> TextStates:
    vectors = unit_vectors(2, DIM, seed).astype(np.float16)
    return TextStates(text=words, vectors=vectors, spans=((0, 1), (2, 5)))


def keep(db: Database, ids: Iterable[int], when: float = 1.0, limit: int = ROOM) -> None:
    put_picture_states(db, CLIP.id, WAY, {at: states(at) for at in ids}, when=when, limit=limit)


@pytest.fixture(autouse=True)
def encoders(db: Database) -> None:
    put_encoder(db, CLIP)
    put_encoder(db, OTHER)


def test_states_come_back_exactly_and_are_of_one_encoder_and_one_way(db: Database) -> None:
    ids = [put_picture(db, number) for number in range(3)]
    before = revision(db)
    keep(db, ids[:2])
    found = picture_states(db, CLIP.id, WAY, ids)
    assert set(found) == set(ids[:2])
    np.testing.assert_array_equal(found[ids[1]].vectors, states(ids[1]).vectors)
    assert (found[ids[0]].rows, found[ids[0]].columns) == (2, 3)
    assert picture_states(db, CLIP.id, "values", ids) == {}
    assert picture_states(db, OTHER.id, WAY, ids) == {}
    assert revision(db) == before


def test_states_made_in_another_way_replace_those_of_before(db: Database) -> None:
    (at,) = [put_picture(db, 1)]
    keep(db, [at])
    put_picture_states(db, CLIP.id, "values", {at: states(99)}, when=2, limit=ROOM)
    assert picture_states(db, CLIP.id, WAY, [at]) == {}
    assert [usage.pictures for usage in states_usage(db)] == [1]


def test_what_was_used_longest_ago_goes_first(db: Database) -> None:
    ids = [put_picture(db, number) for number in range(5)]
    for when, at in enumerate(ids[:3], 1):
        keep(db, [at], when=when)
    touch_picture_states(db, CLIP.id, [ids[0]], 10)
    keep(db, ids[3:4], when=11, limit=2 * SIZE)
    assert set(picture_states(db, CLIP.id, WAY, ids)) == {ids[0], ids[3]}
    keep(db, ids[4:], when=12, limit=SIZE - 1)
    assert picture_states(db, CLIP.id, WAY, ids) == {}


def test_a_picture_that_goes_takes_its_states_along(db: Database) -> None:
    ids = [put_picture(db, number) for number in range(2)]
    keep(db, [*ids, 9999])
    drop_pictures(db, ids[:1])
    assert set(picture_states(db, CLIP.id, WAY, [*ids, 9999])) == {ids[1]}


@pytest.mark.parametrize("damage", [b"", b"\0" * 7, b"\xff" * SIZE])
def test_damaged_states_count_as_not_there(db: Database, damage: bytes) -> None:
    ids = [put_picture(db, number) for number in range(2)]
    keep(db, ids)
    db.execute("update picture_states set vectors = ? where picture_id = ?", [damage, ids[0]])
    assert set(picture_states(db, CLIP.id, WAY, ids)) == {ids[1]}
    keep(db, ids[:1])
    assert set(picture_states(db, CLIP.id, WAY, ids)) == set(ids)
    put_text_states(db, CLIP.id, WAY, [text("a dog")], when=1)
    db.execute("update text_states set vectors = ?", [damage])
    assert text_states(db, CLIP.id, WAY, ["a dog"]) == {}


def test_states_of_another_size_are_refused(db: Database) -> None:
    at = put_picture(db, 1)
    for wrong in (
        states(1, dim=DIM + 1),
        PictureStates(vectors=states(1).vectors, rows=9, columns=9),
    ):
        with pytest.raises(CacheMismatchError):
            put_picture_states(db, CLIP.id, WAY, {at: wrong}, when=1, limit=ROOM)
    bad = states(1).vectors.copy()
    bad[0] = np.nan
    with pytest.raises(CacheMismatchError):
        put_picture_states(
            db, CLIP.id, WAY, {at: PictureStates(vectors=bad, rows=2, columns=3)}, when=1, limit=1
        )


def test_texts_have_their_states_with_the_place_of_each_token(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_text_states(db, CLIP.id, WAY, [text("a dog"), text("a cat", 1)], when=1)
    found = text_states(db, CLIP.id, WAY, ["a cat", "a cow"])
    assert list(found) == ["a cat"]
    assert found["a cat"].pieces == ("a", "cat")
    np.testing.assert_array_equal(found["a cat"].vectors, text("", 1).vectors)
    assert text_states(db, CLIP.id, "values", ["a cat"]) == {}
    monkeypatch.setattr("cache.states.KEPT_TEXTS", 2)
    touch_text_states(db, CLIP.id, ["a dog"], 5)
    put_text_states(db, CLIP.id, WAY, [text("a cow")], when=6)
    assert set(text_states(db, CLIP.id, WAY, ["a dog", "a cat", "a cow"])) == {"a dog", "a cow"}
    assert KEPT_TEXTS > 1000


def test_clearing_takes_one_encoder_or_all(db: Database) -> None:
    ids = [put_picture(db, number) for number in range(2)]
    keep(db, ids)
    put_text_states(db, CLIP.id, WAY, [text("a dog")], when=1)
    put_picture_states(db, OTHER.id, WAY, {ids[0]: states(1, dim=4)}, when=1, limit=ROOM)
    usage = {each.encoder_id: each for each in states_usage(db)}
    assert (usage[CLIP.id].pictures, usage[CLIP.id].texts) == (2, 1)
    assert usage[CLIP.id].bytes == 2 * SIZE + 2 * 2 * DIM
    assert clear_states(db, OTHER.id).pictures == 1
    assert [each.encoder_id for each in states_usage(db)] == [CLIP.id]
    gone = clear_states(db)
    assert (gone.pictures, gone.texts) == (2, 1)
    assert states_usage(db) == []
    assert clear_states(db).bytes == 0
