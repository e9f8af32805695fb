"""The jobs strip: what runs in the background, in sight on every screen."""

from collections.abc import Callable

from textual import getters
from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.timer import Timer
from textual.widget import Widget

from t2itui.graphics.picture import Picture
from t2itui.screens.jobs.board import JobBoard, JobView, as_ppm
from t2itui.screens.jobs.line import job_line, summary_line

ROOMY_HEIGHT = 30
"""From so many lines of terminal on the strip may take ROOMY_LINES of them."""
ROOMY_LINES = 3
PREVIEW_WIDTH, PREVIEW_LINES = 5, 2
ROOMY_PREVIEW_WIDTH, ROOMY_PREVIEW_LINES = 7, 3
LEAST_WIDTH = 60
"""Cells below which the line has more to say than a preview."""


class JobsStrip(Widget):
    """Shows a line for each job, or one line for all; it takes no line where there is nothing."""

    DEFAULT_CSS = """
    JobsStrip {
        height: auto;
        width: 1fr;
        background: $panel;
        color: $foreground;
        & > Picture { dock: right; display: none; }
    }
    """

    picture = getters.query_one(Picture)

    def __init__(self, board: JobBoard, *, with_preview: bool = True) -> None:
        """Without a preview where the screen shows it large."""
        super().__init__()
        self._board = board
        self._with_preview = with_preview
        self._left_out: int | None = None
        self._lines = 0
        self._preview_cells = 0
        """Width of the preview; 0 while there is none."""
        self._unsubscribe: Callable[[], None] = lambda: None
        self._leaving: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Picture()

    @property
    def _is_roomy(self) -> bool:
        return self.app.size.height >= ROOMY_HEIGHT

    def on_mount(self) -> None:
        self._unsubscribe = self._board.subscribe(self.follow)
        self.follow()

    def on_unmount(self) -> None:
        self._unsubscribe()

    def on_resize(self) -> None:
        self.follow()

    def leave_out(self, job_id: int) -> None:
        """Say nothing of a job that the screen shows large."""
        self._left_out = job_id
        self.follow()

    def follow(self) -> None:
        """Draw what the board holds now, and again when an outcome has been seen long enough."""
        before = (self._lines, self._preview_cells)
        self._follow_preview()
        self._lines = len(self._contents(max(1, self.size.width)))
        self.display = self._lines > 0
        self.refresh(layout=before != (self._lines, self._preview_cells))
        if self._leaving is not None:
            self._leaving.stop()
        seconds = self._board.next_change_s()
        self._leaving = None if seconds is None else self.set_timer(seconds + 0.05, self.follow)

    def _follow_preview(self) -> None:
        """Show what the picture at work looks like, where there is one and room for it."""
        view = self._board.latest_generation
        preview = view.generation.preview if view is not None and view.is_active else None
        has_room = self._with_preview and self.app.size.width >= LEAST_WIDTH
        picture = self.picture
        if preview is None or not has_room or picture.graphics.is_text:
            self._preview_cells = 0
            picture.display = False
            picture.show(None, alt="")
            return
        self._preview_cells = ROOMY_PREVIEW_WIDTH if self._is_roomy else PREVIEW_WIDTH
        picture.styles.width = self._preview_cells
        picture.styles.height = self._preview_lines
        picture.display = True
        picture.show_next(as_ppm(preview))

    @property
    def _preview_lines(self) -> int:
        if not self._preview_cells:
            return 0
        return ROOMY_PREVIEW_LINES if self._is_roomy else PREVIEW_LINES

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        lines = len(self._contents(width))
        return max(lines, self._preview_lines) if lines else 0

    def render(self) -> Content:
        return Content("\n").join(self._contents(self.size.width))

    def _contents(self, width: int) -> list[Content]:
        width = max(1, width - self._preview_cells - bool(self._preview_cells))
        views = tuple(v for v in self._board.in_sight() if v.job_id != self._left_out)
        if len(views) > (ROOMY_LINES if self._is_roomy else 1):
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
