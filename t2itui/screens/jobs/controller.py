"""Cancels and dismisses jobs, and says what became of one that was cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import CacheError
from engine.states import JobState
from t2itui.session import PROBLEM_SHOWN_S, CancelJob, Session, ShowJobs

if TYPE_CHECKING:
    from engine.engine import Engine
    from t2itui.session import Intent

CUT_OFF = (
    "It did not finish before the program ended. j shows it; r there runs it again, and d asks no"
    " more about a painting."
)
GOES_ON = "It runs in another instance of the program, or in the background. j shows it."


class JobsController:
    """Does to the jobs of a session what a person asks on any screen."""

    def __init__(self, session: Session) -> None:
        self._session = session
        session.intents.subscribe(self._fulfil)

    def _fulfil(self, intent: Intent) -> None:
        match intent:
            case CancelJob(job_id):
                self._cancel(job_id)
            case _:
                pass

    def cancel(self, job_id: int | None = None) -> None:
        """Cancel a job; without an id the one at work, and where several are, ask which.

        Where none works, the outcomes are taken out of sight instead.
        """
        active = self._session.board.active
        if job_id is not None:
            self._cancel(job_id)
        elif len(active) > 1:
            self._session.send(ShowJobs())
        elif active:
            self._cancel(active[0].job_id)
        else:
            self.dismiss()

    def _cancel(self, job_id: int) -> None:
        engine = self._session.engine
        job = engine.jobs.find(job_id) if engine is not None else None
        if job is not None and job.is_active:
            self._session.board.cancelling(job_id)
            job.cancel()

    def dismiss(self, job_id: int | None = None) -> None:
        """Take an outcome, or all of them, out of sight."""
        for view in self._session.board.in_sight():
            if job_id in (None, view.job_id):
                self._session.board.dismiss(view.job_id)

    async def report_lost(self, engine: Engine) -> None:
        """Say so where the last job of the session before was cut off, or goes on without one."""
        try:
            last = await engine.jobs.remembered(1)
        except CacheError:
            return  # The first search, or the list of jobs, says what is wrong.
        if last and last[0].state == JobState.LOST:
            self._session.notify(
                CUT_OFF, title=last[0].title, severity="warning", seconds=PROBLEM_SHOWN_S
            )
        elif last and JobState(last[0].state).is_active:
            self._session.notify(GOES_ON, title=last[0].title, seconds=PROBLEM_SHOWN_S)
