"""The jobs of this and earlier sessions in one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.errors import CacheError, RequestError
from engine.generation.request import GenerationSpec
from engine.jobs.codec import JobRequest, job_request
from engine.sheets.request import SheetRequest
from engine.states import JobState
from t2itui.keys import bindings
from t2itui.screens.common.base import HEIGHTS, AppScreen, BindingWatch, leave
from t2itui.screens.jobs.board import JobView
from t2itui.screens.jobs.line import MARKS, figures
from t2itui.session import CancelJob, OpenSheet, RepeatGeneration, WatchJob
from t2itui.text.plain import plain
from t2itui.text.shell_commands import job_command
from t2itui.text.words import when_words
from t2itui.widgets.rows import Column, Row, RowList

if TYPE_CHECKING:
    from engine.results import JobRecord
    from t2itui.session import Session


COLUMNS = (
    Column(title="job", width=5, right=True, priority=2),
    Column(title="state", width=12),
    Column(title="what", width=18, share=1),
    Column(title="how far, or how it ended", width=24, share=2),
    Column(title="began", width=16, priority=1),
)

TONES = {
    JobState.DONE: "good",
    JobState.FAILED: "bad",
    JobState.CANCELLED: "warning",
    JobState.LOST: "warning",
}
WAITS = "Waits until the jobs before it have ended."
ELSEWHERE = "Runs in another instance, or in the background: process {pid}; kill {pid} ends it."
LOST = "Not finished: the program ended before. Run it again?"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob:
    """A job as the board and the cache know it together."""

    job_id: int
    title: str
    state: JobState
    is_elsewhere: bool = False
    """Another instance of the program runs it."""
    said: str
    """How far it is, or how it ended."""
    hint: str
    warnings: tuple[str, ...]
    """Known for jobs of this session only."""
    began_at: float
    """Unix time; 0 where the cache does not know the job."""
    request: JobRequest | None
    """What to start again; None where that cannot be done."""

    @property
    def is_active(self) -> bool:
        """The job waits or works in this session."""
        return self.state.is_active and not self.is_elsewhere

    @property
    def state_word(self) -> str:
        """Its state, for people."""
        return "elsewhere" if self.is_elsewhere else self.state

    @property
    def can_run_again(self) -> bool:
        """The job is over, here and elsewhere, and what it did is known."""
        return self.request is not None and not self.state.is_active


def listed_jobs(views: Sequence[JobView], records: Sequence[JobRecord]) -> list[ListedJob]:
    """Return all jobs, active ones first, then the newest first."""
    by_id = {record.id: record for record in records}
    jobs = [_from_view(view, by_id.pop(view.job_id, None)) for view in views]
    jobs += [_from_record(record) for record in by_id.values()]
    return sorted(jobs, key=lambda job: (not job.is_active, -job.job_id))


def _from_view(view: JobView, record: JobRecord | None) -> ListedJob:
    said = WAITS if view.state is JobState.QUEUED else view.message
    if view.is_active and view.progress is not None:
        said = ", ".join(part.text for part in figures(view.progress))
    return ListedJob(
        job_id=view.job_id,
        title=view.title,
        state=view.state,
        said=said or (record.message if record is not None else ""),
        hint=view.hint,
        warnings=view.warnings,
        began_at=record.created_at if record is not None else 0.0,
        request=_request(record) if record is not None else None,
    )


def _from_record(record: JobRecord) -> ListedJob:
    state, said = JobState(record.state), record.message
    if state is JobState.LOST:
        said = LOST
    elif state.is_active:
        said = ELSEWHERE.format(pid=record.pid)
    return ListedJob(
        job_id=record.id,
        title=record.title,
        state=state,
        is_elsewhere=state.is_active,
        said=said,
        hint="",
        warnings=(),
        began_at=record.created_at,
        request=_request(record),
    )


def _request(record: JobRecord) -> JobRequest | None:
    """What a remembered job was asked; None where that cannot be understood any more."""
    try:
        return job_request(record.kind, record.request)
    except RequestError:
        return None


def job_row(job: ListedJob) -> Row:
    """Return the row of a job."""
    mark = "·" if job.is_elsewhere else MARKS[job.state]
    return Row(
        key=str(job.job_id),
        cells=(
            str(job.job_id),
            f"{mark} {job.state_word}",
            job.title,
            job.said,
            when_words(job.began_at),
        ),
        tone=TONES.get(job.state, ""),
    )


REMEMBERED = 500
"""Jobs of earlier sessions listed at most."""

STYLES = {"good": "$text-success", "bad": "$text-error", "warning": "$text-warning"}


class JobsScreen(AppScreen):
    """Lies over the screen it was called from; Escape goes back there."""

    MODE = "jobs"
    VERTICAL_BREAKPOINTS = HEIGHTS
    DEFAULT_CSS = """
    JobsScreen {
        & #heading { height: 1; padding: 0 1; text-style: bold; }
        & RowList { height: 1fr; }
        &.-short #story { display: none; }
        & #story {
            height: 7;
            padding: 0 1;
            border-top: solid $panel;
            scrollbar-size-vertical: 1;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("jobs")

    listing = getters.query_one(RowList)
    story = getters.query_one("#story > Static", Static)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._watched = BindingWatch(
            self, ("cancel", "again", "another", "drop", "copy_command", "move")
        )
        self.jobs: dict[str, ListedJob] = {}
        self._records: Sequence[JobRecord] = ()
        self._missed: set[int] = set()
        """Jobs whose rows were asked for: a full or read-only cache never has them."""
        self._started = ""
        """Key of the job that was started here and has not been listed yet."""

    def compose_body(self) -> ComposeResult:
        yield Static("Jobs of this and earlier sessions", id="heading")
        yield RowList(COLUMNS, empty="No job yet: indexing, painting, imports and downloads.")
        with VerticalScroll(id="story", can_focus=False):
            yield Static()

    def on_mount(self) -> None:
        self.until_unmount(self.session.board.subscribe(self.show))
        self.until_unmount(self.session.when_open(self.take_engine))
        self.listing.focus()

    def take_engine(self) -> None:
        """Read as soon as the engine is open."""
        self.load()

    @work(exclusive=True, group="jobs")
    async def load(self) -> None:
        """Read what the cache remembers beside the screen."""
        if self.session.engine is None:
            return
        try:
            records = await self.session.engine.jobs.remembered(REMEMBERED)
        except CacheError as error:
            self.notify(plain(error.message), title="Jobs", severity="error", markup=False)
        else:
            self.call_later(self.take_records, records)

    def take_records(self, records: Sequence[JobRecord]) -> None:
        self._records = records
        self.show()

    def show(self) -> None:
        """List the board's jobs and the remembered ones."""
        views = self.session.board.views
        unknown = {view.job_id for view in views} - {record.id for record in self._records}
        if unknown - self._missed and self._records:
            self._missed |= unknown
            self.load()
        jobs = listed_jobs(views, self._records)
        self.jobs = {str(job.job_id): job for job in jobs}
        self.listing.show([job_row(job) for job in jobs])
        if self._started in self.jobs:
            self.listing.select(self._started)
            self._started = ""

    @property
    def current(self) -> ListedJob | None:
        """The job under the cursor."""
        row = self.listing.current
        return self.jobs.get(row.key) if row is not None else None

    @on(RowList.Highlighted)
    def show_story(self) -> None:
        """Say in full how the job under the cursor went."""
        self.story.update(story(self.current) if self.current is not None else "")
        self._watched.follow()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done with the job under the cursor."""
        if not self.is_mounted:
            return True
        job = self.current
        match action:
            case "cancel":
                return job is not None and job.is_active
            case "again":
                return job is not None and job.can_run_again
            case "another":
                return (
                    job is not None
                    and job.can_run_again
                    and isinstance(job.request, GenerationSpec)
                )
            case "drop":
                return (
                    job is not None
                    and job.state is JobState.LOST
                    and isinstance(job.request, GenerationSpec)
                )
            case "move":
                return job is not None and job.is_active and job.state is JobState.QUEUED
            case "copy_command":
                return job is not None and job.request is not None
        return True

    def action_leave(self) -> None:
        """Go back."""
        leave(self)

    def action_cancel(self) -> None:
        """Cancel the job under the cursor."""
        if self.current is not None:
            self.session.send(CancelJob(self.current.job_id))

    @on(RowList.Chosen)
    def choose(self) -> None:
        """Show a painting job large, or a sheet; start another job again, if it is over."""
        job = self.current
        if job is not None and isinstance(job.request, SheetRequest):
            self.action_leave()
            self.session.send(OpenSheet(job.request))
            return
        if job is not None and isinstance(job.request, GenerationSpec):
            self.session.send(WatchJob(job.job_id))
        else:
            self.action_again()

    def action_move(self, by: int) -> None:
        """Move the waiting job under the cursor in its queue."""
        if self.current is not None and self.session.engine is not None:
            self.session.engine.jobs.move(self.current.job_id, by)

    @work(group="dismiss")
    async def action_drop(self) -> None:
        """Ask no more whether to run an unfinished painting again."""
        job, engine = self.current, self.session.engine
        if job is not None and engine is not None:
            await engine.generation.dismiss([job.job_id])
            self.load()

    def action_again(self) -> None:
        """Start the job under the cursor again, if it is over."""
        job, engine = self.current, self.session.engine
        if job is not None and job.can_run_again and isinstance(job.request, GenerationSpec):
            self.session.send(RepeatGeneration(job.job_id))
        elif job is not None and engine is not None and job.request and job.can_run_again:
            self._started = str(engine.start(job.request).id)

    def action_another(self) -> None:
        """Paint what the job under the cursor painted with another seed."""
        if self.current is not None:
            self.session.send(RepeatGeneration(self.current.job_id, new_seed=True))

    def action_copy_command(self) -> None:
        """Put the command on the clipboard that does the same."""
        if self.current is not None and self.current.request is not None:
            command = job_command(self.session.home, self.current.request)
            self.copy(command)


def story(job: ListedJob) -> Content:
    """Return what is known of a job, a line for each thing."""
    tone = STYLES.get(TONES.get(job.state, ""), "$foreground")
    lines = [
        Content.assemble((job.state_word, f"bold {tone}"), f"  {plain(job.title)}"),
        Content(plain(job.said)),
        Content(plain(job.hint)),
        *(Content.styled(f"· {plain(note)}", "$foreground-muted") for note in job.warnings),
    ]
    return Content("\n").join([line for line in lines if line.plain])
