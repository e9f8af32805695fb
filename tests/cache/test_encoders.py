"""The spaces the cache knows."""

from dataclasses import replace

import pytest
from sqlite_utils import Database

from cache.embeddings import encoders, find_encoder, put_encoder
from cache.errors import CacheMismatchError
from cache.sql import revision
from cache.texts import TextRecord, put_texts
from tests.cache.rows import CLIP, OTHER, embed, put_picture, unit_vectors


def test_encoders_come_back_as_entered_in_id_order(db: Database) -> None:
    put_encoder(db, OTHER)
    put_encoder(db, CLIP)
    assert encoders(db) == [CLIP, OTHER]


def test_a_known_source_outlives_an_import_that_names_none(db: Database) -> None:
    put_encoder(db, CLIP)
    put_encoder(db, replace(CLIP, source="", logit_scale=50.0))
    assert find_encoder(db, CLIP.id) == replace(CLIP, logit_scale=50.0)
    put_encoder(db, replace(CLIP, source="elsewhere"))
    assert find_encoder(db, CLIP.id) == replace(CLIP, source="elsewhere")


def test_the_revision_moves_only_when_something_changed(db: Database) -> None:
    put_encoder(db, CLIP)
    before = revision(db)
    put_encoder(db, CLIP)
    assert revision(db) == before
    put_encoder(db, replace(CLIP, logit_scale=1.0))
    assert revision(db) == before + 1


def test_the_dimension_is_fixed_once_there_are_vectors(db: Database) -> None:
    put_encoder(db, CLIP)
    put_encoder(db, replace(CLIP, dim=16))
    put_encoder(db, CLIP)
    embed(db, CLIP, [put_picture(db, 1, "/1.jpg")])
    with pytest.raises(CacheMismatchError, match="clip has vectors of 8 numbers"):
        put_encoder(db, replace(CLIP, dim=16))
    put_encoder(db, OTHER)
    text = TextRecord(text="a", vector=unit_vectors(1, 4)[0], tokens=1, lost="", imported=False)
    put_texts(db, OTHER.id, [text])
    with pytest.raises(CacheMismatchError):
        put_encoder(db, replace(OTHER, dim=16))
