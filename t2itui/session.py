"""The state that the app and its screens share, and what they ask of each other.

Nothing here knows Textual. A screen says what it wants with an intent; the app, which holds the
screens, and its controllers do it. So no screen knows another, and none knows the app.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeAlias, TypeVar

from t2itui.screens.jobs.board import JobBoard
from t2itui.settings import AppSettings, save
from t2itui.status import Status

if TYPE_CHECKING:
    from pathlib import Path

    from engine.engine import Engine
    from engine.errors import T2IError
    from engine.events import JobEvent
    from engine.generation.request import GenerateRequest
    from engine.sheets.request import SheetRequest
    from t2itui.graphics.detection import Graphics

PROBLEM_SHOWN_S = 12.0
"""A notice that says what to do stays so long."""

Value = TypeVar("Value")
Unsubscribe: TypeAlias = Callable[[], None]
Work: TypeAlias = Callable[[], Coroutine[None, None, None]]
"""What a controller waits for."""


# What one screen asks of another, or of the app


@dataclass(frozen=True, slots=True)
class OpenSearch:
    """Show the answer to a query on the Search screen."""

    query: str


@dataclass(frozen=True, slots=True)
class ReplayReceipt:
    """Show the answer of a stored receipt on the Search screen."""

    receipt_id: str


@dataclass(frozen=True, slots=True)
class ComparePictures:
    """Compare pictures with texts on the Compare screen."""

    pictures: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenSheet:
    """Show a sheet of prompts, as far as it is painted, on the Sheets screen."""

    request: SheetRequest


@dataclass(frozen=True, slots=True)
class ShowJobs:
    """Show the jobs of this and earlier sessions."""


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Cancel a job, if it waits or works."""

    job_id: int


@dataclass(frozen=True, slots=True)
class WatchJob:
    """Show a generation job large."""

    job_id: int


@dataclass(frozen=True, slots=True)
class EditRequest:
    """Put a request into the form that asks what to generate."""

    request: GenerateRequest
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EditRecipe:
    """Put the recipe of a generated picture into that form."""

    picture_id: int


@dataclass(frozen=True, slots=True)
class StartGeneration:
    """Generate pictures, and show the job."""

    request: GenerateRequest
    library: str | None = None
    """Whose pictures the new ones join; None leaves it to the engine."""


@dataclass(frozen=True, slots=True)
class RepeatGeneration:
    """Run a generation job of any session again, and show the new job."""

    job_id: int
    new_seed: bool = False


@dataclass(frozen=True, slots=True)
class AskForFolder:
    """Ask for a folder of pictures, and index it."""


@dataclass(frozen=True, slots=True)
class AskForVectors:
    """Ask for vectors made elsewhere, and import them."""


@dataclass(frozen=True, slots=True)
class OpenEngine:
    """Open the engine once more, where that failed before."""


@dataclass(frozen=True, slots=True)
class RefreshStatus:
    """Read the figures of the top line anew."""


