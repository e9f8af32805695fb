"""Sheets of prompts, and which generated picture each of their cells has."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from cache.generated import GeneratedRecord, records
from cache.sql import listed


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRecord:
    """One sheet as the cache keeps it."""

    id: int
    created_at: float
    """Unix time, seconds."""
    used_at: float
    """When it was painted last, or begun."""
    title: str
    request: str
    """JSON; the engine writes and reads it."""
    size: int
    """How many cells it has."""
    done: int
    """Cells that have a picture, or an attempt that gave none."""


_SELECT = """
select s.id, s.created_at, s.used_at, s.title, s.request, s.size,
       (select count(*) from sheet_cells c where c.sheet_id = s.id)
from sheets s
"""


def put_sheet(db: Database, *, title: str, request: str, size: int) -> int:
    """Enter a sheet; the same request is the same sheet. Returns its id."""
    now = time.time()
    row = db.execute(
        "insert into sheets (created_at, used_at, title, request, size) values (?, ?, ?, ?, ?)"
        " on conflict (request) do update set used_at = excluded.used_at returning id",
        [now, now, title, request, size],
    ).fetchone()
    return int(row[0])


def find_sheet(db: Database, sheet_id: int) -> SheetRecord | None:
    """The sheet of that id; None where it is not remembered."""
    row = db.execute(f"{_SELECT} where s.id = ?", [sheet_id]).fetchone()
    return None if row is None else _record(row)


def sheet_of(db: Database, request: str) -> int | None:
    """The id of the sheet of a request; None where it is not remembered."""
    row = db.execute("select id from sheets where request = ?", [request]).fetchone()
    return None if row is None else int(row[0])


def list_sheets(db: Database, limit: int) -> list[SheetRecord]:
    """The sheets, the one used last first."""
    rows = db.execute(f"{_SELECT} order by s.used_at desc, s.id desc limit ?", [limit])
    return [_record(row) for row in rows.fetchall()]


def delete_sheet(db: Database, sheet_id: int) -> bool:
    """Forget a sheet, not its pictures; whether there was one."""
    return db.execute("delete from sheets where id = ?", [sheet_id]).rowcount > 0


def set_cell(db: Database, sheet_id: int, number: int, generated_id: int) -> None:
    """Note which generated picture, or attempt, a cell has."""
    db.execute(
        "insert into sheet_cells (sheet_id, number, generated_id) values (?, ?, ?)"
        " on conflict (sheet_id, number) do update set generated_id = excluded.generated_id",
        [sheet_id, number, generated_id],
    )


def sheet_cells(db: Database, home: Path, sheet_id: int) -> Mapping[int, GeneratedRecord]:
    """The generated pictures and attempts of a sheet, by the numbers of its cells."""
    rows = db.execute(
        "select number, generated_id from sheet_cells where sheet_id = ?", [sheet_id]
    ).fetchall()
    wanted = listed(int(row[1]) for row in rows)
    condition = "g.id in (select value from json_each(?))"
    by_id = {record.id: record for record in records(db, home, condition, [wanted])}
    return {int(number): by_id[generated_id] for number, generated_id in rows}


def _record(row: tuple[int, float, float, str, str, int, int]) -> SheetRecord:
    return SheetRecord(
        id=row[0],
        created_at=row[1],
        used_at=row[2],
        title=row[3],
        request=row[4],
        size=row[5],
        done=row[6],
    )
