"""Trained matchers, each bound to one encoder."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from cache.labels import drop_calibrations
from cache.schema import COLLECTION
from cache.sql import bump, many


@dataclass(frozen=True, slots=True, kw_only=True)
class MatcherRecord:
    """A trained matcher: its weights and what was measured of it."""

    id: int
    encoder_id: str
    created_at: float
    weights: bytes
    """A whole safetensors file."""
    report: str
    """JSON."""


_SELECT = "select id, encoder_id, created_at, weights, report from matchers"


def add_matcher(db: Database, encoder_id: str, weights: bytes, report: str) -> int:
    """Keep a matcher, a whole safetensors file, with its report as JSON; returns its id."""
    with db.atomic():
        cursor = db.execute(
            "insert into matchers (encoder_id, created_at, weights, report) values (?, ?, ?, ?)",
            [encoder_id, time.time(), weights, report],
        )
        bump(db)
    return int(cursor.lastrowid or 0)


def newest_matcher(db: Database, encoder_id: str) -> MatcherRecord | None:
    """The matcher kept last for an encoder, which is the one in force."""
    row = db.execute(
        f"{_SELECT} where encoder_id = ? order by id desc limit 1", [encoder_id]
    ).fetchone()
    return None if row is None else _record(*row)


def matchers(db: Database) -> list[MatcherRecord]:
    """Every matcher, newest first."""
    return [_record(*row) for row in db.execute(f"{_SELECT} order by id desc")]


def remove_matcher(db: Database, matcher_id: int) -> str | None:
    """Drop a matcher; the one kept before it is in force then. Returns its encoder's id.

    None where there is none of that id.
    """
    row = db.execute("select encoder_id from matchers where id = ?", [matcher_id]).fetchone()
    if row is None:
        return None
    with db.atomic():
        # Its id may be given again, and nothing that was bound to it must be found under it.
        drop_calibrations(db, row[0])
        db.execute(f"update {COLLECTION} set matcher_id = 0 where matcher_id = ?", [matcher_id])
        db.execute("delete from matchers where id = ?", [matcher_id])
        bump(db)
    return str(row[0])


def put_matcher_pictures(
    db: Database, matcher_id: int, vectors: Mapping[int, NDArray[np.float32]]
) -> None:
    """Keep what a matcher made of pictures, by picture id; those that are gone are left out."""
    with db.atomic():
        many(
            db,
            "insert or replace into matcher_pictures (matcher_id, picture_id, vector)"
            " select matchers.id, pictures.id, ? from matchers, pictures"
            " where matchers.id = ? and pictures.id = ?",
            (
                (np.ascontiguousarray(vector, "<f4").tobytes(), matcher_id, picture_id)
                for picture_id, vector in vectors.items()
            ),
        )
        bump(db)


def pictures_without(db: Database, matcher_id: int, encoder_id: str) -> list[int]:
    """Pictures with an embedding of an encoder, of which a matcher has made nothing yet."""
    rows = db.execute(
        "select picture_id from embeddings e where encoder_id = ? and not exists (select 1 from"
        " matcher_pictures where matcher_id = ? and picture_id = e.picture_id) order by picture_id",
        [encoder_id, matcher_id],
    )
    return [int(row[0]) for row in rows]


def matcher_pictures(
    db: Database, matcher_id: int, dim: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """What a matcher made of pictures: their ids [n], ascending, and vectors [n, dim].

    A vector of another length, or with a number that is none, counts as not there.
    """
    ids, found = [], []
    rows = db.execute(
        "select picture_id, vector from matcher_pictures"
        " where matcher_id = ? and length(vector) = ? order by picture_id",
        [matcher_id, 4 * dim],
    )
    for picture_id, data in rows:
        ids.append(picture_id)
        found.append(np.frombuffer(data, "<f4"))
    vectors = np.array(found, np.float32).reshape(len(found), dim)
    is_sound = np.isfinite(vectors).all(axis=1)
    return np.array(ids, np.int64)[is_sound], vectors[is_sound]


def _record(
    matcher_id: int, encoder_id: str, created_at: float, weights: bytes, report: str
) -> MatcherRecord:
    return MatcherRecord(
        id=matcher_id,
        encoder_id=encoder_id,
        created_at=created_at,
        weights=weights,
        report=report,
    )
