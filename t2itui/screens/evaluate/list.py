"""The rows of the Evaluate screen: jobs at work, or that came to nothing, then what was kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message

from engine.errors import T2IError
from engine.events import JobFinished
from engine.states import JobState
from t2itui.screens.common.base import HEIGHTS, WIDTHS, Offered
from t2itui.screens.common.paged import PAGE, PagedScreen
from t2itui.screens.evaluate.detail import NOTHING_YET, EvaluationDetail, Pane, job_story
from t2itui.screens.jobs.board import JobView
from t2itui.screens.jobs.line import MARKS, TONES, percent
from t2itui.text.words import duration_words, when_words
from t2itui.widgets.sheet import Column, Row, Sheet

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.evaluation.evaluator import Evaluator
    from engine.evaluation.results import Evaluation, Head
    from engine.events import JobEvent


EVALUATING = "evaluate"
"""The kind of jobs that evaluate."""
MARKED = "◆"

COLUMNS = (
    Column(title="", width=1),
    Column(title="when", width=16, priority=2),
    Column(title="data", width=12, share=3),
    Column(title="encoder", width=14, share=2, priority=4),
    Column(title="match is", width=11, share=1, priority=3),
    Column(title="cosine r@1 mAP", width=14, right=True),
    Column(title="match r@1 mAP", width=13, right=True),
)


def shown_jobs(views: Sequence[JobView]) -> list[JobView]:
    """The evaluating jobs that have a row, the newest first; one that is done has its result."""
    return [
        view
        for view in reversed(views)
        if view.kind == EVALUATING
        and view.state is not JobState.DONE
        and (view.is_active or not view.dismissed)
    ]


def job_key(job_id: int) -> str:
    """The key of a job's row."""
    return f"job {job_id}"


def job_row(view: JobView) -> Row:
    """The row of a job."""
    progress = view.progress if view.is_active else None
    left = ""
    if progress is not None and progress.eta_s is not None:
        left = f"{duration_words(max(1.0, progress.eta_s))} left"
    return Row(
        key=job_key(view.job_id),
        cells=(
            MARKS[view.state],
            view.state,
            view.title.removeprefix(f"{EVALUATING} "),
            "",
            progress.stage if progress is not None else "",
            f"{percent(progress)} %" if progress is not None and progress.total else "",
            left,
        ),
        tone={"$text-error": "bad", "$text-warning": "warning"}.get(TONES.get(view.state, ""), ""),
    )


def head_row(head: Head, marked: Collection[int]) -> Row:
    """The row of a kept evaluation."""
    figures = {name: f"{r1:.3f} {precision:.3f}" for name, r1, precision in head.figures}
    return Row(
        key=str(head.id),
        cells=(
            MARKED if head.id in marked else "",
            when_words(head.created_at),
            head.data,
            head.encoder.rpartition("/")[2],
            head.match,
            figures.get("cosine", "-"),
            figures.get("match", "-"),
        ),
    )


ROOMY_HEIGHTS = [*HEIGHTS, (32, "-roomy")]
BROAD_WIDTHS = [*WIDTHS, (170, "-broad")]
PAIR = 2
UNKEPT = "0"
"""Key of the row of a result that the cache could not keep."""


