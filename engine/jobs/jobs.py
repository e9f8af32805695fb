"""A line of jobs of which one runs at a time: by priority, then by arrival, or as a person says.

Background jobs: one place that starts, queues, cancels and remembers them.

A job's id is known the moment it is started and is the id of its row in the cache: ids come from
a block claimed from the cache by `recover`, so two instances never give out the same one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from cache.errors import CacheError
from cache.jobs import (
    LOST,
    JobRecord,
    add_job,
    claim_ids,
    list_jobs,
    mark_lost,
    release_ids,
    set_job,
)
from cache.store import Cache
from engine.errors import T2IError, shortage
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
from engine.states import JobKind, JobState


@dataclass(slots=True, eq=False)
class _Waiting:
    job_id: int
    priority: int
    turn: asyncio.Future[None]


class JobQueue:
    """Hands out turns on one event loop."""

    def __init__(self) -> None:
        self._line: list[_Waiting] = []
        self._is_taken = False

    @property
    def waiting(self) -> tuple[int, ...]:
        """The ids of the jobs in line, the next one first."""
        return tuple(entry.job_id for entry in self._line)

    @asynccontextmanager
    async def turn(self, job_id: int, priority: int = 0) -> AsyncIterator[None]:
        """Wait for a turn and keep it for the block; a higher `priority` goes first.

        Whoever is cancelled leaves the line.
        """
        if self._is_taken:
            await self._wait(job_id, priority)
        self._is_taken = True
        try:
            yield
        finally:
            self._pass_on()

    def move(self, job_id: int, by: int) -> bool:
        """Move a waiting job towards the front (negative) or the end; whether it moved."""
        ids = self.waiting
        if job_id not in ids:
            return False
        at = ids.index(job_id)
        to = max(0, min(len(ids) - 1, at + by))
        self._line.insert(to, self._line.pop(at))
        return to != at

    async def _wait(self, job_id: int, priority: int) -> None:
        entry = _Waiting(job_id, priority, asyncio.get_running_loop().create_future())
        behind = [index for index, other in enumerate(self._line) if other.priority < priority]
        self._line.insert(behind[0] if behind else len(self._line), entry)
        try:
            await entry.turn
        except asyncio.CancelledError:
            if entry in self._line:
                self._line.remove(entry)
            if not entry.turn.cancelled():
                # The turn had come in the same moment, and is the next one's now.
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give the turn to the next in line; it stays taken, so that nobody slips in between."""
        while self._line:
            entry = self._line.pop(0)
            if not entry.turn.done():
                entry.turn.set_result(None)
                return
        self._is_taken = False


Outcome: TypeAlias = JobFinished | JobFailed | JobCancelled

ONE_AT_A_TIME = frozenset({JobKind.INDEX, JobKind.GENERATE, JobKind.SHEET, JobKind.TRAIN})
"""Kinds of which a second job waits until the first has ended."""

UNREMEMBERED = frozenset({JobKind.MEASURE})
"""Kinds that nobody asked for: they have no row in the cache, and none is run again."""

IDS_CLAIMED = 100

BUG = "This is a bug in t2itui; logs/crash.log in its home folder has the traceback."

logger = logging.getLogger(__name__)


class JobWork(Protocol):
    """What a job does; the engine's parts build these."""

    @property
    def kind(self) -> JobKind: ...

    @property
    def title(self) -> str: ...

    @property
    def request(self) -> str:
        """JSON, enough to start it again."""
        ...

    async def run(self, job_id: int, report: Report) -> str:
        """Do the work and return the closing sentence; a task cancellation stops it."""
        ...


class Job:
    """A handle on one background task of this process."""

    def __init__(self, job_id: int, work: JobWork, priority: int = 0) -> None:
        self.id = job_id
        self.priority = priority
        self.kind = work.kind
        self.title = work.title
        self.request = work.request
        """JSON, enough to start it again."""
        self.state = JobState.QUEUED
        self.progress: JobProgress | None = None
        self._ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[str] | None = None
        self._cancel_asked: float | None = None
        self._is_lost = False
        self._began = time.monotonic()

    @property
    def is_active(self) -> bool:
        """The job is queued or running."""
        return self.state.is_active

    def cancel(self) -> None:
        """Ask the job to stop; `wait` returns once it has. A job that ended is left as it is."""
        if not self.is_active:
            return
        if self._cancel_asked is None:
            self._cancel_asked = time.monotonic()
        if self._task is not None:
            self._task.cancel()

    async def wait(self) -> Outcome:
        """Wait for the end; cancelling the waiter leaves the job running."""
        return await asyncio.shield(self._ended)


