"""Evaluations made before, so that they can be listed and compared over time."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRecord:
    """One evaluation as the cache keeps it."""

    id: int
    created_at: float
    """Unix time, seconds."""
    data: str
    encoder_id: str
    body: str
    """JSON; the engine writes and reads it."""


def add_evaluation(
    db: Database, *, created_at: float, data: str, encoder_id: str, body: str
) -> int:
    """Keep an evaluation; returns its id."""
    cursor = db.execute(
        "insert into evaluations (created_at, data, encoder_id, body) values (?, ?, ?, ?)",
        [created_at, data, encoder_id, body],
    )
    return int(cursor.lastrowid or 0)


def find_evaluation(db: Database, evaluation_id: int) -> EvaluationRecord | None:
    """The evaluation of that id."""
    row = db.execute(f"{_SELECT} where id = ?", [evaluation_id]).fetchone()
    return None if row is None else _record(row)


def list_evaluations(
    db: Database, *, limit: int, offset: int = 0, containing: str = ""
) -> list[EvaluationRecord]:
    """Evaluations whose data or encoder contains a text in whatever case, newest first."""
    rows = db.execute(
        f"{_SELECT} where instr(lower(data || ' ' || encoder_id), lower(?))"
        " order by id desc limit ? offset ?",
        [containing, limit, offset],
    )
    return [_record(row) for row in rows]


def delete_evaluation(db: Database, evaluation_id: int) -> bool:
    """Drop an evaluation; whether there was one."""
    return db.execute("delete from evaluations where id = ?", [evaluation_id]).rowcount > 0


_SELECT = "select id, created_at, data, encoder_id, body from evaluations"


def _record(row: tuple[int, float, str, str, str]) -> EvaluationRecord:
    return EvaluationRecord(
        id=row[0], created_at=row[1], data=row[2], encoder_id=row[3], body=row[4]
    )
