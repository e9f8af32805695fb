"""Labels, and the calibrations fitted to them."""

from sqlite_utils import Database

from cache.embeddings import put_encoder
from cache.labels import (
    NewCalibration,
    drop_label,
    drop_labels,
    list_calibrations,
    list_labels,
    put_calibrations,
    put_label,
)
from cache.matchers import add_matcher, matchers, remove_matcher
from cache.pictures import drop_pictures
from cache.sql import revision
from tests.cache.rows import CLIP, OTHER, put_picture


def fitted(labels: int, scorer: str = "matcher 1") -> NewCalibration:
    return NewCalibration(scorer=scorer, scale=0.9, shift=-0.125, labels=labels)


def test_a_label_is_kept_by_encoder_text_and_picture_and_replaced_by_a_later_one(
    db: Database,
) -> None:
    for encoder in (CLIP, OTHER):
        put_encoder(db, encoder)
    first, second = put_picture(db, 1), put_picture(db, 2)
    put_label(db, CLIP.id, "a dog", first, fits=True)
    put_label(db, CLIP.id, "a dog", second, fits=True)
    put_label(db, OTHER.id, "a dog", first, fits=False)
    put_label(db, CLIP.id, "a dog", first, fits=False)
    said = [(label.text, label.picture_id, label.fits) for label in list_labels(db, CLIP.id)]
    assert sorted(said) == [("a dog", first, False), ("a dog", second, True)]
    assert len(list_labels(db)) == 3
    assert drop_label(db, CLIP.id, "a dog", first)
    assert not drop_label(db, CLIP.id, "a dog", first)
    assert drop_labels(db, CLIP.id) == 1
    assert [label.encoder_id for label in list_labels(db)] == [OTHER.id]


def test_labels_leave_with_their_picture(db: Database) -> None:
    put_encoder(db, CLIP)
    picture = put_picture(db, 1)
    put_label(db, CLIP.id, "a dog", picture, fits=True)
    drop_pictures(db, [picture])
    assert list_labels(db) == []


def test_a_calibration_that_changes_something_counts_as_a_change_of_the_library(
    db: Database,
) -> None:
    put_encoder(db, CLIP)
    put_encoder(db, OTHER)
    before = revision(db)
    assert put_calibrations(db, CLIP.id, [fitted(3)])
    assert put_calibrations(db, OTHER.id, [fitted(1, "label-free")])
    assert revision(db) == before + 2
    assert not put_calibrations(db, CLIP.id, [fitted(3)])
    assert revision(db) == before + 2
    first = {each.encoder_id: each.id for each in list_calibrations(db)}
    assert put_calibrations(db, CLIP.id, [fitted(4)])
    second = {each.encoder_id: each.id for each in list_calibrations(db)}
    assert second[CLIP.id] > max(first.values())
    assert second[OTHER.id] == first[OTHER.id]
    assert put_calibrations(db, CLIP.id, [])
    assert [each.encoder_id for each in list_calibrations(db)] == [OTHER.id]


def test_removing_a_matcher_puts_the_one_before_in_force_and_uncalibrates(db: Database) -> None:
    put_encoder(db, CLIP)
    first = add_matcher(db, CLIP.id, b"one", "{}")
    second = add_matcher(db, CLIP.id, b"two", "{}")
    put_calibrations(db, CLIP.id, [fitted(3, f"matcher {second}")])
    before = revision(db)
    assert remove_matcher(db, second) == CLIP.id
    assert [each.id for each in matchers(db)] == [first]
    assert list_calibrations(db) == []
    assert revision(db) == before + 1
    assert remove_matcher(db, second) is None
    # The id may come again; what was bound to it must not.
    assert add_matcher(db, CLIP.id, b"three", "{}") == second
    assert list_calibrations(db) == []
