"""Tells how far an index run is, often enough for a person and no more."""

import time
from collections import deque
from collections.abc import Callable

from engine.events import JobProgress, Report
from engine.states import Unit

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
