"""How far a job is: reported often enough for a person and no more, and from threads too."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import IO, TypeVar

from engine.events import JobNote, JobProgress, Report
from engine.states import Unit

T = TypeVar("T")


class Warnings:
    """Says what a person should know of a job: what is true of every picture of it, once."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, warnings: Iterable[str], job_id: int, report: Report) -> None:
        """Report those that were not told yet."""
        for warning in warnings:
            if warning not in self._told:
                self._told.add(warning)
                report(JobNote(job_id=job_id, message=warning))


class StoppedError(Exception):
    """The person no longer wants what the thread is doing."""


class ThreadProgress:
    """What a working thread touches at every step; made on the event loop."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()
        self._done = 0

    def advance(self, count: int) -> None:
        """Count work done, on the thread; raises StoppedError once the job was cancelled."""
        if self._stopped.is_set():
            raise StoppedError
        self._done += count
        self._loop.call_soon_threadsafe(self._pass_on)

    def stop(self) -> None:
        """Let the thread end at its next step, and tell nothing any more."""
        self._stopped.set()

    def file(self, file: IO[bytes]) -> "CountingFile":
        """A file that counts the bytes written to it."""
        return CountingFile(file, self)

    def _pass_on(self) -> None:
        if not self._stopped.is_set():
            self._report(self._done)


class CountingFile:
    """As much of a file as numpy needs to write an array."""

    def __init__(self, file: IO[bytes], pulse: ThreadProgress) -> None:
        self._file = file
        self._pulse = pulse

    def write(self, data: bytes) -> int:
        self._pulse.advance(len(data))
        return self._file.write(data)


async def on_thread(call: Callable[[], T], pulse: ThreadProgress, *, wait: bool = False) -> T:
    """Run work on a thread; a cancelled caller stops it, and with `wait` sees it end first."""
    working = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        if wait:
            pulse.stop()
            await asyncio.wait([working])
        working.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise
    finally:
        pulse.stop()


INTERVAL_S = 0.1
_WINDOW_S = 10.0

Clock = Callable[[], float]


class ProgressReporter:
    """Reports JobProgress at most ten times a second, and at each change of stage."""

    def __init__(self, job_id: int, report: Report, clock: Clock = time.monotonic) -> None:
        self._job_id = job_id
        self._report = report
        self._clock = clock
        self._stage = ""
        self._reported = 0.0
        self._marks: deque[tuple[float, int]] = deque()

    def report(
        self, stage: str, done: int, total: int = 0, *, unit: Unit = Unit.NONE, detail: str = ""
    ) -> None:
        """Report, unless the last report is too fresh; the last step is always reported."""
        now = self._clock()
        if stage != self._stage:
            self._stage = stage
            self._marks.clear()
            self._marks.append((now, done))
        elif now - self._reported < INTERVAL_S and (done < total or not total):
            return
        self._reported = now
        rate = self._rate(now, done)
        eta_s = (total - done) / rate if rate and total else None
        self._report(
            JobProgress(
                job_id=self._job_id,
                stage=stage,
                done=done,
                total=total,
                unit=unit,
                rate=rate,
                eta_s=eta_s,
                detail=detail,
            )
        )

    def _rate(self, now: float, done: int) -> float:
        """Units a second over the last _WINDOW_S seconds."""
        if now > self._marks[-1][0]:
            self._marks.append((now, done))
        while len(self._marks) > 2 and self._marks[1][0] <= now - _WINDOW_S:
            self._marks.popleft()
        began, first = self._marks[0]
        return (done - first) / (now - began) if now > began else 0.0
