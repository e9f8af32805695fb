"""The jobs strip: what runs in the background, in sight on every screen."""

from collections.abc import Callable

from textual import getters
from textual.content import Content
from textual.geometry import Size
from textual.timer import Timer
from textual.widget import Widget

from t2itui.job_board import JobBoard, JobView
from t2itui.job_host import JobHost
from t2itui.widgets.job_line import job_line, summary_line

ROOMY_HEIGHT = 30
"""From so many lines of terminal on the strip may take ROOMY_LINES of them."""
ROOMY_LINES = 3


class JobsStrip(Widget):
    """Shows a line for each job, or one line for all; it takes no line where there is nothing."""

    DEFAULT_CSS = """
    JobsStrip {
        height: auto;
        width: 1fr;
        background: $panel;
        color: $foreground;
    }
    """

    app = getters.app(JobHost)

    def __init__(self) -> None:
        super().__init__()
        self._lines = 0
        self._unsubscribe: Callable[[], None] = lambda: None
        self._leaving: Timer | None = None

    @property
    def _board(self) -> JobBoard:
        return self.app.job_board

    def on_mount(self) -> None:
        self._unsubscribe = self._board.subscribe(self.follow)
        self.follow()

    def on_unmount(self) -> None:
        self._unsubscribe()

    def on_resize(self) -> None:
        self.follow()

    def follow(self) -> None:
        """Draw what the board holds now, and again when an outcome has been seen long enough."""
        lines = len(self._contents(max(1, self.size.width)))
        self.display = lines > 0
        self.refresh(layout=lines != self._lines)
        self._lines = lines
        if self._leaving is not None:
            self._leaving.stop()
        seconds = self._board.next_change_s()
        self._leaving = None if seconds is None else self.set_timer(seconds + 0.05, self.follow)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._contents(width))

    def render(self) -> Content:
        return Content("\n").join(self._contents(self.size.width))

    def _contents(self, width: int) -> list[Content]:
        views = self._board.in_sight()
        if len(views) > (ROOMY_LINES if self.app.size.height >= ROOMY_HEIGHT else 1):
            return [summary_line(views, width, press="j jobs", action="app.jobs")]
        only = len(self._board.active) == 1
        return [self._content(view, width, only=only) for view in views]

    def _content(self, view: JobView, width: int, *, only: bool) -> Content:
        """The key is named where it can mean this job alone; a click always does."""
        if view.is_active:
            press = "x cancel" if only else "cancel"
            return job_line(view, width, press=press, action=f"app.cancel_job({view.job_id})")
        press = "x dismiss" if not self._board.active else "dismiss"
        return job_line(view, width, press=press, action=f"app.dismiss_job({view.job_id})")
