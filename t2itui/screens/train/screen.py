"""The keys of the Train screen."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import ContentSwitcher, Static

from engine.errors import RequestError, T2IError
from engine.jobs.codec import request_from_json
from engine.states import JobKind
from t2itui.screens.common.base import HEIGHTS, AppScreen, BindingWatch
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.train.pane import TrainingPane
from t2itui.screens.train.state import (
    COLUMNS,
    EMPTY,
    KeptMatcher,
    Training,
    TrainState,
    in_force_words,
    matcher_detail,
    matcher_row,
    read_state,
    report_plots,
    training_detail,
    training_row,
    trainings,
)
from t2itui.session import CancelJob
from t2itui.text import shell_commands as twins
from t2itui.text.plain import plain
from t2itui.text.plots import Plot
from t2itui.text.words import counted
from t2itui.widgets.plots import PlotRow
from t2itui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.events import JobEvent
    from engine.training.request import TrainRequest
    from t2itui.session import Session


TRAIN_KEYS: list[BindingType] = [
    Binding("n", "new", "Train…", id="train.new", tooltip="Train a matcher: data, encoder, size"),
    Binding("r", "again", "Go on", id="train.again", tooltip="Take up a training that was stopped"),
    Binding(
        "k",
        "keep",
        "Keep anyway",
        id="train.keep",
        tooltip="Keep it although it does no better than the match without labels",
    ),
    Binding("x", "cancel", "Cancel", id="train.cancel", tooltip="Stop this training"),
    Binding("e", "export", "Export", id="train.export", tooltip="Write this matcher to a file"),
    Binding("i", "import", "Import", id="train.import", tooltip="Take in a matcher from a file"),
    Binding("d,delete", "delete", "Delete", id="train.delete", tooltip="Delete this matcher"),
    Binding(
        "f",
        "forget_labels",
        "Forget labels",
        id="train.forget_labels",
        tooltip="Take back every y and n about this encoder's match",
    ),
    Binding("y", "copy_command", "Command", id="train.copy", tooltip="Copy the shell command"),
    Binding(
        "tab",
        "read",
        "Report",
        id="train.read",
        show=False,
        tooltip="Go into the report to scroll it, and back to the list",
    ),
]


ABOUT = (
    "A matcher learns, on embeddings that stay as they are, which texts belong to which pictures."
    " It is kept where it beats the match without labels on pictures held out, and search uses it"
    " from then on.\n\n"
    "n trains one on captions, folders of classes, or the storybook; i takes one in from a file."
    " Without data, y and n on results do a little of the same: l on the Search screen."
)


MOST_PLOTS = 6
"""Of a report: three scorers, each with a curve over thresholds and one of its probabilities."""


class ReportView(VerticalScroll):
    """Shows what there is to read about the row under the cursor."""

    words = getters.query_one(Static)
    plots = getters.query_one(PlotRow)

    def __init__(self, *, in_letters: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self._in_letters = in_letters

    def compose(self) -> ComposeResult:
        yield Static()
        yield PlotRow(MOST_PLOTS, in_letters=self._in_letters)

    def show(self, words: Content | str, plots: Sequence[Plot] = ()) -> None:
        """Show something else, from its beginning."""
        self.words.update(words)
        self.plots.show(plots)
        self.on_resize()
        self.scroll_home(animate=False)

    def on_resize(self) -> None:
        self.plots.fit(self.size.width, self.size.height)


class TrainScreen(AppScreen):
    """Lists trainings and matchers; below, the report or the curves of the one in front."""

    MODE = "train"
    VERTICAL_BREAKPOINTS = HEIGHTS
    DEFAULT_CSS = """
    TrainScreen {
        & #in-force { height: auto; max-height: 2; padding: 0 1; color: $text-muted; }
        & Sheet { height: 4; }
        & ContentSwitcher { height: 1fr; border-top: solid $panel; }
        & ReportView { padding: 0 1; scrollbar-size-vertical: 1; }
        & ReportView > Static { height: auto; }
        & ReportView:focus { background: $boost; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = TRAIN_KEYS

    sheet = getters.query_one(Sheet)
    below = getters.query_one(ContentSwitcher)
    pane = getters.query_one(TrainingPane)
    report = getters.query_one(ReportView)

    class Read(Message, bubble=False):
        """Matchers and trainings were read."""

        def __init__(self, state: TrainState) -> None:
            super().__init__()
            self.state = state

    class Told(Message, bubble=False):
        """Something was done."""

        def __init__(self, words: str, select: str = "") -> None:
            super().__init__()
            self.words = words
            self.select = select
            """The row to go to."""

    class Failed(Message, bubble=False):
        """Something could not be done."""

        def __init__(self, error: T2IError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._watched = BindingWatch(
            self, ("again", "keep", "cancel", "export", "delete", "forget_labels")
        )
        self.state: TrainState | None = None
        self.trainings: dict[str, Training] = {}
        self._wanted = ""
        """Key of the row to go to when it is listed."""
        self._shown: object = None
        """What the report is about, so that nothing is written anew for nothing."""

    def compose_body(self) -> ComposeResult:
        in_letters = self.session.graphics.protocol == "text"
        yield Static("opening the library…", id="in-force")
        yield Sheet(COLUMNS, empty=EMPTY)
        with ContentSwitcher(initial="report"):
            yield ReportView(in_letters=in_letters, id="report")
            yield TrainingPane(in_letters=in_letters, id="pane")

    def on_mount(self) -> None:
        self.until_unmount(self.session.board.subscribe(self.show))
        self.until_unmount(self.session.when_open(self.take_engine))
        self.until_unmount(self.session.job_events.subscribe(self.follow_job))
        self.sheet.focus()

    def take_engine(self) -> None:
        """Read as soon as the engine is open."""
        self.load()

    def on_screen_resume(self) -> None:
        self.load()

    @property
    def engine(self) -> Engine | None:
        """The engine, once it is open."""
        return self.session.engine

    def follow_job(self, event: JobEvent) -> None:
        """Read anew when a training has ended: there may be another matcher."""
        from engine.events import JobCancelled, JobFailed, JobFinished

        view = self.session.board.find(event.job_id)
        ended = isinstance(event, JobFinished | JobFailed | JobCancelled)
        if ended and view is not None and view.kind is JobKind.TRAIN:
            self._go_to_outcome(event.job_id)
            self.load()

    def _go_to_outcome(self, job_id: int) -> None:
        """Go on to the matcher that a training became, if the cursor is on it."""
        row = self.sheet.current
        found = self.engine.training.of_job(job_id) if self.engine is not None else None
        if row is not None and row.key == f"job:{job_id}" and found is not None and found.id:
            self._wanted = f"matcher:{found.id}"

    @work(exclusive=True, group="train")
    async def load(self) -> None:
        """Read matchers and trainings beside the screen."""
        if self.engine is None:
            return
        try:
            self.post_message(self.Read(await read_state(self.engine)))
        except T2IError as error:
            self.post_message(self.Failed(error))

    @on(Read)
    def take(self, message: Read) -> None:
        self.state = message.state
        self.query_one("#in-force", Static).update(Content(plain(in_force_words(message.state))))
        self.show()

    def show(self) -> None:
        """List trainings and matchers as they are now."""
        if self.state is None or self.engine is None:
            return
        found = trainings(self.engine, self.session.board.views, self.state)
        self.trainings = {f"job:{each.job_id}": each for each in found}
        rows = [*map(training_row, found), *map(matcher_row, self.state.matchers)]
        # As high as the list, as long as that leaves the most to what is below it.
        self.sheet.styles.height = min(max(len(rows), 2) + 2, max(4, self.size.height // 3))
        self.sheet.show(rows)
        if self._wanted:
            self.sheet.select(self._wanted)
            row = self.sheet.current
            self._wanted = "" if row is not None and row.key == self._wanted else self._wanted

    # What is under the cursor

    @property
    def training(self) -> Training | None:
        """The training under the cursor."""
        row = self.sheet.current
        return self.trainings.get(row.key) if row is not None else None

    @property
    def matcher(self) -> KeptMatcher | None:
        """The matcher under the cursor."""
        row = self.sheet.current
        if row is None or self.state is None:
            return None
        found = (each for each in self.state.matchers if f"matcher:{each.id}" == row.key)
        return next(found, None)

    @on(Sheet.Highlighted)
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
        if not self.is_mounted:
            return True
        training = self.training
        match action:
            case "again":
                return training is not None and training.can_go_on
            case "keep":
                return training is not None and training.can_be_kept
            case "cancel":
                return training is not None and training.is_active
            case "export" | "delete":
                return self.matcher is not None
            case "forget_labels":
                return bool(self._labels())
        return True

    def _labels(self) -> int:
        """How many labels there are about the match of the encoder under the cursor."""
        matcher = self.matcher
        if matcher is None or self.state is None:
            return 0
        found = self.state.labelled.get(matcher.encoder_id)
        return 0 if found is None else found.count

    # Training

    def action_new(self) -> None:
        """Ask what to train on, beginning with what the row under the cursor was trained on."""
        from t2itui.screens.train.form import TrainForm

        if self.engine is None:
            return
        known = tuple(self.state.labelled) if self.state is not None else ()
        first = self._request()
        self.app.push_screen(TrainForm(self.session.home, encoders=known, first=first), self.start)

    @on(Sheet.Chosen)
    def choose(self) -> None:
        """Go on with a training that was stopped, else into the report."""
        if self.check_action("again", ()):
            self.action_again()
        else:
            self.action_read()

    def _request(self) -> TrainRequest | None:
        """What the row under the cursor was asked for; None where nobody knows."""
        from engine.training.request import TrainRequest

        if self.training is not None:
            return self.training.request
        matcher = self.matcher
        if matcher is None or matcher.report is None:
            return None
        try:
            return request_from_json(TrainRequest, matcher.report.request)
        except RequestError:
            return None

    def start(self, request: TrainRequest | None) -> None:
        """Start a training, or go on with the same one that was stopped."""
        if request is not None and self.engine is not None:
            self._wanted = f"job:{self.engine.train(request).id}"

    def action_again(self) -> None:
        """Take up the training under the cursor."""
        if self.training is not None and self.training.can_go_on:
            self.start(self.training.request)

    def action_cancel(self) -> None:
        """Stop the training under the cursor."""
        if self.training is not None:
            self.session.send(CancelJob(self.training.job_id))

    def action_keep(self) -> None:
        """Keep what was trained although it does no better."""
        if self.training is not None:
            self._keep(self.training.job_id)

    @work(group="change")
    async def _keep(self, job_id: int) -> None:
        engine = self.engine
        if engine is None:
            return
        try:
            kept = await engine.training.keep(job_id)
        except T2IError as error:
            self.post_message(self.Failed(error))
        else:
            words = f"Matcher {kept} is in force for its encoder"
            self.post_message(self.Told(words, f"matcher:{kept}"))

    # Matchers

    def action_export(self) -> None:
        """Ask where to write the matcher under the cursor."""
        from t2itui.screens.train.form import ExportMatcher

        matcher, engine = self.matcher, self.engine
        if matcher is None or engine is None:
            return

        def write(target: Path | None) -> None:
            if target is not None:
                self._change(engine.training.export(matcher.id, target), f"{target} is written")

        self.app.push_screen(ExportMatcher(self.session.home, matcher.id), write)

    def action_import(self) -> None:
        """Ask for a file with a matcher."""
        from t2itui.screens.train.form import ImportMatcher

        engine = self.engine
        if engine is None:
            return

        def take(source: Path | None) -> None:
            if source is not None:
                self._import(engine, source)

        self.app.push_screen(ImportMatcher(self.session.home), take)

    @work(group="change")
    async def _import(self, engine: Engine, source: Path) -> None:
        try:
            kept = await engine.training.take_in(source)
        except T2IError as error:
            self.post_message(self.Failed(error))
        else:
            words = f"Matcher {kept} is in force for its encoder"
            self.post_message(self.Told(words, f"matcher:{kept}"))

    @work(group="change")
    async def action_delete(self) -> None:
        """Delete the matcher under the cursor, if the person is sure."""
        matcher, engine = self.matcher, self.engine
        if matcher is None or engine is None or self.state is None:
            return
        same = [each for each in self.state.matchers if each.encoder_id == matcher.encoder_id]
        then = f"matcher {same[1].id}" if matcher.is_in_force and len(same) > 1 else ""
        consequence = "Search does not use it: another one is in force."
        if matcher.is_in_force:
            consequence = f"{then or 'the match without labels'} is in force then."
        question = Confirm(
            f"Delete matcher {matcher.id} for {matcher.encoder_id}?",
            f"{consequence} Export it first (e) if you may want it back.",
            go="Delete (enter)",
            command=twins.remove_matcher_command(self.session.home, matcher.id),
        )
        if await self.app.push_screen_wait(question):
            self._change(engine.training.remove(matcher.id), f"Matcher {matcher.id} is deleted")

    @work(group="change")
    async def action_forget_labels(self) -> None:
        """Take back every label about this encoder's match, if the person is sure."""
        matcher, engine, count = self.matcher, self.engine, self._labels()
        if matcher is None or engine is None or not count:
            return
        question = Confirm(
            f"Forget what you said of {counted(count, 'picture')}?",
            f"The match of {matcher.encoder_id} is then as it was before the first y or n.",
            go="Forget (enter)",
            command=twins.forget_labels_command(self.session.home, matcher.encoder_id),
        )
        if await self.app.push_screen_wait(question):
            forgetting = engine.searcher.labels.forget(matcher.encoder_id)
            self._change(forgetting, f"{counted(count, 'label')} forgotten")

    @work(group="change")
    async def _change(self, work: Awaitable[object], words: str) -> None:
        """Await a change and tell of it."""
        try:
            await work
        except T2IError as error:
            self.post_message(self.Failed(error))
        else:
            self.post_message(self.Told(words))

    @on(Told)
    def tell(self, message: Told) -> None:
        self._wanted = message.select
        self.notify(plain(message.words), title="Matchers", markup=False)
        self.load()

    @on(Failed)
    def tell_problem(self, message: Failed) -> None:
        self.session.report_error("Matchers", message.error)

    # The rest

    def action_read(self) -> None:
        """Go into the report, or back to the list."""
        (self.sheet if self.report.has_focus else self.report).focus()

    def action_copy_command(self) -> None:
        """Copy the command that does the same as the row under the cursor."""
        home, request = self.session.home, self._request()
        command = twins.models_command(home)
        if request is not None:
            command = twins.job_command(home, request)
        self.app.copy_to_clipboard(command)
        self.notify(plain(command), title="Copied", markup=False)
