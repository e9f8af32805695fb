"""The Evaluate screen: evaluations as a list, and the figures of the one under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.content import Content

from engine.collections import BUILT_IN
from engine.errors import T2IError
from engine.events import JobFinished
from engine.requests import EvaluateRequest
from engine.states import JobKind
from t2itui.keys import bindings
from t2itui.screens.common.base import HEIGHTS, WIDTHS, BindingWatch
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.common.paged import PAGE, PagedScreen
from t2itui.screens.evaluate.controller import EvaluationsController
from t2itui.screens.evaluate.detail import (
    NOTHING_YET,
    EvaluationDetail,
    EvaluationTab,
    FiguresPane,
    job_story,
)
from t2itui.screens.evaluate.form import EvaluateForm, SavePlot
from t2itui.screens.evaluate.list import COLUMNS, EvaluationList, EvaluationRows, job_key
from t2itui.text import shell_commands
from t2itui.text.plain import plain
from t2itui.widgets.rows import RowList

if TYPE_CHECKING:
    from engine.evaluation.results import Evaluation, EvaluationHead
    from engine.events import JobEvent
    from t2itui.screens.jobs.board import JobView
    from t2itui.session import Session


ROOMY_HEIGHTS = [*HEIGHTS, (32, "-roomy")]
BROAD_WIDTHS = [*WIDTHS, (170, "-broad")]
WATCHED = (
    "edit",
    "again",
    "mark",
    "change",
    "save_plot",
    "delete",
    "cancel",
    "copy_command",
    "toggle_plots",
)
"""Actions that the footer offers for some rows only."""


class EvaluateScreen(PagedScreen):
    """Lists jobs and evaluations, makes new ones, and shows what is under the cursor."""

    MODE = "evaluate"
    SUBJECT = "Evaluate"
    NOUN = "evaluation"
    EMPTY = "No evaluation yet: n makes one."
    NOTHING_FOUND = "No evaluation of such data."
    VERTICAL_BREAKPOINTS = ROOMY_HEIGHTS
    HORIZONTAL_BREAKPOINTS = BROAD_WIDTHS
    DEFAULT_CSS = """
    EvaluateScreen {
        & #evaluations { height: 1fr; layout: vertical; }
        & #list { height: 7; }
        & RowList { height: 1fr; }
        & EvaluationDetail { height: 1fr; border-top: solid $panel; }
        &.-short #list { height: 1fr; }
        &.-short EvaluationDetail { display: none; }
        &.-roomy #list { height: 11; }
        &.-broad #evaluations { layout: horizontal; }
        &.-broad #list { width: 84; height: 1fr; }
        &.-broad EvaluationDetail { border-top: none; border-left: solid $panel; width: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("evaluate")

    listing = getters.query_one(EvaluationRows)
    detail = getters.query_one(EvaluationDetail)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.controller = EvaluationsController(session)
        self.evaluations = EvaluationList()
        self._watched = BindingWatch(self, WATCHED)
        self._shown: tuple[object, ...] = ()
        """What the detail was last asked to show."""

    def compose_body(self) -> ComposeResult:
        with Container(id="evaluations"):
            with Vertical(id="list"):
                yield from self.compose_filter("words of the data or encoder")
                yield EvaluationRows(COLUMNS, empty=self.EMPTY)
            yield EvaluationDetail(in_letters=self.session.graphics.is_text)

    def on_mount(self) -> None:
        self.until_unmount(self.session.board.subscribe(self.follow_board))
        self.until_unmount(self.session.job_events.subscribe(self.follow_job))
        self.until_unmount(self.session.when_open(self.take_engine))
        self.detail.show_words(Content(""))
        self.listing.focus()

    # The list

    @work(exclusive=True, group="evaluations")
    async def read_page(self, offset: int, containing: str) -> None:
        """Read evaluations beside the screen."""
        if self.session.engine is None:
            return
        with self.errors_reported():
            heads = await self.controller.read(PAGE, offset, containing)
            self.call_later(self.take_page, heads, offset=offset)

    def take_page(self, heads: Sequence[EvaluationHead], *, offset: int) -> None:
        """Show the list, or more of it."""
        self.evaluations.take(heads, offset=offset)
        self.is_last = len(heads) < PAGE
        self.show_rows()

    def follow_board(self) -> None:
        """Follow the jobs while the screen is in front; everything is read when it comes there."""
        if self.is_current:
            self.show_rows()

    def follow_job(self, event: JobEvent) -> None:
        """Read the list anew when an evaluation is done, and go to its row."""
        view = self.session.board.find(event.job_id)
        if not isinstance(event, JobFinished) or view is None or self.session.engine is None:
            return
        found = self.controller.results_of(event.job_id) if view.kind is JobKind.EVALUATE else ()
        if found:
            self.evaluations.go_to_result(found[0])
            self.load()

    def show_rows(self) -> None:
        """Show jobs and kept evaluations as they are now."""
        self.say_count(len(self.evaluations.heads))
        rows = self.evaluations.rows(self.session.board.views)
        self.listing.show(rows)
        wanted = self.evaluations.take_wanted(rows)
        if wanted:
            self.listing.select(wanted)

    # What is under the cursor

    @property
    def current(self) -> EvaluationHead | None:
        """The kept evaluation under the cursor."""
        row = self.listing.current
        return self.evaluations.heads.get(row.key) if row is not None else None

    @property
    def current_job(self) -> JobView | None:
        """The job under the cursor."""
        row = self.listing.current
        views = self.session.board.views if row is not None else ()
        return next((view for view in views if row and job_key(view.job_id) == row.key), None)

    @property
    def pair(self) -> tuple[int, int] | None:
        """Ids of the two evaluations that can be compared, the older one first."""
        return self.evaluations.pair(self.current)

    @on(RowList.Highlighted)
    def show_current(self) -> None:
        """Show what is under the cursor in full."""
        self._watched.follow()
        head, job = self.current, self.current_job
        if job is not None:
            self._shown = ()
            self.detail.show_words(job_story(job))
        elif head is None:
            self._shown = ()
            is_empty = self.is_last and not self.filter_line.value
            self.detail.show_words(NOTHING_YET if is_empty else Content(""))
        else:
            self._show_head(head)
            self.read_on(len(self.evaluations.heads))

    def _show_head(self, head: EvaluationHead) -> None:
        wanted = (head.id, self.pair)
        if head.id == 0 and self.evaluations.unkept is not None:
            self.detail.show(self.evaluations.unkept, None)
        elif wanted != self._shown:
            self._shown = wanted
            self.open(head.id, self.pair)

    @work(exclusive=True, group="evaluation")
    async def open(self, evaluation_id: int, pair: tuple[int, int] | None) -> None:
        """Read an evaluation beside the screen, and those that are compared."""
        if self.session.engine is None:
            return
        with self.errors_reported():
            found, both = await self.controller.open(evaluation_id, pair)
            self.call_later(self.show_opened, found, both)

    def show_opened(self, found: Evaluation, pair: tuple[Evaluation, Evaluation] | None) -> None:
        """Show the figures, if the cursor is still there."""
        if self.current is not None and self.current.id == found.id:
            self.detail.show(found, pair)
            self._watched.follow()

    def action_mark(self) -> None:
        """Mark the evaluation under the cursor, or take its mark away; two can be marked."""
        if self.current is not None:
            self.evaluations.toggle_mark(self.current.id)
            self.show_rows()

    def action_change(self) -> None:
        """Bring what changed to the front."""
        self.detail.tabs.active = EvaluationTab.CHANGE

    def action_tab(self, tabs: int) -> None:
        """Go to other figures."""
        self.detail.turn(tabs)

    def action_toggle_plots(self) -> None:
        """Draw plots in colours, or of letters."""
        is_text = self.detail.toggle_plots()
        self.notify("as text" if is_text else "drawn", title="Plots", timeout=2)

    @on(EvaluationDetail.TabShown)
    def follow_tab(self) -> None:
        self._watched.follow()
        if self.current is not None:
            self._show_head(self.current)

    @on(RowList.Chosen)
    def go_to_figures(self) -> None:
        """Let the keys scroll the figures."""
        self.detail.pane.focus()

    @on(FiguresPane.FiguresLeft)
    def leave_figures(self) -> None:
        self.listing.focus()

    # Making evaluations

    def action_new(self) -> None:
        """Ask what to evaluate."""
        threshold = self.session.settings.threshold
        self.ask(EvaluateRequest(data=BUILT_IN.name, threshold=threshold))

    @work(group="ask")
    async def action_edit(self) -> None:
        """Ask again, beginning with what was asked for the row under the cursor."""
        request = await self._request()
        if request is not None:
            self.ask(request)

    @work(group="ask")
    async def action_again(self) -> None:
        """Evaluate what is under the cursor again; a job that came to nothing gives way."""
        request, job = await self._request(), self.current_job
        if request is not None:
            if job is not None:
                self.session.board.dismiss(job.job_id)
            self.call_later(self.start, request)

    async def _request(self) -> EvaluateRequest | None:
        """What was asked for the row under the cursor; says so where that cannot be read."""
        try:
            return await self.controller.request_of(self.current, self.current_job)
        except T2IError as error:
            self.report_error(error)
            return None

    @work(group="form")
    async def ask(self, request: EvaluateRequest) -> None:
        """Show the form, and evaluate what it says."""
        engine = self.session.engine
        if engine is None:
            return
        with self.errors_reported():
            encoders = await self.controller.encoders()
            form = EvaluateForm(engine, request, encoders=encoders, home=self.session.home)
            answer = await self.app.push_screen_wait(form)
            if answer is not None:
                self.call_later(self.start, answer)

    def start(self, request: EvaluateRequest) -> None:
        """Start the job; the cursor goes to its row."""
        self.evaluations.go_to_job(self.controller.start(request))

    def action_cancel(self) -> None:
        """Cancel the job under the cursor, or take what came of it out of sight."""
        if self.current_job is not None:
            self.controller.cancel(self.current_job)

    # What can be done with one that is kept

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done with the row under the cursor."""
        if not self.is_mounted:
            return True
        job = self.current_job
        is_kept = self.current is not None and self.current.id != 0
        match action:
            case "edit" | "copy_command" | "copy_asking":
                return is_kept or job is not None
            case "again":
                return is_kept or (job is not None and not job.is_active)
            case "mark" | "save_plot" | "delete":
                return is_kept
            case "toggle_plots" | "tab":
                return self.current is not None
            case "change":
                return is_kept and self.pair is not None
            case "cancel":
                return job is not None
        return True

    @work(group="delete")
    async def action_delete(self) -> None:
        """Delete the evaluation under the cursor, if the person is sure."""
        head = self.current
        if head is None:
            return
        question = Confirm(
            f"Delete evaluation {head.id} of {head.data!r}?",
            "Its figures cannot be shown or compared any more; embeddings stay.",
            go="Delete (enter)",
            command=shell_commands.forget_evaluation_command(self.session.home, head.id),
        )
        if not await self.app.push_screen_wait(question):
            return
        with self.errors_reported():
            await self.controller.delete(head.id)
            self.evaluations.drop_mark(head.id)
            self.load()

    @work(group="plot")
    async def action_save_plot(self) -> None:
        """Draw the figures of the evaluation under the cursor into a file."""
        head = self.current
        if head is None:
            return
        path = await self.app.push_screen_wait(SavePlot(head.id, home=self.session.home))
        if path is None:
            return
        with self.errors_reported():
            await self.controller.draw(head.id, path)
            self.notify(plain(str(path)), title="Drawn", markup=False)

    def action_copy_command(self) -> None:
        """Put the command on the clipboard that shows what is on the screen."""
        home, head = self.session.home, self.current
        if head is None:
            self.action_copy_asking()
        elif self.detail.tab is EvaluationTab.CHANGE and self.pair is not None:
            self.copy(shell_commands.compare_evaluations_command(home, *self.pair))
        else:
            self.copy(shell_commands.show_command(home, head.id))

    @work(group="ask")
    async def action_copy_asking(self) -> None:
        """Put the command on the clipboard that evaluates the same again."""
        request = await self._request()
        if request is not None:
            self.copy(shell_commands.job_command(self.session.home, request))
