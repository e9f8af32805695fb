"""The Train screen: trainings and matchers as a list, and what there is to read below."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import ContentSwitcher, Static

from engine.errors import T2IError
from engine.states import JobKind
from t2itui.keys import bindings
from t2itui.screens.common.base import HEIGHTS, AppScreen, BindingWatch
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.train.controller import TrainController
from t2itui.screens.train.detail import (
    ABOUT,
    ReportView,
    TrainingPane,
    matcher_detail,
    report_plots,
    training_detail,
)
from t2itui.screens.train.list import (
    COLUMNS,
    EMPTY,
    ListedMatcher,
    ListedTraining,
    TrainState,
    in_force_words,
)
from t2itui.session import CancelJob
from t2itui.text import shell_commands
from t2itui.text.plain import plain
from t2itui.text.words import counted
from t2itui.widgets.rows import RowList

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.events import JobEvent
    from engine.requests import TrainRequest
    from t2itui.session import Session

WATCHED = ("again", "store", "cancel", "export", "delete", "forget_labels")
"""Actions that the footer allows for some rows only."""


class TrainScreen(AppScreen):
    """Lists trainings and matchers; below, the report or the curves of the one in front."""

    MODE = "train"
    VERTICAL_BREAKPOINTS = HEIGHTS
    DEFAULT_CSS = """
    TrainScreen {
        & #in-force { height: auto; max-height: 2; padding: 0 1; color: $text-muted; }
        & RowList { height: 4; }
        & ContentSwitcher { height: 1fr; border-top: solid $panel; }
        & ReportView { padding: 0 1; scrollbar-size-vertical: 1; }
        & ReportView > Static { height: auto; }
        & ReportView:focus { background: $boost; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("train")

    listing = getters.query_one(RowList)
    below = getters.query_one(ContentSwitcher)
    pane = getters.query_one(TrainingPane)
    report = getters.query_one(ReportView)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.controller = TrainController(session)
        self._watched = BindingWatch(self, WATCHED)
        self._shown: object = None
        """What the report is about, so that nothing is written anew for nothing."""

    def compose_body(self) -> ComposeResult:
        in_letters = self.session.graphics.is_text
        yield Static("opening the library…", id="in-force")
        yield RowList(COLUMNS, empty=EMPTY)
        with ContentSwitcher(initial="report"):
            yield ReportView(in_letters=in_letters, id="report")
            yield TrainingPane(in_letters=in_letters, id="pane")

    def on_mount(self) -> None:
        self.until_unmount(self.session.board.subscribe(self.show))
        self.until_unmount(self.session.when_open(self.take_engine))
        self.until_unmount(self.session.job_events.subscribe(self.follow_job))
        self.listing.focus()

    def take_engine(self) -> None:
        """Read as soon as the engine is open."""
        self.load()

    def on_screen_resume(self) -> None:
        self.load()

    @property
    def engine(self) -> Engine | None:
        """The engine, once it is open."""
        return self.session.engine

    @property
    def state(self) -> TrainState | None:
        """What was read last."""
        return self.controller.state

    def follow_job(self, event: JobEvent) -> None:
        """Read anew when a training has ended: there may be another matcher."""
        from engine.events import JobCancelled, JobFailed, JobFinished

        view = self.session.board.find(event.job_id)
        ended = isinstance(event, JobFinished | JobFailed | JobCancelled)
        if ended and view is not None and view.kind is JobKind.TRAIN and self.engine is not None:
            self.controller.follow_end(event.job_id, self.key)
            self.load()

    @work(exclusive=True, group="train")
    async def load(self) -> None:
        """Read matchers and trainings beside the screen."""
        if self.engine is None:
            return
        try:
            self.call_later(self.take, await self.controller.read())
        except T2IError as error:
            self.call_later(self.show_failed, error)

    def take(self, state: TrainState) -> None:
        self.controller.state = state
        self.query_one("#in-force", Static).update(Content(plain(in_force_words(state))))
        self.show()

    def show(self) -> None:
        """List trainings and matchers as they are now."""
        if self.state is None or self.engine is None:
            return
        rows = self.controller.rows()
        # As high as the list, as long as that leaves the most to what is below it.
        self.listing.styles.height = min(max(len(rows), 2) + 2, max(4, self.size.height // 3))
        self.listing.show(rows)
        if self.controller.wanted:
            self.listing.select(self.controller.wanted)
            if self.key == self.controller.wanted:
                self.controller.wanted = ""

    # What is under the cursor

    @property
    def key(self) -> str:
        """The key of the row under the cursor; empty where there is none."""
        row = self.listing.current
        return row.key if row is not None else ""

    @property
    def training(self) -> ListedTraining | None:
        """The training under the cursor."""
        return self.controller.training(self.key)

    @property
    def matcher(self) -> ListedMatcher | None:
        """The matcher under the cursor."""
        return self.controller.matcher(self.key)

    @on(RowList.Highlighted)
    def show_current(self) -> None:
        """Show the curves of a training at work, the report of anything else."""
        training, matcher = self.training, self.matcher
        self._watched.follow()
        if training is not None and training.is_active and training.view is not None:
            self.below.current = "pane"
            self.pane.follow(training.view)
            return
        self.below.current = "report"
        about: object = training or matcher
        if about is not None and about == self._shown:
            return
        self._shown = about
        if training is not None:
            report = training.trained.report if training.trained is not None else None
            self.report.show(training_detail(training), report_plots(report))
        elif matcher is not None:
            self.report.show(matcher_detail(matcher), report_plots(matcher.report))
        else:
            self.report.show(ABOUT)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done with the row under the cursor."""
        return not self.is_mounted or self.controller.allows(action, self.key)

    # Training

    def action_new(self) -> None:
        """Ask what to train on, beginning with what the row under the cursor was trained on."""
        from t2itui.screens.train.form import TrainForm

        if self.engine is None:
            return
        known = tuple(self.state.labelled) if self.state is not None else ()
        form = TrainForm(self.session.home, encoders=known, first=self.controller.request(self.key))
        self.app.push_screen(form, self.start)

    @on(RowList.Chosen)
    def choose(self) -> None:
        """Go on with a training that was stopped, else into the report."""
        if self.check_action("again", ()):
            self.action_again()
        else:
            self.action_read()

    def start(self, request: TrainRequest | None) -> None:
        """Start a training, or go on with the same one that was stopped."""
        if request is not None:
            self.controller.start(request)

    def action_again(self) -> None:
        """Take up the training under the cursor."""
        if self.training is not None and self.training.can_go_on:
            self.start(self.training.request)

    def action_cancel(self) -> None:
        """Stop the training under the cursor."""
        if self.training is not None:
            self.session.send(CancelJob(self.training.job_id))

    def action_store(self) -> None:
        """Keep what was trained although it does no better."""
        if self.training is not None:
            self._change(self.controller.store(self.training.job_id))

    # Matchers

    @work(group="change")
    async def action_export(self) -> None:
        """Ask where to write the matcher under the cursor."""
        from t2itui.screens.train.form import ExportMatcher

        matcher = self.matcher
        if matcher is None:
            return
        target = await self.app.push_screen_wait(ExportMatcher(self.session.home, matcher.id))
        if target is not None:
            self._change(self.controller.export(matcher.id, target))

    @work(group="change")
    async def action_import(self) -> None:
        """Ask for a file with a matcher."""
        from t2itui.screens.train.form import ImportMatcher

        if self.engine is None:
            return
        source = await self.app.push_screen_wait(ImportMatcher(self.session.home))
        if source is not None:
            self._change(self.controller.take_in(source))

    @work(group="change")
    async def action_delete(self) -> None:
        """Delete the matcher under the cursor, if the person is sure."""
        matcher = self.matcher
        if matcher is None:
            return
        question = Confirm(
            f"Delete matcher {matcher.id} for {matcher.encoder_id}?",
            f"{self.controller.after_deletion(matcher)} Export it first (e) if you may want it"
            " back.",
            go="Delete (enter)",
            command=shell_commands.remove_matcher_command(self.session.home, matcher.id),
        )
        if await self.app.push_screen_wait(question):
            self._change(self.controller.delete(matcher.id))

    @work(group="change")
    async def action_forget_labels(self) -> None:
        """Take back every label about this encoder's match, if the person is sure."""
        matcher, count = self.matcher, self.controller.labels(self.key)
        if matcher is None or not count:
            return
        question = Confirm(
            f"Forget what you said of {counted(count, 'picture')}?",
            f"The match of {matcher.encoder_id} is then as it was before the first y or n.",
            go="Forget (enter)",
            command=shell_commands.forget_labels_command(self.session.home, matcher.encoder_id),
        )
        if await self.app.push_screen_wait(question):
            self._change(self.controller.forget_labels(matcher.encoder_id, count))

    @work(group="change")
    async def _change(self, change: Awaitable[str]) -> None:
        """Await a change and say what came of it."""
        try:
            self.call_later(self.show_done, await change)
        except T2IError as error:
            self.call_later(self.show_failed, error)

    def show_done(self, words: str) -> None:
        self.notify(plain(words), title="Matchers", markup=False)
        self.load()

    def show_failed(self, error: T2IError) -> None:
        self.session.report_error("Matchers", error)

    # The rest

    def action_read(self) -> None:
        """Go into the report, or back to the list."""
        (self.listing if self.report.has_focus else self.report).focus()

    def action_copy_command(self) -> None:
        """Copy the command that does the same as the row under the cursor."""
        home, request = self.session.home, self.controller.request(self.key)
        command = shell_commands.models_command(home)
        if request is not None:
            command = shell_commands.job_command(home, request)
        self.copy(command)