class Evaluations(Sheet):
    """The list; Enter goes to the figures, which then scroll by the keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "choose", "Figures", id="evaluate.open", tooltip="Scroll through the figures"
        ),
    ]


class EvaluationsScreen(PagedScreen):
    """Lists jobs and evaluations, the newest first, and shows what is under the cursor."""

    MODE = "evaluate"
    SUBJECT = "Evaluate"
    NOUN = "evaluation"
    EMPTY = "No evaluation yet: n makes one."
    NOTHING_FOUND = "No evaluation of such data."
    VERTICAL_BREAKPOINTS = ROOMY_HEIGHTS
    HORIZONTAL_BREAKPOINTS = BROAD_WIDTHS
    DEFAULT_CSS = """
    EvaluationsScreen {
        & #evaluations { height: 1fr; layout: vertical; }
        & #kept { height: 7; }
        & Sheet { height: 1fr; }
        & EvaluationDetail { height: 1fr; border-top: solid $panel; }
        &.-short #kept { height: 1fr; }
        &.-short EvaluationDetail { display: none; }
        &.-roomy #kept { height: 11; }
        &.-broad #evaluations { layout: horizontal; }
        &.-broad #kept { width: 84; height: 1fr; }
        &.-broad EvaluationDetail { border-top: none; border-left: solid $panel; width: 1fr; }
    }
    """
    sheet = getters.query_one(Evaluations)
    detail = getters.query_one(EvaluationDetail)

    class Read(Message):
        """Evaluations were read."""

        def __init__(self, heads: Sequence[Head], *, offset: int) -> None:
            self.heads = heads
            self.offset = offset
            super().__init__()

    class Opened(Message):
        """An evaluation was read in full, and what it can be compared with."""

        def __init__(self, found: Evaluation, pair: tuple[Evaluation, Evaluation] | None) -> None:
            self.found = found
            self.pair = pair
            super().__init__()

    def __init__(self) -> None:
        super().__init__()
        actions = ("edit", "again", "mark", "change", "save_plot", "delete")
        self._offered = Offered(self, (*actions, "cancel", "copy_command", "toggle_plots"))
        self.heads: dict[str, Head] = {}
        self.marked: list[int] = []
        """Ids, the one marked first at the start; two at most."""
        self._wanted = ""
        """Key of the row that the cursor goes to as soon as there is one."""
        self._shown: tuple[object, ...] = ()
        """What the detail was last asked to show."""
        self._unkept: Evaluation | None = None
        """The last result of a job that the cache could not keep."""
        self._unsubscribe: Callable[[], None] = lambda: None

    @property
    def listing(self) -> Sheet:
        return self.sheet

    def compose_body(self) -> ComposeResult:
        with Container(id="evaluations"):
            with Vertical(id="kept"):
                yield from self.compose_filter("words of the data or encoder")
                yield Evaluations(COLUMNS, empty=self.EMPTY)
            yield EvaluationDetail(in_letters=self.t2i.graphics.protocol == "text")

    def on_mount(self) -> None:
        self._unsubscribe = self.t2i.job_board.subscribe(self.follow_board)
        self.t2i.job_events.subscribe(self, self.follow_job)
        self.watch(self.t2i, "engine", self.take_engine)
        self.detail.show_words(Content(""))
        self.sheet.focus()

    def on_unmount(self) -> None:
        self._unsubscribe()

    # The list

    @work(exclusive=True, group="evaluations")
    async def read_page(self, offset: int, containing: str) -> None:
        """Read evaluations beside the screen."""
        if self.t2i.engine is None:
            return
        try:
            part = await evaluator_of(self.t2i.engine)
            heads = await part.heads(PAGE, offset, containing)
        except T2IError as error:
            self.tell_error(error)
        else:
            self.post_message(self.Read(heads, offset=offset))

    @on(Read)
    def take_page(self, message: Read) -> None:
        """Show the list, or more of it."""
        from engine.evaluation.results import Head

        if message.offset == 0:
            self.heads = {}
            if self._unkept is not None:
                self.heads[UNKEPT] = Head.of(self._unkept)
        self.heads.update({str(head.id): head for head in message.heads})
        self.is_last = len(message.heads) < PAGE
        self.show_rows()

    def follow_board(self) -> None:
        """Follow the jobs while the screen is in front; everything is read when it comes there."""
        if self.is_current:
            self.show_rows()

    def show_rows(self) -> None:
        """Show jobs and kept evaluations as they are now."""
        jobs = shown_jobs(self.t2i.job_board.views)
        self.say_count(len(self.heads))
        rows = [job_row(view) for view in jobs]
        rows += [head_row(head, self.marked) for head in self.heads.values()]
        self.sheet.show(rows)
        if any(row.key == self._wanted for row in rows):
            wanted, self._wanted = self._wanted, ""
            self.sheet.select(wanted)

    @property
    def current(self) -> Head | None:
        """The kept evaluation under the cursor."""
        row = self.sheet.current
        return self.heads.get(row.key) if row is not None else None

    @property
    def current_job(self) -> JobView | None:
        """The job under the cursor."""
        row = self.sheet.current
        views = self.t2i.job_board.views if row is not None else ()
        return next((view for view in views if row and job_key(view.job_id) == row.key), None)

    @on(Sheet.Highlighted)
    def show_current(self) -> None:
        """Show what is under the cursor in full."""
        self._offered.follow()
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
        if head is not None:
            self.read_on(len(self.heads))

    def _show_head(self, head: Head) -> None:
        wanted = (head.id, self.pair)
        if head.id == 0 and self._unkept is not None:
            self.detail.show(self._unkept, None)
        elif wanted != self._shown:
            self._shown = wanted
            self.open(head.id, self.pair)

    @work(exclusive=True, group="evaluation")
    async def open(self, evaluation_id: int, pair: tuple[int, int] | None) -> None:
        """Read an evaluation beside the screen, and those that are compared."""
        if self.t2i.engine is None:
            return
        try:
            part = await evaluator_of(self.t2i.engine)
            found = await part.get(evaluation_id)
            both = None if pair is None else (await part.get(pair[0]), await part.get(pair[1]))
        except T2IError as error:
            self.tell_error(error)
        else:
            self.post_message(self.Opened(found, both))

    @on(Opened)
    def show_opened(self, message: Opened) -> None:
        """Show the figures, if the cursor is still there."""
        if self.current is not None and self.current.id == message.found.id:
            self.detail.show(message.found, message.pair)
            self._offered.follow()

    # Comparing two

    @property
    def pair(self) -> tuple[int, int] | None:
        """Ids of the two marked, or of the one marked and the one under the cursor; older first."""
        ids = set(self.marked)
        if len(ids) < PAIR and self.current is not None:
            ids.add(self.current.id)
        return (min(ids), max(ids)) if self.marked and len(ids) == PAIR else None

    def action_mark(self) -> None:
        """Mark the evaluation under the cursor, or take its mark away; two can be marked."""
        if self.current is None:
            return
        if self.current.id in self.marked:
            self.marked.remove(self.current.id)
        else:
            self.marked = [*self.marked, self.current.id][-PAIR:]
        self.show_rows()

    def action_change(self) -> None:
        """Bring what changed to the front."""
        self.detail.tabs.active = "change"

    def action_tab(self, places: int) -> None:
        """Go to other figures."""
        self.detail.turn(places)

    def action_toggle_plots(self) -> None:
        """Draw plots in colours, or of letters."""
        is_text = self.detail.toggle_plots()
        self.notify("as text" if is_text else "drawn", title="Plots", timeout=2)

    @on(EvaluationDetail.TabShown)
    def follow_tab(self) -> None:
        self._offered.follow()
        if self.current is not None:
            self._show_head(self.current)

    @on(Sheet.Chosen)
    def go_to_figures(self) -> None:
        """Let the keys scroll the figures."""
        self.detail.pane.focus()

    @on(Pane.Left)
    def leave_figures(self) -> None:
        self.sheet.focus()

    def follow_job(self, event: JobEvent) -> None:
        """Read the list anew when an evaluation is done, and go to its row."""
        view = self.t2i.job_board.find(event.job_id)
        engine = self.t2i.engine
        if not isinstance(event, JobFinished) or view is None or engine is None:
            return
        if view.kind == EVALUATING:
            self.take_result(engine.evaluator.of_job(event.job_id))

    def take_result(self, found: Evaluation | None) -> None:
        """Go to a result as soon as it is in the list; one that was not kept is there too."""
        if found is not None:
            self._unkept = self._unkept if found.id else found
            self._wanted = str(found.id) if found.id else UNKEPT
            self.load()


async def evaluator_of(engine: Engine) -> Evaluator:
    """The part of the engine that evaluates; its import would hold up the keys."""
    return await asyncio.to_thread(lambda: engine.evaluator)