class Jobs:
    """Runs jobs on the event loop and tells subscribers what they report.

    Jobs of a kind in ONE_AT_A_TIME queue behind one another, all others run side by side. A job
    that the end of the program stopped is remembered as lost, so that it can be run again.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._jobs: dict[int, Job] = {}
        self._listeners: list[Report] = []
        self._queues = {kind: JobQueue() for kind in ONE_AT_A_TIME}
        self._drivers: set[asyncio.Task[None]] = set()
        self._ids = range(0)

    async def recover(self) -> None:
        """Mark jobs whose process is gone as lost and claim ids; call it once, before `start`."""
        if self._cache.read_only:
            return
        await self._cache.write(mark_lost)
        first = await self._cache.write(claim_ids, IDS_CLAIMED)
        self._ids = range(first, first + IDS_CLAIMED)

    def start(self, work: JobWork, *, priority: int = 0) -> Job:
        """Accept a job; it starts when its turn comes, before others of a lower priority.

        Call it on the event loop.
        """
        job = Job(self._next_id(), work, priority)
        self._jobs[job.id] = job
        self._report(job, JobQueued(job_id=job.id, kind=job.kind, title=job.title))
        driver = asyncio.create_task(self._drive(job, work))
        self._drivers.add(driver)
        driver.add_done_callback(self._drivers.discard)
        return job

    def subscribe(self, listener: Report) -> Callable[[], None]:
        """Send every event of every job to `listener`; the returned function ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def list(self) -> tuple[Job, ...]:
        """All jobs of this process, the first started first."""
        return tuple(self._jobs.values())

    def find(self, job_id: int) -> Job | None:
        """The job of that id, if this process started it."""
        return self._jobs.get(job_id)

    def waiting(self, kind: JobKind) -> tuple[int, ...]:
        """The ids of the jobs that wait for their turn, the next one first."""
        return self._queues[kind].waiting if kind in self._queues else ()

    def turn(
        self, kind: JobKind, job_id: int, priority: int = 0
    ) -> AbstractAsyncContextManager[None]:
        """A turn among the jobs of another kind, for a part of a job's work."""
        return self._queues[kind].turn(job_id, priority)

    def move(self, job_id: int, by: int) -> bool:
        """Move a waiting job up (negative) or down its queue; whether it moved."""
        job = self._jobs.get(job_id)
        if job is None or job.kind not in self._queues:
            return False
        queue = self._queues[job.kind]
        moved = queue.move(job_id, by)
        if moved:
            position = queue.waiting.index(job_id) + 1
            self._report(job, JobMoved(job_id=job_id, position=position))
        return moved

    async def remembered(self, limit: int = 200) -> Sequence[JobRecord]:
        """The jobs of all sessions that the cache knows, the newest first."""
        return await self._cache.read(list_jobs, limit)

    async def ended(self) -> None:
        """Wait until no job waits or works."""
        while self._drivers:
            await asyncio.wait(self._drivers)

    async def aclose(self) -> None:
        """Cancel what runs and wait until it has stopped and is written down."""
        for job in self._jobs.values():
            job._is_lost = job._cancel_asked is None
            job.cancel()
        if self._drivers:
            await asyncio.wait(self._drivers)
        if self._ids:
            unused, self._ids = self._ids, range(0)
            with suppress(CacheError):
                await self._cache.write(release_ids, unused[0], unused[-1])

    def _next_id(self) -> int:
        if not self._ids:
            # Nothing claimed (a read-only cache, say): microseconds never meet the small ids.
            return max(time.time_ns() // 1000, max(self._jobs, default=0) + 1)
        job_id, self._ids = self._ids[0], self._ids[1:]
        return job_id

    def _report(self, job: Job, event: JobEvent) -> None:
        if isinstance(event, JobProgress):
            job.progress = event
        for listener in tuple(self._listeners):
            listener(event)

    async def _drive(self, job: Job, work: JobWork) -> None:
        """See a job from its row in the cache to its outcome."""
        await self._remember(job, add_job, job.kind, job.title, work.request, job_id=job.id)
        job._task = asyncio.create_task(self._take_turn(job, work))
        if job._cancel_asked is not None:
            job._task.cancel()
        await asyncio.wait([job._task])
        outcome = _outcome(job, job._task)
        job.state = _STATES[type(outcome)]
        self._report(job, outcome)
        try:
            if job._is_lost and isinstance(outcome, JobCancelled):
                await self._remember(job, set_job, job.id, JobState.LOST, LOST)
            else:
                await self._remember(job, set_job, job.id, job.state, outcome.message)
        finally:
            job._ended.set_result(outcome)

    async def _take_turn(self, job: Job, work: JobWork) -> str:
        queue = self._queues.get(job.kind) or JobQueue()
        async with queue.turn(job.id, job.priority):
            job.state, job._began = JobState.RUNNING, time.monotonic()
            self._report(job, JobStarted(job_id=job.id))
            await self._remember(job, set_job, job.id, job.state, "")
            return await work.run(job.id, lambda event: self._report(job, event))

    async def _remember(
        self, job: Job, write: Callable[..., object], *args: object, **kw: object
    ) -> None:
        """Write to the job's row; a cache that cannot be written does not stop the job."""
        if job.kind in UNREMEMBERED:
            return
        # Messages may name files, and not every file name can be stored.
        storable = [_storable(arg) if isinstance(arg, str) else arg for arg in args]
        try:
            await self._cache.write(write, *storable, **kw)
        except CacheError as error:
            note = f"the cache does not remember this job: {error.message}"
            self._report(job, JobNote(job_id=job.id, message=note))


_STATES = {
    JobFinished: JobState.DONE,
    JobFailed: JobState.FAILED,
    JobCancelled: JobState.CANCELLED,
}


def _storable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _outcome(job: Job, task: asyncio.Task[str]) -> Outcome:
    now = time.monotonic()
    if task.cancelled():
        asked = job._cancel_asked if job._cancel_asked is not None else now
        message = "Stopped; what was done so far is kept."
        return JobCancelled(job_id=job.id, message=message, seconds=now - asked)
    failed = task.exception()
    match (failed and shortage(failed)) or failed:
        case None:
            return JobFinished(job_id=job.id, message=task.result(), seconds=now - job._began)
        case T2IError() as error:
            return JobFailed(
                job_id=job.id,
                message=error.message,
                hint=error.hint,
                error=type(error).__name__,
                exit_code=error.exit_code,
            )
        case OSError() as error:
            return JobFailed(job_id=job.id, message=str(error))
        case error:
            logger.error("job %d (%s) failed", job.id, job.kind, exc_info=error)
            message = f"{type(error).__name__}: {error}"
            return JobFailed(job_id=job.id, message=message, hint=BUG)
