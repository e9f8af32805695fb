"""The app: opens the engine after the first paint, holds the screens, does what they ask for."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on, work
from textual.actions import parse
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.dom import DOMNode
from textual.driver import Driver
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.worker import Worker, WorkerFailed

from engine.errors import EngineError, T2IError
from t2itui.boundary import Boundary
from t2itui.graphics.picture import free_pictures
from t2itui.keys import bindings, key_of
from t2itui.modes import SCREEN_OF, SCREENS
from t2itui.screens.common.base import AppScreen
from t2itui.screens.common.help import HelpScreen
from t2itui.screens.generate.controller import GenerationController
from t2itui.screens.jobs.controller import JobsController
from t2itui.session import (
    AskForFolder,
    AskForVectors,
    ComparePictures,
    EditRequest,
    Intent,
    Notice,
    OpenEngine,
    OpenSearch,
    OpenSheet,
    RefreshStatus,
    ReplayReceipt,
    Session,
    ShowJobs,
    ShowScreen,
    WatchJob,
    Work,
)
from t2itui.status import read_status
from t2itui.text.plain import plain
from t2itui.widgets.basics import NoControls

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.events import JobEvent
    from engine.generation.request import GenerateRequest
    from engine.requests import AttachRequest, ImportRequest, IndexRequest

OpenResources = Callable[[], AbstractAsyncContextManager["Engine"]]
"""Called in a thread, so that what it imports does not hold up the screen."""

THEMES = (
    "textual-dark",
    "textual-light",
    "nord",
    "gruvbox",
    "tokyo-night",
    "catppuccin-latte",
    "solarized-light",
)
"""What the theme key goes through; the command palette offers the others too."""

CRASHED = 3
"""The exit code after an unexpected error: what was wanted could not be done."""
STATUS_S = 0.25
"""The least time between two readings of the top line's figures."""
SAVE_S = 0.5
"""Settings are written once they have rested so long, and on the way out."""
COLLECTOR_THRESHOLDS = (5_000, 10, 100)
"""Objects, then collections of each generation; Python's own 700, 10, 10 walk all too often.

With more objects the youngest generation alone takes longer than a key may.
"""
NOT_ON_HELP = frozenset({"keys"})
NEEDS_FRONT = frozenset({"go", "edit_prompt", "watch", "another_seed", "unload"})
"""Actions that are not offered behind a dialog."""


