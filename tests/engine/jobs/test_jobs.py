"""Jobs: started, queued, cancelled, remembered."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from cache.errors import CacheFullError
from cache.jobs import list_jobs
from cache.store import Cache
from engine.errors import RequestError
from engine.events import (
    JobCancelled,
    JobEvent,
    JobFailed,
    JobFinished,
    JobMoved,
    JobNote,
    JobProgress,
    JobQueued,
    JobStarted,
    Report,
)
from engine.jobs.jobs import BUG, Jobs
from engine.states import JobKind


@dataclass
class GatedWork:
    """Work that ends when the test opens its gate."""

    kind: JobKind = JobKind.DOWNLOAD
    title: str = "a job"
    request: str = "{}"
    error: Exception | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    cleaned_up: bool = False

    async def run(self, job_id: int, report: Report) -> str:
        self.entered.set()
        report(JobProgress(job_id=job_id, stage="working", done=1, total=2))
        try:
            await self.gate.wait()
        finally:
            self.cleaned_up = True
        if self.error:
            raise self.error
        return "did it"


async def in_line(jobs: Jobs, count: int) -> None:
    """Let the loop run until so many jobs wait for their turn."""
    async with asyncio.timeout(20):
        while len(jobs.waiting(JobKind.GENERATE)) < count:  # noqa: ASYNC110
            await asyncio.sleep(0)


@pytest_asyncio.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cache]:
    cache = await Cache.open(tmp_path)
    yield cache
    await cache.aclose()


@pytest_asyncio.fixture
async def jobs(cache: Cache) -> AsyncIterator[Jobs]:
    jobs = Jobs(cache)
    await jobs.recover()
    yield jobs
    await jobs.aclose()


async def test_a_job_reports_from_the_queue_to_its_end_and_is_remembered(
    jobs: Jobs, cache: Cache
) -> None:
    events: list[JobEvent] = []
    stop = jobs.subscribe(events.append)
    work = GatedWork()
    job = jobs.start(work)
    work.gate.set()
    outcome = await job.wait()
    stop()
    assert isinstance(outcome, JobFinished)
    assert outcome.message == "did it"
    kinds = [type(event) for event in events]
    assert kinds == [JobQueued, JobStarted, JobProgress, JobFinished]
    assert {event.job_id for event in events} == {job.id}
    assert job.state == "done"
    assert job.progress == JobProgress(job_id=job.id, stage="working", done=1, total=2)
    (row,) = await cache.read(list_jobs, 10)
    assert (row.id, row.state, row.message) == (job.id, "done", "did it")
    jobs.start(GatedWork(gate=work.gate))
    assert len(events) == 4


async def test_cancelling_stops_the_work_and_says_how_long_that_took(jobs: Jobs) -> None:
    work = GatedWork()
    job = jobs.start(work)
    await work.entered.wait()
    job.cancel()
    outcome = await job.wait()
    assert isinstance(outcome, JobCancelled)
    assert 0 <= outcome.seconds < 1
    assert work.cleaned_up
    assert job.state == "cancelled"
    job.cancel()
    assert await job.wait() == outcome


async def test_a_job_cancelled_at_once_never_starts(jobs: Jobs, cache: Cache) -> None:
    work = GatedWork()
    job = jobs.start(work)
    job.cancel()
    assert isinstance(await job.wait(), JobCancelled)
    assert not work.entered.is_set()
    assert [row.state for row in await cache.read(list_jobs, 1)] == ["cancelled"]


async def test_index_jobs_run_one_after_another_and_others_beside_them(jobs: Jobs) -> None:
    first, second, other = GatedWork(kind=JobKind.INDEX), GatedWork(kind=JobKind.INDEX), GatedWork()
    jobs.start(first)
    waiting = jobs.start(second)
    jobs.start(other)
    await first.entered.wait()
    await other.entered.wait()
    assert not second.entered.is_set()
    assert waiting.state == "queued"
    first.gate.set()
    await second.entered.wait()
    assert waiting.state == "running"


async def test_a_queued_job_can_be_cancelled_without_touching_the_running_one(jobs: Jobs) -> None:
    first, second = GatedWork(kind=JobKind.INDEX), GatedWork(kind=JobKind.INDEX)
    running, queued = jobs.start(first), jobs.start(second)
    await first.entered.wait()
    queued.cancel()
    assert isinstance(await queued.wait(), JobCancelled)
    assert running.is_active
    first.gate.set()
    assert isinstance(await running.wait(), JobFinished)


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (RequestError("no such folder", hint="name one"), "no such folder", "name one"),
        (CacheFullError("disk full", hint="free some"), "disk full", "free some"),
        (ZeroDivisionError("oops"), "ZeroDivisionError: oops", BUG),
    ],
)
async def test_an_error_fails_the_job_with_what_to_do(
    jobs: Jobs, error: Exception, message: str, hint: str
) -> None:
    work = GatedWork(error=error)
    job = jobs.start(work)
    work.gate.set()
    kind = "" if isinstance(error, ZeroDivisionError) else type(error).__name__
    code = 2 if isinstance(error, RequestError) else 3
    assert await job.wait() == JobFailed(
        job_id=job.id, message=message, hint=hint, error=kind, exit_code=code
    )
    assert job.state == "failed"


async def test_two_instances_never_give_out_the_same_id(jobs: Jobs, cache: Cache) -> None:
    others = Jobs(cache)
    await others.recover()
    ids = [jobs.start(GatedWork()).id for _ in range(150)]
    ids += [others.start(GatedWork()).id for _ in range(3)]
    assert len(set(ids)) == len(ids)
    await others.aclose()
    await jobs.aclose()
    assert {row.id for row in await cache.read(list_jobs, 200)} == set(ids)


async def test_cancelling_a_waiter_leaves_the_job_running(jobs: Jobs) -> None:
    work = GatedWork()
    job = jobs.start(work)
    waiter = asyncio.create_task(job.wait())
    await work.entered.wait()
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert job.is_active
    work.gate.set()
    assert isinstance(await job.wait(), JobFinished)


async def test_a_cache_that_cannot_be_written_does_not_stop_a_job(
    tmp_path: Path, cache: Cache
) -> None:
    reader = await Cache.open(tmp_path, read_only=True)
    jobs = Jobs(reader)
    await jobs.recover()
    events: list[JobEvent] = []
    jobs.subscribe(events.append)
    work = GatedWork()
    work.gate.set()
    assert isinstance(await jobs.start(work).wait(), JobFinished)
    assert any(isinstance(event, JobNote) for event in events)
    await reader.aclose()


async def test_a_message_with_a_name_that_is_no_text_is_remembered(
    jobs: Jobs, cache: Cache
) -> None:
    work = GatedWork(error=OSError("caf\udce9.png is odd"))
    work.gate.set()
    assert isinstance(await jobs.start(work).wait(), JobFailed)
    (row,) = await cache.read(list_jobs, 1)
    assert (row.state, row.message) == ("failed", "caf\\udce9.png is odd")


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
async def test_want_of_memory_and_threads_is_no_bug(jobs: Jobs, error: Exception) -> None:
    work = GatedWork(error=error)
    work.gate.set()
    outcome = await jobs.start(work).wait()
    assert isinstance(outcome, JobFailed)
    assert (outcome.error, outcome.exit_code) == ("OutOfMemoryError", 3)
    assert "no more memory, threads or processes" in outcome.message
    assert "ulimit" in outcome.hint


async def test_waiting_jobs_are_moved_and_say_so(jobs: Jobs) -> None:
    events: list[JobEvent] = []
    jobs.subscribe(events.append)
    works = [GatedWork(kind=JobKind.GENERATE) for _ in range(3)]
    first, second, third = (jobs.start(work) for work in works)
    await works[0].entered.wait()
    await in_line(jobs, 2)
    assert jobs.move(third.id, -1)
    assert jobs.waiting(JobKind.GENERATE) == (third.id, second.id)
    assert events[-1] == JobMoved(job_id=third.id, position=1)
    assert not jobs.move(first.id, 1)
    assert not jobs.move(999, 1)
    urgent = jobs.start(GatedWork(kind=JobKind.GENERATE), priority=1)
    await in_line(jobs, 3)
    assert jobs.waiting(JobKind.GENERATE)[0] == urgent.id


async def test_what_the_end_of_the_program_stops_is_remembered_as_lost(
    jobs: Jobs, cache: Cache
) -> None:
    works = [GatedWork(kind=JobKind.GENERATE, request=f"{n}") for n in range(3)]
    running, waiting, cancelled = (jobs.start(work) for work in works)
    cancelled.cancel()
    await cancelled.wait()
    await works[0].entered.wait()
    await jobs.aclose()
    rows = {row.id: (row.state, row.request) for row in await cache.read(list_jobs, 9)}
    assert rows == {
        running.id: ("lost", "0"),
        waiting.id: ("lost", "1"),
        cancelled.id: ("cancelled", "2"),
    }


async def test_jobs_are_found_by_id_and_listed_in_order(jobs: Jobs) -> None:
    first, second = jobs.start(GatedWork()), jobs.start(GatedWork())
    assert jobs.list() == (first, second)
    assert jobs.find(second.id) is second
    assert jobs.find(-1) is None
