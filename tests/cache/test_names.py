"""Pictures known by name, and what becomes of them when their file turns up."""

import numpy as np
from sqlite_utils import Database

from cache.embeddings import load_matrix, vectors_of
from cache.files import SeenFile, put_files
from cache.pictures import (
    add_names,
    add_picture,
    fill_named,
    find_by_sha,
    shown_pictures,
    thumbnails,
)
from tests.cache.rows import CLIP, OTHER, embed, new_picture, put_picture


def test_a_name_stands_for_one_picture_that_was_never_seen(db: Database) -> None:
    picture_id = add_names(db, ["/a.jpg"])[0]
    assert add_names(db, ["/a.jpg"])[0] == picture_id
    [shown] = shown_pictures(db, [picture_id])
    assert shown.picture.sha256 is None
    assert shown.file is not None
    assert (shown.file.path, shown.file.present, shown.file.size) == ("/a.jpg", False, 0)


def test_names_keep_their_order_and_the_pictures_that_hold_them_already(db: Database) -> None:
    known = put_picture(db, 1, "/b.jpg")
    ids = add_names(db, ["/a.jpg", "/b.jpg", "/c.jpg", "/a.jpg"])
    assert ids[1] == known
    assert ids[0] == ids[3]
    assert len(set(ids)) == 3
    assert add_picture(db, new_picture(9)) not in ids


def test_a_named_picture_takes_on_the_content_of_its_file(db: Database) -> None:
    picture_id = add_names(db, ["/a.jpg"])[0]
    vectors = embed(db, CLIP, [picture_id])
    assert fill_named(db, picture_id, new_picture(5)) == picture_id
    assert find_by_sha(db, [new_picture(5).sha256]) == {new_picture(5).sha256: picture_id}
    assert thumbnails(db, [picture_id]) == {picture_id: b"thumbnail 5"}
    [shown] = shown_pictures(db, [picture_id])
    assert (shown.picture.width, shown.picture.height) == (200, 100)
    np.testing.assert_array_equal(load_matrix(db, CLIP.id)[1], vectors)


def test_a_named_picture_merges_into_the_one_that_has_its_content(db: Database) -> None:
    known = put_picture(db, 5, "/b.jpg")
    own = embed(db, CLIP, [known])[0]
    named = add_names(db, ["/a.jpg"])[0]
    embed(db, CLIP, [named], seed=1)
    imported = embed(db, OTHER, [named], seed=2)[0]

    assert fill_named(db, named, new_picture(5)) == known
    put_files(db, [(SeenFile(path="/a.jpg", size=3, mtime_ns=4), known)])

    np.testing.assert_array_equal(vectors_of(db, CLIP.id, [known])[known], own)
    np.testing.assert_array_equal(vectors_of(db, OTHER.id, [known])[known], imported)
    ids, matrix = load_matrix(db, CLIP.id)
    assert ids.tolist() == [known]
    np.testing.assert_array_equal(matrix[0], own)
    assert shown_pictures(db, [named]) == []


def test_content_is_never_given_to_a_picture_that_has_some(db: Database) -> None:
    first = put_picture(db, 1, "/a.jpg")
    second = fill_named(db, first, new_picture(2))
    assert second != first
    [shown] = shown_pictures(db, [first])
    assert shown.picture.sha256 == new_picture(1).sha256
