"""An engine without cache or models for the screens about library, history and jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.pilot import Pilot
from textual.screen import Screen

from engine.events import JobCancelled, JobEvent, JobFinished, JobQueued, JobStarted
from engine.requests import AttachRequest, ImportRequest, IndexRequest
from engine.results import (
    AttachedRecord,
    EncoderRecord,
    FailureRecord,
    FolderRecord,
    JobRecord,
    LibraryCounts,
    ModelStatus,
    Receipt,
    ResultRow,
    SearchResult,
)
from engine.settings import EngineSettings
from engine.states import JobKind, JobState
from t2itui.app import JobReported
from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.screens.common.base import AppScreen
from t2itui.screens.jobs.controller import JobsController
from t2itui.screens.jobs.screen import JobsScreen
from t2itui.screens.jobs.strip import JobsStrip
from t2itui.session import Intent, Notice, Session, ShowJobs
from t2itui.status import Status

if TYPE_CHECKING:
    from engine.engine import Engine


class FakeJob:
    """A job that does what the test tells it to."""

    def __init__(self, job_id: int, kind: JobKind, title: str, request: str = "") -> None:
        self.id = job_id
        self.request = request
        self.kind = kind
        self.title = title
        self.state = JobState.RUNNING
        self.progress = None
        self.cancels = 0

    @property
    def is_active(self) -> bool:
        return self.state.is_active

    def cancel(self) -> None:
        self.cancels += 1


@dataclass
class FakeJobs:
    """Starts jobs that report only what `tell` is given."""

    asked: int = 0
    earlier: list[JobRecord] = field(default_factory=list)
    jobs: dict[int, FakeJob] = field(default_factory=dict)
    listeners: list[Callable[[JobEvent], None]] = field(default_factory=list)

    def begin(self, kind: JobKind, title: str, request: str = "") -> FakeJob:
        job = FakeJob(len(self.jobs) + 1, kind, title, request)
        self.jobs[job.id] = job
        self.tell(JobQueued(job_id=job.id, kind=kind, title=title))
        self.tell(JobStarted(job_id=job.id))
        return job

    def tell(self, event: JobEvent) -> None:
        if isinstance(event, JobFinished):
            self.jobs[event.job_id].state = JobState.DONE
        if isinstance(event, JobCancelled):
            self.jobs[event.job_id].state = JobState.CANCELLED
        for listener in self.listeners:
            listener(event)

    def subscribe(self, listener: Callable[[JobEvent], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def list(self) -> tuple[FakeJob, ...]:
        return tuple(self.jobs.values())

    def find(self, job_id: int) -> FakeJob | None:
        return self.jobs.get(job_id)

    async def remembered(self, limit: int = 200) -> Sequence[JobRecord]:
        self.asked += 1
        return self.earlier[:limit]


class HostApp(App[None]):
    """The smallest app that can hold a screen, or the jobs strip alone."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "cancel_job", "Cancel job", show=False),
        Binding("j", "jobs", "Jobs", show=False),
    ]

    def __init__(
        self, engine: FakeEngine, screen: Callable[[Session], AppScreen] | None = None
    ) -> None:
        super().__init__()
        self.fake = engine
        self.graphics = Graphics(protocol=GraphicsProtocol.HALF_CELLS, reason="a test")
        self.session = Session(graphics=self.graphics)
        self.session.show_status(Status())
        self.jobs = JobsController(self.session)
        self.first_screen = screen
        self.sent: list[Intent] = []
        """What screens asked for."""
        self.session.intents.subscribe(self.note_intent)
        self.session.notices.subscribe(self.show_notice)

    def compose(self) -> ComposeResult:
        yield JobsStrip(self.session.board)

    async def on_mount(self) -> None:
        if self.first_screen is not None:
            await self.push_screen(self.first_screen(self.session))
        self.fake.jobs.subscribe(self.pass_on)
        engine = cast("Engine", self.fake)
        self.session.open(engine)
        await self.jobs.report_lost(engine)

    def pass_on(self, event: JobEvent) -> None:
        self.post_message(JobReported(event))

    @on(JobReported)
    def take_event(self, message: JobReported) -> None:
        self.session.take_event(message.event)

    def note_intent(self, intent: Intent) -> None:
        self.sent.append(intent)
        if isinstance(intent, ShowJobs):
            self.action_jobs()

    def show_notice(self, notice: Notice) -> None:
        self.notify(notice.message, title=notice.title, severity=notice.severity, markup=False)

    def action_jobs(self) -> None:
        if not isinstance(self.screen, JobsScreen):
            self.push_screen(JobsScreen(self.session))

    def action_cancel_job(self, job_id: int | None = None) -> None:
        self.jobs.cancel(job_id)

    def action_dismiss_job(self, job_id: int | None = None) -> None:
        self.jobs.dismiss(job_id)


Shown = TypeVar("Shown", bound=Screen[None])