class EngineReady(Message):
    """The cache is open and the engine takes requests."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine


class EngineFailed(Message):
    """The cache could not be opened."""

    def __init__(self, error: T2IError) -> None:
        super().__init__()
        self.error = error


class JobReported(Message):
    """One event of a background job; a newer progress event replaces an older one."""

    def __init__(self, event: JobEvent) -> None:
        super().__init__()
        self.event = event

    def can_replace(self, message: Message) -> bool:
        from engine.events import JobProgress

        return (
            isinstance(message, JobReported)
            and isinstance(self.event, JobProgress)
            and isinstance(message.event, JobProgress)
            and self.event.job_id == message.event.job_id
        )


class T2ITuiApp(App[None]):
    """Search your own pictures by description, in the terminal."""

    TITLE = "t2itui"
    CSS_PATH = "t2itui.tcss"
    DEFAULT_MODE = "search"
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")

    def __init__(
        self,
        open_engine: OpenResources,
        session: Session,
        *,
        driver_class: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class)
        for mode, make in SCREENS.items():
            self.add_mode(mode, partial(make, session))
        self._filters.append(NoControls())
        self.session = session
        self.jobs = JobsController(session)
        self.generation = GenerationController(session, self)
        self.graphics = session.graphics
        """How pictures are drawn; their widgets look here."""
        session.intents.subscribe(self._fulfil)
        session.notices.subscribe(self._show_notice)
        session.settings_changed.subscribe(lambda _: self._save_soon())
        self._open_engine = open_engine
        self._resources = AsyncExitStack()
        self._sees_jobs_through = False
        self._hurry = asyncio.Event()
        self._unsaved: Timer | None = None
        self._is_status_stale = False
        self._is_reading_status = False
        self._last_words: tuple[str, ...] = ()
        self._boundary = Boundary(self, lambda: session.home)

    def on_mount(self) -> None:
        self.set_keymap(self.session.settings.keys)
        if self.session.settings.theme in self.available_themes:
            self.theme = self.session.settings.theme
        self.theme_changed_signal.subscribe(
            self, lambda theme: self.session.remember(theme=theme.name)
        )
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        self.call_after_refresh(self.open_engine)

    def run_beside(self, work: Work, *, group: str, exclusive: bool = False) -> None:
        """Run what a controller waits for."""
        _: Worker[None] = self.run_worker(work, group=group, exclusive=exclusive)

    def on_exit_app(self) -> None:
        free_pictures(self)

    async def on_unmount(self) -> None:
        if self._unsaved is not None:
            self._write_settings()
        if self._sees_jobs_through:
            await self._jobs_ended_or_hurry()
        await self._resources.aclose()

    def _register(self, parent: DOMNode, *widgets: Widget, **where: Any) -> list[Widget]:  # noqa: ANN401 - Textual's own
        for widget in widgets:
            self._boundary.watch(widget)
        return super()._register(parent, *widgets, **where)

    async def _dispatch_message(self, message: Message) -> None:
        await self._boundary.dispatch(super()._dispatch_message, message)

    def leave(self, number: signal.Signals) -> bool:
        """End because of a signal; whether what runs is seen through first, without a terminal."""
        engine = self.session.engine
        self._sees_jobs_through = (
            number == signal.SIGHUP
            and self.session.settings.jobs_go_on
            and engine is not None
            and any(job.is_active for job in engine.jobs.list())
        )
        if not self._sees_jobs_through:
            self._hurry.set()
        self.exit(return_code=128 + number)
        return self._sees_jobs_through

    async def _jobs_ended_or_hurry(self) -> None:
        assert self.session.engine is not None
        waits = [
            asyncio.create_task(each)
            for each in (self.session.engine.jobs.ended(), self._hurry.wait())
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()

    def _handle_exception(self, error: Exception) -> None:
        """Go on where that is possible; else leave two lines and a log.

        A test gets the exception itself.
        """
        cause = error.error if isinstance(error, WorkerFailed) else error
        if isinstance(cause, Exception) and self._boundary.holds(cause):
            return
        if self.is_headless:
            super()._handle_exception(error)
            return
        from t2itui.crash import last_words, logged

        if self._exit:  # What fails while it leaves does not change why it left.
            logged(self.session.home, cause)
            self._close_messages_no_wait()
            return
        self._return_code = CRASHED
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
            self._last_words = last_words(self.session.home, cause)
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        """Say the last words once the terminal is the shell's again."""
        super()._print_error_renderables()
        for line in self._last_words:
            print(line, file=sys.__stderr__)
        self._last_words = ()

    # The engine and its jobs

    @work(group="engine")
    async def open_engine(self) -> None:
        """Import and open the engine beside the running screen."""
        try:
            opening = await asyncio.to_thread(self._open_engine)
            engine = await self._resources.enter_async_context(opening)
            await asyncio.to_thread(_import_parts, engine)
        except T2IError as error:
            self.post_message(EngineFailed(error))
        else:
            self.post_message(EngineReady(engine))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say in the answer's place, too, that the engine did not open; `r` tries again."""
        error = event.worker.error
        if event.worker.group == "engine" and isinstance(error, Exception):
            self.post_message(EngineFailed(EngineError(f"the library did not open: {error}")))

    @on(EngineReady)
    def take_engine(self, message: EngineReady) -> None:
        message.engine.jobs.subscribe(self._report_job)
        self.session.open(message.engine)
        self.run_beside(partial(self.jobs.report_lost, message.engine), group="lost")
        self.update_status()
        if not self.is_headless:
            calm_collector()

    def _report_job(self, event: JobEvent) -> None:
        self.post_message(JobReported(event))

    @on(JobReported)
    def pass_job_event_on(self, message: JobReported) -> None:
        self.session.take_event(message.event)

    @on(EngineFailed)
    def pass_failure_on(self, message: EngineFailed) -> None:
        self.session.open_failed.publish(message.error)

    # What screens ask for

    def _fulfil(self, intent: Intent) -> None:
        match intent:
            case OpenSearch() | ReplayReceipt() | ComparePictures() | OpenSheet():
                self.call_later(self._show_screen, intent)
            case ShowJobs():
                self.call_later(self.action_jobs)
            case WatchJob(job_id):
                self.call_later(self._show_job, job_id)
            case EditRequest():
                self.call_later(self._show_form, intent)
            case AskForFolder():
                self._ask_for_folder()
            case AskForVectors():
                self.call_later(self._ask_for_vectors)
            case OpenEngine():
                self.open_engine()
            case RefreshStatus():
                self.update_status()
            case _:
                pass  # The controllers see to it.

    async def _show_screen(self, intent: ShowScreen) -> None:
        await self.switch_mode(SCREEN_OF[type(intent)])
        screen = self.screen_stack[0]
        assert isinstance(screen, AppScreen)
        screen.fulfil(intent)

    def _show_job(self, job_id: int) -> None:
        from t2itui.screens.generate.screen import GenerationScreen

        if isinstance(self.screen, GenerationScreen):
            self.screen.follow_job(job_id)
        else:
            self.push_screen(GenerationScreen(self.session, job_id))

    def _show_form(self, wanted: EditRequest) -> None:
        from t2itui.screens.generate.form import GenerateForm

        session = self.session
        if session.engine is None or isinstance(self.screen, GenerateForm):
            return
        form = GenerateForm(
            session.engine,
            replace(wanted.request, preview=session.settings.previews),
            wanted.warnings,
            library=session.collection,
            home=session.home,
        )
        self.push_screen(form, self._take_form)

    def _take_form(self, request: GenerateRequest | None) -> None:
        """Generate what the form asks for; the screen in front may do that in its own way."""
        if request is None:
            return
        self.session.remember(previews=request.preview)
        front = self.screen
        if not (isinstance(front, AppScreen) and front.take_request(request)):
            self.generation.accept(request)

    @work(group="add")
    async def _ask_for_folder(self) -> None:
        from t2itui.screens.library.forms import AddFolder

        engine, home = self.session.engine, self.session.home
        if engine is not None:
            form = AddFolder(
                home,
                models=await engine.models(),
                default_encoder=engine.settings.encoder,
                holds_shards=engine.attachments.holds_shards,
            )
            self.push_screen(form, self._start)

    def _start(self, request: IndexRequest | AttachRequest | None) -> None:
        if request is not None and self.session.engine is not None:
            self.session.engine.start(request)

    def _ask_for_vectors(self) -> None:
        from t2itui.screens.library.forms import ImportVectors

        self.push_screen(ImportVectors(self.session.home), self._import)

    def _import(self, request: ImportRequest | None) -> None:
        if request is not None and self.session.engine is not None:
            self.session.engine.import_vectors(request)

    def _show_notice(self, notice: Notice) -> None:
        self.notify(
            "\n".join(plain(line) for line in notice.message.split("\n")),
            title=plain(notice.title),
            severity=notice.severity,
            timeout=notice.seconds,
            markup=False,
        )

    # Status and settings

    def update_status(self) -> None:
        """Read the figures of the top line anew; one reading at a time, and one after it."""
        self._is_status_stale = True
        if not self._is_reading_status:
            self._is_reading_status = True
            self._read_status()

    @work(group="status")
    async def _read_status(self) -> None:
        session = self.session
        try:
            while self._is_status_stale and session.engine is not None and self.is_running:
                self._is_status_stale = False
                status = await read_status(
                    session.engine,
                    self.graphics.protocol,
                    in_built_in=bool(session.collection),
                )
                session.show_status(status)
                await asyncio.sleep(STATUS_S)
        finally:
            self._is_reading_status = False

    def _save_soon(self) -> None:
        if self._unsaved is not None:
            self._unsaved.stop()
        self._unsaved = self.set_timer(SAVE_S, self._save_settings)

    @work(exclusive=True, group="settings")
    async def _save_settings(self) -> None:
        self._unsaved = None
        await asyncio.to_thread(self._write_settings)

    def _write_settings(self) -> None:
        try:
            self.session.save_settings()
        except OSError as error:
            self.log.warning(f"settings not kept: {error}")

    # Keys

    async def on_event(self, event: events.Event) -> None:
        """Outside of texts, take a key that was typed in full width for the plain one."""
        if isinstance(event, events.InputEvent) and not self.screen_stack:
            return  # The app is closing.
        if isinstance(event, events.Key) and event.character and not event.character.isascii():
            front = self.focused or self.screen
            if not front.check_consume_key(event.key, event.character):
                event = events.Key(*key_of(event.character))
        await super().on_event(event)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer no help on the help screen, and no other screen behind a dialog."""
        if action in NOT_ON_HELP:
            return not isinstance(self.screen, HelpScreen)
        return not (action in NEEDS_FRONT and isinstance(self.screen, ModalScreen))

    def action_go(self, mode: str) -> None:
        """Show another screen; a screen laid over this one goes first."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self.switch_mode(mode)

    def action_keys(self) -> None:
        """Show every key of the screen in front."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen, self.session))

    def action_jobs(self) -> None:
        """Show all jobs."""
        from t2itui.screens.jobs.screen import JobsScreen

        if not isinstance(self.screen, JobsScreen):
            self.push_screen(JobsScreen(self.session))

    def action_cancel_job(self, job_id: int | None = None) -> None:
        """Cancel a job; without an id the one that runs, or, where several run, ask which."""
        self.jobs.cancel(job_id)

    def action_dismiss_job(self, job_id: int | None = None) -> None:
        """Take an outcome, or all of them, out of sight."""
        self.jobs.dismiss(job_id)

    def action_edit_prompt(self) -> None:
        """Ask what to generate, starting with the query on the Search screen."""
        self.generation.edit_prompt()

    def action_watch(self, job_id: int | None = None) -> None:
        """Show a generation job large; without an id the one at work, or the last one."""
        if job_id is None:
            self.generation.watch()
        else:
            self._show_job(job_id)

    def action_another_seed(self) -> None:
        """Generate what was generated last with another seed, unless the screen has its own."""
        front = self.screen
        if not (isinstance(front, AppScreen) and front.take_another_seed()):
            self.generation.another_seed()

    def action_unload(self) -> None:
        """Free the generator's memory and say how much that gave."""
        self.run_beside(self.generation.unload, group="unload")

    def action_next_theme(self) -> None:
        """Go to the next theme of the short list."""
        at = THEMES.index(self.theme) if self.theme in THEMES else -1
        self.theme = THEMES[(at + 1) % len(THEMES)]
        self.notify(self.theme, title="Theme", timeout=2)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer every action of the screen in front in the command palette."""
        yield SystemCommand("Choose a theme", "Pick from all themes", self.action_change_theme)
        seen: set[str] = set()
        offered = [
            (active.binding, active.node)
            for active in screen.active_bindings.values()
            if active.enabled
        ]
        # A line for text takes the letters, and so hides what else they stand for.
        offered += [
            (binding, node)
            for node in (screen, self)
            for _, binding in node._bindings
            if _is_offered(node, binding.action)
        ]
        for binding, node in offered:
            if binding.action in seen or not binding.tooltip:
                continue
            seen.add(binding.action)
            yield SystemCommand(
                f"{binding.description}  ({self.get_key_display(binding)})",
                binding.tooltip,
                _action_caller(self, binding.action, node),
            )


def _import_parts(engine: Engine) -> None:
    """Import what the first search needs, which on the event loop would hold up the keys."""
    for part in ("library", "history", "searcher"):
        getattr(engine, part)


def _is_offered(node: DOMNode, action: str) -> bool:
    _, name, parameters = parse(action)
    return node.check_action(name, parameters) is True


def _action_caller(app: App[None], action: str, node: DOMNode) -> Callable[[], None]:
    async def run() -> None:
        await app.run_action(action, default_namespace=node)

    def call() -> None:
        app.call_later(run)

    return call


def calm_collector() -> None:
    """Leave what exists now out of all later garbage collections, and collect more rarely.

    A full collection walks every widget and style there is: 150 ms on 120 x 36 cells, on every
    tenth key. What is left out is the app itself, which lives as long as the process.
    """
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
