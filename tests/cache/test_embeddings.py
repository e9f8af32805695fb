"""Embeddings: kept once, read back as one exact matrix, never mixed between encoders."""

import numpy as np
import pytest
from sqlite_utils import Database

from cache.embeddings import (
    BLOCK_ROWS,
    add_embeddings,
    compact,
    load_matrix,
    missing,
    put_encoder,
    vectors_of,
)
from cache.errors import CacheError, CacheMismatchError
from cache.files import forget_folder, mark_missing
from cache.pictures import add_names
from cache.sql import revision
from tests.cache.rows import CLIP, DIM, OTHER, embed, put_picture, unit_vectors


def names(db: Database, count: int, folder: str = "/a") -> list[int]:
    return add_names(db, [f"{folder}/{number:05}" for number in range(count)])


def blocks(db: Database) -> list[int]:
    """Rows stored in each block, in order."""
    rows = db.execute("select length(vectors) / 4 / ? from blocks order by id", [DIM])
    return [row[0] for row in rows]


def test_vectors_come_back_exactly_with_their_pictures(db: Database) -> None:
    ids = names(db, 300)
    put_encoder(db, CLIP)
    vectors = unit_vectors(300)
    order = np.random.default_rng(1).permutation(300)
    for part in np.split(order, 10):
        assert add_embeddings(db, CLIP.id, [ids[i] for i in part], vectors[part]) == len(part)
    loaded_ids, matrix = load_matrix(db, CLIP.id)
    assert loaded_ids.dtype == np.int64
    assert matrix.dtype == np.float32
    assert loaded_ids.tolist() == [ids[i] for i in order]
    np.testing.assert_array_equal(matrix, vectors[order])


def test_an_encoder_without_vectors_loads_an_empty_matrix(db: Database) -> None:
    put_encoder(db, CLIP)
    ids, matrix = load_matrix(db, CLIP.id)
    assert (ids.shape, matrix.shape) == ((0,), (0, DIM))


def test_a_picture_embedded_already_keeps_its_vector(db: Database) -> None:
    ids = names(db, 3)
    first = embed(db, CLIP, ids[:2])
    before = revision(db)
    second = unit_vectors(4, seed=5)
    assert add_embeddings(db, CLIP.id, [ids[1], ids[2], ids[2], ids[0]], second) == 1
    found = vectors_of(db, CLIP.id, ids)
    np.testing.assert_array_equal(found[ids[1]], first[1])
    np.testing.assert_array_equal(found[ids[2]], second[1])
    assert revision(db) == before + 1
    assert add_embeddings(db, CLIP.id, ids[:2], first) == 0
    assert revision(db) == before + 1


def test_encoders_are_never_mixed(db: Database) -> None:
    ids = names(db, 6)
    clip, other = embed(db, CLIP, ids[:4]), embed(db, OTHER, ids[2:])
    np.testing.assert_array_equal(load_matrix(db, CLIP.id)[1], clip)
    np.testing.assert_array_equal(load_matrix(db, OTHER.id)[1], other)
    assert missing(db, CLIP.id, ids) == ids[4:]
    assert missing(db, OTHER.id, ids) == ids[:2]


@pytest.mark.parametrize(
    ("vectors", "what"),
    [
        (np.ones((2, DIM + 1), np.float32), "shape"),
        (np.ones((3, DIM), np.float32), "shape"),
        (np.ones(2 * DIM, np.float32), "shape"),
        (np.full((2, DIM), np.nan, np.float32), "finite"),
        (np.full((2, DIM), np.inf, np.float32), "finite"),
    ],
)
def test_vectors_that_do_not_fit_are_refused_and_leave_nothing(
    db: Database, vectors: np.typing.NDArray[np.float32], what: str
) -> None:
    ids = names(db, 2)
    put_encoder(db, CLIP)
    with pytest.raises(CacheMismatchError, match=what):
        add_embeddings(db, CLIP.id, ids, vectors)
    assert blocks(db) == []


def test_an_unknown_encoder_is_refused(db: Database) -> None:
    with pytest.raises(CacheError, match="no encoder nowhere"):
        load_matrix(db, "nowhere")


def test_only_pictures_that_a_file_holds_now_are_asked_for(db: Database) -> None:
    ids = [put_picture(db, number, f"/b/{number}") for number in range(3)]
    names(db, 2)
    mark_missing(db, ["/b/1"])
    embed(db, CLIP, ids[:1])
    assert missing(db, CLIP.id) == [ids[2]]


def test_vectors_of_some_pictures_come_from_any_block(db: Database) -> None:
    ids = names(db, 40)
    vectors = [embed(db, CLIP, ids[start : start + 10], seed=start) for start in (0, 10, 20)]
    found = vectors_of(db, CLIP.id, [ids[25], ids[3], ids[39], ids[10]])
    assert set(found) == {ids[25], ids[3], ids[10]}
    np.testing.assert_array_equal(found[ids[25]], vectors[2][5])
    np.testing.assert_array_equal(found[ids[3]], vectors[0][3])
    np.testing.assert_array_equal(found[ids[10]], vectors[1][0])


def test_small_blocks_are_joined_as_soon_as_they_fill_one(db: Database) -> None:
    count = BLOCK_ROWS + 500
    ids = names(db, count)
    put_encoder(db, CLIP)
    vectors = unit_vectors(count)
    for start in range(0, count, 100):
        part = slice(start, start + 100)
        add_embeddings(db, CLIP.id, ids[part], vectors[part])
    assert blocks(db) == [BLOCK_ROWS, 4, 100, 100, 100, 100, 96]
    loaded_ids, matrix = load_matrix(db, CLIP.id)
    assert loaded_ids.tolist() == ids
    np.testing.assert_array_equal(matrix, vectors)


def test_compacting_joins_what_is_left_and_changes_no_vector(db: Database) -> None:
    ids = names(db, 30)
    other_ids, other = ids[:2], embed(db, OTHER, ids[:2])
    vectors = np.concatenate([embed(db, CLIP, ids[i : i + 5], seed=i) for i in range(0, 30, 5)])
    before = revision(db)
    compact(db, CLIP.id)
    assert db.execute("select count(*) from blocks").fetchone() == (2,)
    assert revision(db) == before
    loaded_ids, matrix = load_matrix(db, CLIP.id)
    assert loaded_ids.tolist() == ids
    np.testing.assert_array_equal(matrix, vectors)
    np.testing.assert_array_equal(load_matrix(db, OTHER.id)[1], other)
    assert load_matrix(db, OTHER.id)[0].tolist() == other_ids


def test_rows_of_dropped_pictures_are_skipped_and_compacted_away(db: Database) -> None:
    kept, dropped = names(db, 3, "/kept"), names(db, 3, "/dropped")
    ids = [kept[0], dropped[0], dropped[1], kept[1], kept[2], dropped[2]]
    vectors = embed(db, CLIP, ids)
    forget_folder(db, "/dropped")
    rows = [0, 3, 4]
    for _ in range(2):
        loaded_ids, matrix = load_matrix(db, CLIP.id)
        assert loaded_ids.tolist() == kept
        np.testing.assert_array_equal(matrix, vectors[rows])
        np.testing.assert_array_equal(vectors_of(db, CLIP.id, kept)[kept[2]], vectors[4])
        compact(db, CLIP.id)
    assert blocks(db) == [3]


def test_a_vector_belongs_to_a_picture_and_a_block_that_exist(db: Database) -> None:
    embed(db, CLIP, names(db, 3))
    for table in ("pictures", "blocks"):
        with pytest.raises(Exception, match="FOREIGN KEY"):
            db.execute(f"delete from {table}")