async def settled(pilot: Pilot[None], kind: type[Shown], rounds: int = 3) -> Shown:
    """Wait until the screen in front has read its list, and what the cursor is on."""
    for _ in range(rounds):
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, kind)
    return screen


@dataclass
class FakeLibrary:
    """Says what the test wrote into it."""

    all_folders: list[FolderRecord] = field(default_factory=list)
    all_failures: list[FailureRecord] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    all_encoders: list[EncoderRecord] = field(default_factory=list)
    forgotten: list[Path] = field(default_factory=list)
    pictures: dict[int, bytes] = field(default_factory=dict)

    async def counts(self) -> LibraryCounts:
        pictures = sum(folder.pictures for folder in self.all_folders)
        return LibraryCounts(
            pictures=pictures,
            present=pictures - len(self.gone),
            vanished=len(self.gone),
            partial=2 if pictures else 0,
            synthetic=0,
            failures=len(self.all_failures),
            embedded={encoder.id: pictures for encoder in self.all_encoders},
            bytes_on_disk=25_400_000,
        )

    async def folders(self) -> list[FolderRecord]:
        return self.all_folders

    async def failures(self, root: Path | None = None) -> list[FailureRecord]:
        return self.all_failures

    async def missing_files(self) -> list[str]:
        return self.gone

    async def encoders(self) -> list[EncoderRecord]:
        return self.all_encoders

    async def forget(self, folder: Path) -> int:
        self.forgotten.append(folder)
        kept = [record for record in self.all_folders if record.path != str(folder)]
        removed = sum(record.pictures for record in self.all_folders) - sum(
            record.pictures for record in kept
        )
        self.all_folders = kept
        return removed

    async def thumbnails(self, ids: Iterable[int]) -> dict[int, bytes]:
        return {
            picture_id: self.pictures[picture_id]
            for picture_id in ids
            if picture_id in self.pictures
        }


@dataclass
class FakeAttachments:
    """Folders of shards that the test wrote into it."""

    all_folders: list[AttachedRecord] = field(default_factory=list)

    async def folders(self) -> list[AttachedRecord]:
        return self.all_folders

    def holds_shards(self, folder: Path) -> bool:
        return str(folder) in [record.folder for record in self.all_folders]

    async def detach(self, folder: Path) -> int:
        gone = next(record for record in self.all_folders if record.folder == str(folder))
        self.all_folders.remove(gone)
        return gone.pictures


@dataclass
class FakeHistory:
    """Holds the receipts a test made."""

    receipts: list[Receipt] = field(default_factory=list)
    rows: tuple[ResultRow, ...] = ()

    async def entries(self, limit: int, offset: int, containing: str = "") -> list[Receipt]:
        found = [receipt for receipt in self.receipts if containing in receipt.query]
        return found[offset : offset + limit]

    async def replay(self, receipt_id: str, *, note_use: bool = True) -> SearchResult:
        receipt = next(receipt for receipt in self.receipts if receipt.id == receipt_id)
        return SearchResult(receipt=receipt, rows=self.rows, cached=True, seconds=0.001)

    async def forget(self, ids: Sequence[str]) -> None:
        self.receipts = [receipt for receipt in self.receipts if receipt.id not in ids]


@dataclass
class FakeEngine:
    """The parts of an engine that these screens talk to."""

    library: FakeLibrary = field(default_factory=FakeLibrary)
    attachments: FakeAttachments = field(default_factory=FakeAttachments)
    history: FakeHistory = field(default_factory=FakeHistory)
    jobs: FakeJobs = field(default_factory=FakeJobs)
    all_models: list[ModelStatus] = field(default_factory=list)
    settings: EngineSettings = field(default_factory=lambda: EngineSettings(home=Path("/nowhere")))
    indexed: list[IndexRequest] = field(default_factory=list)
    attached: list[AttachRequest] = field(default_factory=list)
    imported: list[ImportRequest] = field(default_factory=list)
    downloaded: list[str] = field(default_factory=list)

    async def models(self) -> list[ModelStatus]:
        return self.all_models

    def start(self, request: IndexRequest | AttachRequest) -> FakeJob:
        if isinstance(request, IndexRequest):
            return self.index(request)
        self.attached.append(request)
        return self.jobs.begin(JobKind.ATTACH, f"attach {request.folder}")

    def index(self, request: IndexRequest) -> FakeJob:
        self.indexed.append(request)
        return self.jobs.begin(JobKind.INDEX, f"index {request.folders[0]}")

    def import_vectors(self, request: ImportRequest) -> FakeJob:
        self.imported.append(request)
        return self.jobs.begin(JobKind.IMPORT, f"import vectors of {request.encoder_id}")

    def download(self, model_id: str) -> FakeJob:
        self.downloaded.append(model_id)
        return self.jobs.begin(JobKind.DOWNLOAD, f"download {model_id}")
