"""Background tasks as the cache remembers them, so that a later start shows what became of them."""

import time

from sqlite_utils import Database

from cache.liveness import is_alive, own_token
from cache.records import JobRecord
from cache.sql import listed


def claim_ids(db: Database, count: int) -> int:
    """Set `count` ids aside for jobs to come, and return the first; no one else gets them."""
    first = db.execute(
        "select max(coalesce((select value from counters where name = 'jobs'), 0),"
        " coalesce((select max(id) from jobs), 0)) + 1"
    ).fetchone()[0]
    db.execute(
        "insert or replace into counters (name, value) values ('jobs', ?)", [first + count - 1]
    )
    return int(first)


def add_job(db: Database, kind: str, title: str, request: str, *, job_id: int | None = None) -> int:
    """Enter a queued job of this process, under a claimed id if one is given; returns its id."""
    now = time.time()
    cursor = db.execute(
        "insert into jobs (id, kind, title, state, created_at, updated_at, process, request)"
        " values (?, ?, ?, 'queued', ?, ?, ?, ?)",
        [job_id, kind, title, now, now, own_token(), request],
    )
    return int(cursor.lastrowid or 0)


def set_job(db: Database, job_id: int, state: str, message: str = "") -> None:
    """Note the state of a job, with a sentence about it."""
    db.execute(
        "update jobs set state = ?, message = ?, updated_at = ? where id = ?",
        [state, message, time.time(), job_id],
    )


def list_jobs(db: Database, limit: int) -> list[JobRecord]:
    """The jobs entered last, newest first."""
    rows = db.execute(
        "select id, kind, title, state, created_at, updated_at, request, message"
        " from jobs order by id desc limit ?",
        [limit],
    )
    return [
        JobRecord(
            id=row[0],
            kind=row[1],
            title=row[2],
            state=row[3],
            created_at=row[4],
            updated_at=row[5],
            request=row[6],
            message=row[7],
        )
        for row in rows
    ]


def mark_lost(db: Database) -> int:
    """Mark unfinished jobs of processes that are gone as lost; returns how many."""
    rows = db.execute("select id, process from jobs where state in ('queued', 'running')")
    gone = [int(row[0]) for row in rows.fetchall() if not is_alive(row[1])]
    db.execute(
        "update jobs set state = 'lost', message = 'The program ended before this was done'"
        " where id in (select value from json_each(?))",
        [listed(gone)],
    )
    return len(gone)
