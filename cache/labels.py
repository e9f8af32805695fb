"""What a person said of pictures: whether a text fits them; and how that calibrates `match`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from cache.sql import bump


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRecord:
    """One judgement of a person."""

    encoder_id: str
    """Of the encoder whose scores were looked at."""
    text: str
    picture_id: int
    fits: bool
    created_at: float
    """Unix time, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRecord:
    """A scale and a shift of the log odds of one scorer, fitted on labels."""

    id: int
    """Never given twice, so that it names one state of the labels."""
    encoder_id: str
    scorer: str
    """The exact scorer it was fitted for; it applies to no other."""
    scale: float
    shift: float
    labels: int
    """How many it was fitted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCalibration:
    """A calibration on its way into the cache."""

    scorer: str
    scale: float
    shift: float
    labels: int


def put_label(db: Database, encoder_id: str, text: str, picture_id: int, *, fits: bool) -> None:
    """Note a judgement; what was said of the same text and picture before is replaced."""
    db.execute(
        "insert into labels (encoder_id, text, picture_id, fits, created_at) values (?, ?, ?, ?, ?)"
        " on conflict do update set fits = excluded.fits, created_at = excluded.created_at",
        [encoder_id, text, picture_id, int(fits), time.time()],
    )


def drop_label(db: Database, encoder_id: str, text: str, picture_id: int) -> bool:
    """Take a judgement back; whether there was one."""
    found = db.execute(
        "delete from labels where encoder_id = ? and text = ? and picture_id = ?",
        [encoder_id, text, picture_id],
    )
    return found.rowcount > 0


def drop_labels(db: Database, encoder_id: str) -> int:
    """Take every judgement about an encoder's scores back; returns how many there were."""
    return db.execute("delete from labels where encoder_id = ?", [encoder_id]).rowcount


def list_labels(db: Database, encoder_id: str | None = None) -> list[LabelRecord]:
    """The judgements about an encoder's scores, or about all, oldest first."""
    rows = db.execute(
        "select encoder_id, text, picture_id, fits, created_at from labels"
        " where ?1 is null or encoder_id = ?1 order by created_at, text, picture_id",
        [encoder_id],
    )
    return [
        LabelRecord(
            encoder_id=row[0], text=row[1], picture_id=row[2], fits=bool(row[3]), created_at=row[4]
        )
        for row in rows
    ]


def put_calibrations(db: Database, encoder_id: str, found: Sequence[NewCalibration]) -> bool:
    """Let these be the calibrations of an encoder, and no others; whether anything changed."""
    before = {
        (each.scorer, each.scale, each.shift, each.labels)
        for each in list_calibrations(db)
        if each.encoder_id == encoder_id
    }
    if before == {(each.scorer, each.scale, each.shift, each.labels) for each in found}:
        return False
    with db.atomic():
        drop_calibrations(db, encoder_id)
        for each in found:
            db.execute(
                "insert into calibrations (encoder_id, scorer, scale, shift, labels)"
                " values (?, ?, ?, ?, ?)",
                [encoder_id, each.scorer, each.scale, each.shift, each.labels],
            )
        bump(db)
    return True


def drop_calibrations(db: Database, encoder_id: str) -> None:
    """Have nothing calibrated for an encoder; who calls it counts the change."""
    db.execute("delete from calibrations where encoder_id = ?", [encoder_id])


def list_calibrations(db: Database) -> list[CalibrationRecord]:
    """The calibrations in force, of all encoders."""
    rows = db.execute(
        "select id, encoder_id, scorer, scale, shift, labels from calibrations order by id"
    )
    return [
        CalibrationRecord(
            id=row[0],
            encoder_id=row[1],
            scorer=row[2],
            scale=float(row[3]),
            shift=float(row[4]),
            labels=int(row[5]),
        )
        for row in rows
    ]