ShowScreen: TypeAlias = OpenSearch | ReplayReceipt | ComparePictures | OpenSheet
"""Intents that a screen fulfils once the app has brought it to the front."""
Intent: TypeAlias = (
    ShowScreen
    | ShowJobs
    | CancelJob
    | WatchJob
    | EditRequest
    | EditRecipe
    | StartGeneration
    | RepeatGeneration
    | AskForFolder
    | AskForVectors
    | OpenEngine
    | RefreshStatus
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A few words for the corner of the screen."""

    message: str
    title: str = ""
    severity: Literal["information", "warning", "error"] = "information"
    seconds: float | None = None
    """How long it stays; None for as long as notices usually do."""


class Listeners(Generic[Value]):
    """Calls everyone who subscribed with every value that is published."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Value], object]] = []

    def subscribe(self, listener: Callable[[Value], object]) -> Unsubscribe:
        """Call `listener` from now on; the returned function ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def publish(self, value: Value) -> None:
        """Tell everyone; what some of them raise comes after the others heard of it."""
        errors = []
        for listener in tuple(self._listeners):
            try:
                listener(value)
            except Exception as error:  # noqa: BLE001 - raised below
                errors.append(error)
        if errors:
            raise errors[0]


class Stoppable(Protocol):
    """A timer."""

    def stop(self) -> None:
        """Do not call any more."""


class TaskHost(Protocol):
    """Runs what a controller must wait for beside the screens: the app, or a screen of it."""

    def run_beside(self, work: Work, *, group: str, exclusive: bool = False) -> None:
        """Begin some work; where it is exclusive, it takes the place of others of its group."""

    def call_later(self, callback: Callable[..., object], *args: object) -> object:
        """Show what the work came to, in the turn of the screen: work changes no widget."""

    def set_timer(self, delay: float, callback: Callable[[], object]) -> Stoppable:
        """Call back once, after so many seconds."""


class Selection:
    """The pictures that a person marked, with their paths, in the order they were marked."""

    def __init__(self) -> None:
        self._paths: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[str]:
        """Their paths."""
        return iter(self._paths.values())

    @property
    def picture_ids(self) -> frozenset[int]:
        """The marked pictures."""
        return frozenset(self._paths)

    def toggle(self, picture_id: int, path: str) -> bool:
        """Mark a picture or unmark it; returns whether it is marked now."""
        if self._paths.pop(picture_id, None) is not None:
            return False
        self._paths[picture_id] = path
        return True

    def remove(self, position: int) -> None:
        """Unmark the picture at a position in the order, from 0."""
        del self._paths[list(self._paths)[position]]

    def clear(self) -> None:
        """Unmark all."""
        self._paths.clear()


class Session:
    """One run of the app: engine, settings, jobs, notices, and what is wanted next."""

    def __init__(
        self,
        *,
        graphics: Graphics,
        settings: AppSettings | None = None,
        home: Path | None = None,
        start_query: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.graphics = graphics
        """How pictures are drawn."""
        self.home = home
        """Where cache and settings are kept; None keeps the settings for this run only."""
        self.start_query = start_query
        """Asked as soon as the engine is open."""
        self.settings = settings or AppSettings()
        """What the app remembers; change it through `remember`."""
        self.engine: Engine | None = None
        """None until it is open."""
        self.board = JobBoard(clock)
        """What is known of this session's jobs."""
        self.selection = Selection()
        self.status = Status(graphics=graphics.protocol)
        """The figures of the top line."""
        self.query = ""
        """The query whose answer the Search screen shows; empty while there is none."""
        self.collection = ""
        """The name of the collection that is searched alone; empty for one's own pictures."""
        self.opened: Listeners[Engine] = Listeners()
        self.open_failed: Listeners[T2IError] = Listeners()
        self.job_events: Listeners[JobEvent] = Listeners()
        """Every event of every job; the board has it before the listeners do."""
        self.settings_changed: Listeners[AppSettings] = Listeners()
        self.status_changed: Listeners[Status] = Listeners()
        self.notices: Listeners[Notice] = Listeners()
        self.intents: Listeners[Intent] = Listeners()

    # The engine

    @property
    def open_engine(self) -> Engine:
        """The engine. Raises EngineError before it is open."""
        from engine.errors import EngineError

        if self.engine is None:
            raise EngineError("the library is not open yet")
        return self.engine

    def open(self, engine: Engine) -> None:
        """Take the open engine, with the jobs that were started before anyone listened."""
        self.engine = engine
        for job in engine.jobs.list():
            self.board.take_over(job)
        self.opened.publish(engine)

    def when_open(self, listener: Callable[[], object]) -> Unsubscribe:
        """Call `listener` as soon as there is an engine, at once if there is."""
        if self.engine is not None:
            listener()
        return self.opened.subscribe(lambda _: listener())

    def take_event(self, event: JobEvent) -> None:
        """Keep the board in step with a job, and pass its event on."""
        from engine.events import JobCancelled, JobFailed, JobFinished, LibraryChanged

        self.board.apply(event)
        self.job_events.publish(event)
        if isinstance(event, LibraryChanged | JobFinished | JobFailed | JobCancelled):
            self.send(RefreshStatus())

    # Settings and status

    def remember(self, **changes: object) -> None:
        """Change settings."""
        changed = replace(self.settings, **changes)  # type: ignore[arg-type]
        if changed != self.settings:
            self.settings = changed
            self.settings_changed.publish(changed)

    def save_settings(self) -> None:
        """Write the settings where there is a home for them.

        Raises:
            OSError: they could not be written, and hold for this run only.
        """
        if self.home is not None:
            save(self.home, self.settings)

    def show_status(self, status: Status) -> None:
        """Show other figures in the top line."""
        self.status = status
        self.status_changed.publish(status)

    # What is wanted, and what there is to say

    def send(self, intent: Intent) -> None:
        """Ask for something that another screen or the app does."""
        self.intents.publish(intent)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: Literal["information", "warning", "error"] = "information",
        seconds: float | None = None,
    ) -> None:
        """Say something on whatever screen is in front."""
        self.notices.publish(
            Notice(message=message, title=title, severity=severity, seconds=seconds)
        )

    def report_error(self, title: str, error: T2IError) -> None:
        """Say what cannot be done and what to do instead."""
        words = f"{error.message}. {error.hint}".replace("..", ".")
        self.notify(words, title=title, severity="error", seconds=PROBLEM_SHOWN_S)

    @property
    def prompts(self) -> tuple[str, str]:
        """What the query on the Search screen says is to be generated, and what is not."""
        from engine.errors import EngineError
        from engine.search.query import prompts_of

        try:
            return prompts_of(self.query)
        except EngineError:
            return "", ""
