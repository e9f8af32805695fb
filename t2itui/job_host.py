"""The part of the app that follows jobs: the board, the strip's keys and the jobs screen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.reactive import var

from engine.errors import CacheError
from engine.states import JobState
from t2itui.messages import EngineReady, JobReported
from t2itui.screens.jobs.board import JobBoard
from t2itui.text.plain import plain

if TYPE_CHECKING:
    from textual.signal import Signal

    from engine.engine import Engine
    from engine.events import JobEvent

LOST_SHOWN_S = 12.0


class JobHost(App[None]):
    """An app whose jobs are shown, cancelled and dismissed in the same way on every screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "x",
            "cancel_job",
            "Cancel job",
            id="app.cancel_job",
            tooltip="Cancel the running job, or take its outcome out of sight",
            show=False,
        ),
        Binding(
            "j",
            "jobs",
            "Jobs",
            id="app.jobs",
            tooltip="Show the jobs of this and earlier sessions",
            show=False,
        ),
    ]

    engine: var[Engine | None] = var["Engine | None"](None, init=False)
    """The open engine; None until EngineReady."""
    job_events: Signal[JobEvent]
    """Every event of every job; the app publishes them."""

    def __init__(self) -> None:
        super().__init__()
        self.job_board = JobBoard(time.monotonic)
        """What is known of this session's jobs."""

    @on(EngineReady)
    def take_jobs_over(self, message: EngineReady) -> None:
        for job in message.engine.jobs.list():
            self.job_board.take_over(job)
        self.tell_of_lost_job(message.engine)

    @work(group="lost")
    async def tell_of_lost_job(self, engine: Engine) -> None:
        """Say so where the last job of the session before was cut off."""
        try:
            last = await engine.jobs.remembered(1)
        except CacheError as error:
            self.log.warning(f"jobs not read: {error.message}")
            return
        if last and last[0].state == JobState.LOST:
            self.notify(
                "It did not finish before the program ended. j shows it; r there runs it again, and"
                " d asks no more about a painting.",
                title=plain(last[0].title),
                severity="warning",
                timeout=LOST_SHOWN_S,
                markup=False,
            )

    @on(JobReported)
    def keep_on_board(self, message: JobReported) -> None:
        self.job_board.apply(message.event)

    def action_cancel_job(self, job_id: int | None = None) -> None:
        """Cancel a job; without an id the one that runs, or, where several run, ask which."""
        active = self.job_board.active
        if job_id is None and len(active) > 1:
            self.action_jobs()
        elif job_id is None and not active:
            self.action_dismiss_job()
        else:
            self._cancel(active[0].job_id if job_id is None else job_id)

    def _cancel(self, job_id: int) -> None:
        job = self.engine.jobs.find(job_id) if self.engine is not None else None
        if job is not None and job.is_active:
            self.job_board.cancelling(job_id)
            job.cancel()

    def action_dismiss_job(self, job_id: int | None = None) -> None:
        """Take an outcome, or all of them, out of sight."""
        for view in self.job_board.in_sight():
            if job_id in (None, view.job_id):
                self.job_board.dismiss(view.job_id)

    def action_jobs(self) -> None:
        """Show all jobs."""
        from t2itui.screens.jobs.screen import JobsScreen

        if not isinstance(self.screen, JobsScreen):
            self.push_screen(JobsScreen())
