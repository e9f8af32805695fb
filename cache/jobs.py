"""Background tasks as the cache remembers them, so that a later start shows what became of them."""

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from cache.numbers import whole
from cache.sql import listed


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A background task as the cache remembers it."""

    id: int
    kind: str
    title: str
    state: str
    """queued, running, done, failed or cancelled; 'lost' where the process died before the end."""
    created_at: float
    updated_at: float
    request: str
    """JSON, enough to start it again."""
    message: str
    pid: int = 0
    """The process that runs it, or ran it."""


LOST = "The program ended before this was done"


def claim_ids(db: Database, count: int) -> int:
    """Set `count` ids in a row aside for jobs to come; returns the first."""
    db.execute(
        "insert into counters (name, value) values ('jobs', ?)"
        " on conflict (name) do update set value = value + excluded.value",
        [count],
    )
    last = db.execute("select value from counters where name = 'jobs'").fetchone()[0]
    return int(last) - count + 1


def release_ids(db: Database, first: int, last: int) -> None:
    """Give the unused end `first` to `last` of a claim back, if nobody has claimed since."""
    db.execute("update counters set value = ? where name = 'jobs' and value = ?", [first - 1, last])


def add_job(db: Database, kind: str, title: str, request: str, *, job_id: int | None = None) -> int:
    """Enter a queued job of this process, under a claimed id or a new one; returns the id."""
    chosen = claim_ids(db, 1) if job_id is None else job_id
    now = time.time()
    db.execute(
        "insert into jobs (id, kind, title, state, created_at, updated_at, process, request)"
        " values (?, ?, ?, 'queued', ?, ?, ?, ?)",
        [chosen, kind, title, now, now, own_token(), request],
    )
    return chosen


def set_job(db: Database, job_id: int, state: str, message: str = "") -> None:
    """Note the state of a job, with a sentence about it."""
    db.execute(
        "update jobs set state = ?, message = ?, updated_at = ? where id = ?",
        [state, message, time.time(), job_id],
    )


def list_jobs(db: Database, limit: int) -> list[JobRecord]:
    """The jobs entered last, newest first."""
    return _records(db, "order by id desc limit ?", [limit])


def find_job(db: Database, job_id: int) -> JobRecord | None:
    """The job of that id; None where it is not remembered."""
    found = _records(db, "where id = ?", [job_id])
    return found[0] if found else None


def jobs_in(db: Database, kind: str, state: str) -> list[JobRecord]:
    """The jobs of a kind that are in a state, newest first."""
    return _records(db, "where kind = ? and state = ? order by id desc", [kind, state])


def _records(db: Database, condition: str, values: list[str | int]) -> list[JobRecord]:
    rows = db.execute(
        "select id, kind, title, state, created_at, updated_at, request, message, process"
        f" from jobs {condition}",
        values,
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
            pid=_process(row[8]),
        )
        for row in rows
    ]


def mark_lost(db: Database) -> int:
    """Mark unfinished jobs of processes that are gone as lost; returns how many."""
    rows = db.execute("select id, process from jobs where state in ('queued', 'running')")
    gone = [int(row[0]) for row in rows.fetchall() if not is_alive(row[1])]
    db.execute(
        "update jobs set state = 'lost', message = ? where id in (select value from json_each(?))",
        [LOST, listed(gone)],
    )
    return len(gone)


_BOOT = Path("/proc/sys/kernel/random/boot_id")
_TOKEN_PARTS = 4
_LARGEST_ID = 2**31 - 1
"""What a system's process ids fit into."""


def own_token() -> str:
    """This process's name: machine, start of the machine, process id, start of the process.

    The last two parts keep a process id that was given again from passing for the first.
    """
    pid = os.getpid()
    return f"{socket.gethostname()} {_boot()} {pid} {_started(pid)}"


def is_alive(token: str) -> bool:
    """Whether the process that `own_token` named may still run; another machine's may.

    What names no process, as in a damaged row, is nobody's.
    """
    pid = _process(token)
    if not pid:
        return False
    host, boot, _, started = token.split(" ")
    if host != socket.gethostname():
        return True
    return boot == _boot() and _exists(pid) and started in ("-", _started(pid))


def _process(token: str) -> int:
    """The process id in a token; 0 where it names no process."""
    parts = token.split(" ")
    try:
        return whole(parts[2], 1, _LARGEST_ID) if len(parts) == _TOKEN_PARTS else 0
    except ValueError:
        return 0


def _exists(pid: int) -> bool:
    """Whether a process can still do something: one that ended and waits for its parent cannot.

    In a container without an init such remains may stay for as long as it runs.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _stat(pid)[:1] not in (["Z"], ["X"])


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return "-"


def _started(pid: int) -> str:
    """Clock ticks from the start of the machine; "-" where there is no /proc."""
    fields = _stat(pid)
    return fields[19] if fields else "-"


def _stat(pid: int) -> list[str]:
    """What /proc says of a process from its state on; nothing where there is no /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
