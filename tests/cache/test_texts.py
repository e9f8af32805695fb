"""Text embeddings."""

import numpy as np
import pytest
from sqlite_utils import Database

from cache.embeddings import put_encoder
from cache.errors import CacheMismatchError
from cache.sql import revision
from cache.texts import TextRecord, get_texts, imported_texts, put_texts
from tests.cache.rows import CLIP, DIM, OTHER, unit_vectors


def text(words: str, *, seed: int = 0, dim: int = DIM, imported: bool = False) -> TextRecord:
    return TextRecord(
        text=words,
        vector=unit_vectors(1, dim, seed)[0],
        tokens=0 if imported else 5,
        lost="" if imported else "the end",
        imported=imported,
    )


def test_a_text_comes_back_exactly_and_under_its_encoder_only(db: Database) -> None:
    put_encoder(db, CLIP)
    put_encoder(db, OTHER)
    put_texts(db, CLIP.id, [text("一只狗", seed=1), text("a 'dog'; --", seed=2)])
    put_texts(db, OTHER.id, [text("一只狗", seed=3, dim=4)])
    found = get_texts(db, CLIP.id, ["一只狗", "a 'dog'; --", "unknown"])
    assert set(found) == {"一只狗", "a 'dog'; --"}
    record = found["一只狗"]
    assert (record.tokens, record.lost, record.imported) == (5, "the end", False)
    np.testing.assert_array_equal(record.vector, unit_vectors(1, seed=1)[0])
    assert len(get_texts(db, OTHER.id, ["一只狗"])["一只狗"].vector) == 4


def test_imported_texts_are_listed_sorted_without_those_embedded_here(db: Database) -> None:
    put_encoder(db, CLIP)
    words = ["zebra", "a dog", "ätna"]
    put_texts(db, CLIP.id, [text(word, imported=True) for word in words])
    put_texts(db, CLIP.id, [text("a query")])
    assert [record.text for record in imported_texts(db, CLIP.id)] == sorted(words)


def test_an_imported_text_embedded_here_later_stays_imported(db: Database) -> None:
    put_encoder(db, CLIP)
    put_texts(db, CLIP.id, [text("a dog", seed=1, imported=True)])
    put_texts(db, CLIP.id, [text("a dog", seed=2)])
    [record] = imported_texts(db, CLIP.id)
    np.testing.assert_array_equal(record.vector, unit_vectors(1, seed=2)[0])


def test_imported_texts_move_the_revision_and_queries_do_not(db: Database) -> None:
    put_encoder(db, CLIP)
    before = revision(db)
    put_texts(db, CLIP.id, [text("a query")])
    put_texts(db, CLIP.id, [])
    assert revision(db) == before
    put_texts(db, CLIP.id, [text("a dog", imported=True)])
    assert revision(db) == before + 1


def test_a_text_vector_of_another_dimension_is_refused(db: Database) -> None:
    put_encoder(db, CLIP)
    with pytest.raises(CacheMismatchError, match="shape"):
        put_texts(db, CLIP.id, [text("a dog", dim=4)])
