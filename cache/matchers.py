"""Trained matchers, each bound to one encoder."""

import time
from dataclasses import dataclass

from sqlite_utils import Database

from cache.labels import drop_calibrations
from cache.schema import COLLECTION
from cache.sql import bump


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
