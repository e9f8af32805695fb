"""The common ground of the screens: their edges, their session, and how they wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from engine.errors import T2IError
from t2itui.screens.jobs.strip import JobsStrip
from t2itui.text.plain import plain
from t2itui.widgets.basics import Backdrop
from t2itui.widgets.key_line import KeyLine
from t2itui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from engine.generation.request import GenerateRequest
    from t2itui.session import Session, ShowScreen, Unsubscribe, Work


HEIGHTS: list[tuple[int, str]] = [(0, "-short"), (18, "-tall")]
"""Lines: a short screen leaves out what only explains."""

WIDTHS: list[tuple[int, str]] = [(0, "-narrow"), (110, "-wide")]
"""Columns: a wide one has details beside the list."""

Answer = TypeVar("Answer")

LEAST_WIDTH = 36
LEAST_HEIGHT = 10


class AppScreen(Screen[None], Backdrop):
    """A screen of the app; subclasses say in `compose_body` what lies between the edges."""

    DEFAULT_CSS = """
    AppScreen {
        & > #too-small { display: none; width: 100%; height: 100%; content-align: center middle; }
        &.-too-small > * { display: none; }
        &.-too-small > #too-small { display: block; }
    }
    """
    MODE: ClassVar[str]
    """The name under which the app knows the screen: its mode."""
    SUBJECT: ClassVar[str] = ""
    """What a notice of the screen is about."""
    PREVIEW_IN_STRIP: ClassVar[bool] = True
    """The jobs strip has a small preview; not where the screen shows it large."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        """The engine, the settings, the jobs, and what screens ask of each other."""
        self._subscriptions: list[Unsubscribe] = []

    def compose(self) -> ComposeResult:
        yield TopBar(self.MODE, self.session)
        yield from self.compose_body()
        yield JobsStrip(self.session.board, with_preview=self.PREVIEW_IN_STRIP)
        yield KeyLine()
        yield Static(f"t2itui needs {LEAST_WIDTH} x {LEAST_HEIGHT}", id="too-small")

    def compose_body(self) -> ComposeResult:
        """The widgets between the top line and the jobs strip."""
        yield from ()

    def on_resize(self, event: events.Resize) -> None:
        small = event.size.width < LEAST_WIDTH or event.size.height < LEAST_HEIGHT
        self.set_class(small, "-too-small")

    def until_unmount(self, unsubscribe: Unsubscribe) -> None:
        """End a subscription when the screen goes."""
        self._subscriptions.append(unsubscribe)

    def on_unmount(self) -> None:
        for unsubscribe in self._subscriptions:
            unsubscribe()
        self._subscriptions.clear()

    def run_beside(self, work: Work, *, group: str, exclusive: bool = False) -> None:
        """Run what a controller waits for."""
        _: Worker[None] = self.run_worker(work, group=group, exclusive=exclusive)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Wait no more for work that ended on an error, of which the app has told."""
        if event.state is WorkerState.ERROR:
            self.follow_failed_work(event.worker.group)

    def follow_failed_work(self, group: str) -> None:
        """Show that what a group of workers was to bring does not come."""

    def fulfil(self, intent: ShowScreen) -> None:
        """Do what another screen asked for; the app has brought this one to the front."""

    def take_request(self, request: GenerateRequest) -> bool:
        """Generate what the form over this screen asked for; False leaves it to the app."""
        return False

    def take_another_seed(self) -> bool:
        """Generate what belongs to the screen with another seed; False leaves it to the app."""
        return False

    def copy(self, text: str, title: str = "Copied") -> None:
        """Copy a text by way of the terminal, and show it."""
        self.app.copy_to_clipboard(text)
        self.notify(plain(text), title=title, markup=False)

    def report_error(self, error: T2IError) -> None:
        """Say what went wrong and what to do."""
        text = "\n".join(plain(part) for part in (error.message, error.hint) if part)
        self.notify(text, title=self.SUBJECT, severity="error", markup=False)

    @contextmanager
    def errors_reported(self) -> Iterator[None]:
        """Say what goes wrong in the block, which ends there."""
        try:
            yield
        except T2IError as error:
            self.report_error(error)


def leave(screen: Screen[Answer], answer: Answer | None = None) -> bool:
    """Go back to what a screen lies over; False where that was done before.

    A key that is pressed twice reaches a screen twice, also when the first has closed it.
    """
    if not screen.is_active:
        return False
    screen.dismiss(answer)
    return True


class BindingWatch:
    """Remembers which of a screen's actions were offered last."""

    def __init__(self, screen: Screen[None], actions: Sequence[str]) -> None:
        self._screen = screen
        self._actions = tuple(actions)
        self._last: tuple[bool | None, ...] | None = None

    def follow(self) -> None:
        """Have the footer drawn anew where another set of actions is offered now."""
        offered = tuple(self._screen.check_action(action, ()) for action in self._actions)
        if offered != self._last:
            self._last = offered
            self._screen.refresh_bindings()


QUIET_S = 0.15
"""An answer that takes longer is announced as being waited for."""


class Waiting:
    """Shows, again and again, for how many seconds something has been waited for."""

    def __init__(self, screen: MessagePump, show: Callable[[float], object]) -> None:
        self._screen = screen
        self._show = show
        self._timer: Timer | None = None
        self._began_at = 0.0

    def begin(self) -> None:
        """Wait from now on, for something else than before."""
        self.stop()
        self._began_at = monotonic()
        self._timer = self._screen.set_interval(QUIET_S, self._show_seconds)

    def stop(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    @property
    def goes_on(self) -> bool:
        """Something was asked for and is not there yet."""
        return self._timer is not None

    def _show_seconds(self) -> None:
        self._show(monotonic() - self._began_at)
