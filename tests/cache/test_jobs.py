"""Jobs as the cache remembers them, and what becomes of those whose process died."""

import os
import socket
import subprocess
import sys

import pytest
from sqlite_utils import Database

from cache.jobs import (
    add_job,
    claim_ids,
    is_alive,
    list_jobs,
    mark_lost,
    own_token,
    release_ids,
    set_job,
)


def foreign_token(*, boot: str | None = None, host: str | None = None) -> str:
    """The name of a process that has ended."""
    code = "from cache.jobs import own_token; print(own_token())"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    parts = result.stdout.split()
    return " ".join([host or parts[0], boot or parts[1], *parts[2:]])


def test_a_job_is_listed_with_its_latest_state_newest_first(db: Database) -> None:
    first = add_job(db, "index", "pictures", '{"folders": ["/a"]}')
    second = add_job(db, "import", "vectors", "{}")
    set_job(db, first, "done", "12 pictures")
    listed = list_jobs(db, 10)
    assert [job.id for job in listed] == [second, first]
    assert (listed[0].state, listed[1].state) == ("queued", "done")
    assert (listed[1].message, listed[1].request) == ("12 pictures", '{"folders": ["/a"]}')
    assert listed[1].updated_at >= listed[1].created_at
    assert [job.id for job in list_jobs(db, 1)] == [second]
    assert {job.pid for job in listed} == {os.getpid()}


def test_ids_set_aside_are_given_to_nobody_else(db: Database) -> None:
    first = claim_ids(db, 10)
    own = add_job(db, "index", "t", "{}")
    second = claim_ids(db, 5)
    claimed = [*range(first, first + 10), own, *range(second, second + 5)]
    assert len(set(claimed)) == 16
    assert add_job(db, "index", "t", "{}", job_id=first + 3) == first + 3


def test_the_unused_end_of_a_claim_is_given_back_unless_another_followed(db: Database) -> None:
    first = claim_ids(db, 10)
    release_ids(db, first + 1, first + 9)
    assert claim_ids(db, 10) == first + 1

    other = claim_ids(db, 10)
    release_ids(db, first + 2, first + 10)
    assert claim_ids(db, 1) == other + 10


@pytest.mark.parametrize("state", ["queued", "running"])
def test_unfinished_jobs_of_a_dead_process_are_lost(db: Database, state: str) -> None:
    dead, alive, done = (add_job(db, "index", "t", "{}") for _ in range(3))
    set_job(db, dead, state)
    set_job(db, alive, state)
    set_job(db, done, "done", "all of it")
    token = foreign_token()
    db.execute("update jobs set process = ? where id in (?, ?)", [token, dead, done])
    assert mark_lost(db) == 1
    states = {job.id: job.state for job in list_jobs(db, 10)}
    assert states == {dead: "lost", alive: state, done: "done"}
    assert mark_lost(db) == 0


@pytest.mark.parametrize(
    "token",
    ["", "x", "host boot pid started", "a b c d e"]
    + [f"{socket.gethostname()} - {number} -" for number in ("0", "-1", "9" * 20, "9" * 5000)],
    ids=range(8),
)
def test_what_names_no_process_is_nobodys(db: Database, token: str) -> None:
    assert not is_alive(token)
    job_id = add_job(db, "index", "t", "{}")
    db.execute("update jobs set process = ? where id = ?", [token, job_id])
    assert [job.pid for job in list_jobs(db, 10)] == [0]
    assert mark_lost(db) == 1


def test_a_process_is_alive_until_it_ends() -> None:
    code = "from cache.jobs import own_token; print(own_token(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        token = process.stdout.readline().strip()
        assert is_alive(token)
        process.communicate("\n")
    assert not is_alive(token)


def test_what_ended_and_waits_for_its_parent_is_not_alive() -> None:
    """A container without an init never takes such remains away."""
    code = "from cache.jobs import own_token; print(own_token(), flush=True)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        token = process.stdout.read().decode().strip()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(token)


def test_a_process_id_given_again_does_not_pass_for_the_first() -> None:
    host, boot, pid, started = own_token().split(" ")
    assert int(pid) == os.getpid()
    assert is_alive(f"{host} {boot} {pid} {started}")
    assert not is_alive(f"{host} {boot} {pid} {int(started) - 1}")
    assert not is_alive(f"{host} another-boot {pid} {started}")


def test_a_process_of_another_machine_cannot_be_judged() -> None:
    assert is_alive(foreign_token(host="elsewhere"))
