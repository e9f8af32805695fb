"""The app: opens the engine after the first paint, holds the screens, remembers the settings."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.actions import parse
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.reactive import var
from textual.screen import ModalScreen, Screen
from textual.signal import Signal
from textual.timer import Timer
from textual.worker import WorkerFailed

from engine.errors import T2IError
from t2itui.collector import calm_collector
from t2itui.graphics.picture import free_pictures
from t2itui.messages import (
    CompareWanted,
    EngineFailed,
    EngineReady,
    JobReported,
    ReplayWanted,
    SearchWanted,
)
from t2itui.paint_host import PaintHost
from t2itui.screens.search.screen import SearchScreen
from t2itui.settings import AppSettings, save
from t2itui.status import Status, read_status

if TYPE_CHECKING:
    from pathlib import Path

    from engine.engine import Engine
    from engine.events import JobEvent
    from engine.generation.request import GenerateRequest
    from t2itui.graphics.capability import Graphics

OpenEngine = Callable[[], AbstractAsyncContextManager["Engine"]]
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


def _compare_screen() -> Screen[None]:
    from t2itui.screens.compare.screen import CompareScreen

    return CompareScreen()


def _evaluate_screen() -> Screen[None]:
    from t2itui.screens.evaluate.screen import EvaluateScreen

    return EvaluateScreen()


def _train_screen() -> Screen[None]:
    from t2itui.screens.train.screen import TrainScreen

    return TrainScreen()


def _library_screen() -> Screen[None]:
    from t2itui.screens.library.screen import LibraryScreen

    return LibraryScreen()


def _history_screen() -> Screen[None]:
    from t2itui.screens.history.screen import HistoryScreen

    return HistoryScreen()


class T2ITuiApp(PaintHost):
    """Search your own pictures by description, in the terminal."""

    TITLE = "t2itui"
    CSS_PATH = "t2itui.tcss"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[None]]]] = {
        "search": SearchScreen,
        "compare": _compare_screen,
        "evaluate": _evaluate_screen,
        "train": _train_screen,
        "library": _library_screen,
        "history": _history_screen,
    }
    DEFAULT_MODE = "search"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "1,f2",
            "go('search')",
            "Search",
            id="app.search",
            show=False,
            tooltip="Search: ask, rank, decide",
        ),
        Binding(
            "2,f3",
            "go('compare')",
            "Compare",
            id="app.compare",
            show=False,
            tooltip="Compare: descriptions of growing detail against pictures",
        ),
        Binding(
            "3,f4",
            "go('evaluate')",
            "Evaluate",
            id="app.evaluate",
            show=False,
            tooltip="Evaluate: how well the scorers do",
        ),
        Binding(
            "4,f5",
            "go('train')",
            "Train",
            id="app.train",
            show=False,
            tooltip="Train: matchers of one's own",
        ),
        Binding(
            "5,f6",
            "go('library')",
            "Library",
            id="app.library",
            show=False,
            tooltip="Library: folders, failures, indexing",
        ),
        Binding(
            "6,f7",
            "go('history')",
            "History",
            id="app.history",
            show=False,
            tooltip="History: earlier decisions, receipts",
        ),
        Binding(
            "question_mark,f1",
            "keys",
            "Help",
            id="app.help",
            key_display="?",
            tooltip="Show every key of the screen",
        ),
        Binding(
            "t",
            "next_theme",
            "Theme",
            id="app.theme",
            show=False,
            tooltip="The next colour theme",
        ),
        Binding("q,ctrl+q", "quit", "Quit", id="app.quit", show=False, tooltip="Leave t2itui"),
    ]

    status: var[Status] = var(Status(), init=False)
    """What the top line shows; screens watch it."""

    def __init__(
        self,
        open_engine: OpenEngine,
        *,
        graphics: Graphics,
        settings: AppSettings | None = None,
        home: Path | None = None,
        start_query: str | None = None,
    ) -> None:
        super().__init__()
        self.graphics = graphics
        """How pictures are drawn."""
        self.settings = settings or AppSettings()
        """What the app remembers; change it through `remember`."""
        self.home = home
        """Where the settings are kept; None keeps them for this run only."""
        self.job_events: Signal[JobEvent] = Signal(self, "job_events")
        """Every event of every job; subscribe on mount."""
        self.start_query = start_query
        self._open_engine = open_engine
        self._resources = AsyncExitStack()
        self._unsaved: Timer | None = None
        self._is_status_stale = False
        self._is_reading_status = False
        self._last_words: tuple[str, ...] = ()

    def on_mount(self) -> None:
        if self.settings.theme in self.available_themes:
            self.theme = self.settings.theme
        self.theme_changed_signal.subscribe(self, lambda theme: self._theme_chosen(theme.name))
        self.status = Status(graphics=self.graphics.protocol)
        self.call_after_refresh(self.open_engine)

    def on_exit_app(self) -> None:
        free_pictures(self)

    async def on_unmount(self) -> None:
        if self._unsaved is not None:
            self._write_settings()
        await self._resources.aclose()

    def _handle_exception(self, error: Exception) -> None:
        """Leave two lines and a log; a test gets the exception itself."""
        if self.is_headless:
            super()._handle_exception(error)
            return
        from t2itui.crash import last_words

        self._return_code = CRASHED
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
            cause = error.error if isinstance(error, WorkerFailed) else error
            self._last_words = last_words(self.home, cause)
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        """Say the last words once the terminal is the shell's again."""
        super()._print_error_renderables()
        for line in self._last_words:
            print(line, file=sys.__stderr__)
        self._last_words = ()

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

    @on(EngineReady)
    def take_engine(self, message: EngineReady) -> None:
        message.engine.jobs.subscribe(self._report_job)
        self.engine = message.engine
        self.update_status()
        if not self.is_headless:
            calm_collector()

    def _report_job(self, event: JobEvent) -> None:
        self.post_message(JobReported(event))

    @on(EngineFailed)
    def show_failure(self, message: EngineFailed) -> None:
        if self.is_running:
            self.query_search().show_error(message.error)

    @on(JobReported)
    def pass_job_event_on(self, message: JobReported) -> None:
        from engine.events import JobCancelled, JobFailed, JobFinished, LibraryChanged

        self.job_events.publish(message.event)
        if isinstance(message.event, LibraryChanged | JobFinished | JobFailed | JobCancelled):
            self.update_status()

    @on(SearchWanted)
    async def go_and_search(self, message: SearchWanted) -> None:
        await self.switch_mode("search")
        self.query_search().search_for(message.query)

    @on(ReplayWanted)
    async def go_and_replay(self, message: ReplayWanted) -> None:
        await self.switch_mode("search")
        self.query_search().replay(message.receipt_id)

    @on(CompareWanted)
    async def go_and_compare(self, message: CompareWanted) -> None:
        from t2itui.screens.compare.screen import CompareScreen

        await self.switch_mode("compare")
        screen = self._screen_stacks["compare"][0]
        assert isinstance(screen, CompareScreen)
        screen.begin(message.pictures, message.texts)

    def query_search(self) -> SearchScreen:
        """The Search screen, which exists as long as the app runs; on the way out it goes first."""
        screen = self._screen_stacks["search"][0]
        assert isinstance(screen, SearchScreen)
        return screen

    def first_prompt(self) -> tuple[str, str]:
        """What the form starts with: what the query on the Search screen says."""
        return self.query_search().prompt()

    def paint_library(self) -> str:
        """The storybook where that is searched, else the person's own pictures."""
        return self.query_search().paint_library()

    def take_form(self, request: GenerateRequest | None) -> None:
        """Paint what the form asks for; for the decision on the screen if it is about that."""
        search = self.query_search()
        is_about = request is not None and request.prompt == search.prompt()[0]
        if request is not None and self.screen is search and is_about and search.prompt()[0]:
            search.paint(request)
        else:
            super().take_form(request)

    def action_another_seed(self) -> None:
        """Paint with another seed; what is painted for the answer on the screen joins it there."""
        search = self.query_search()
        if self.screen is not search or not search.paint_another():
            super().action_another_seed()

    def update_status(self) -> None:
        """Read the figures of the top line anew; one reading at a time, and one after it."""
        self._is_status_stale = True
        if not self._is_reading_status:
            self._is_reading_status = True
            self._read_status()

    @work(group="status")
    async def _read_status(self) -> None:
        try:
            while self._is_status_stale and self.engine is not None and self.is_running:
                self._is_status_stale = False
                self.status = await read_status(
                    self.engine,
                    self.graphics.protocol,
                    in_storybook=self.query_search().is_in_storybook,
                )
                await asyncio.sleep(STATUS_S)
        finally:
            self._is_reading_status = False

    def remember(self, **changes: object) -> None:
        """Change settings and keep them; a home that cannot be written changes this run only."""
        changed = replace(self.settings, **changes)  # type: ignore[arg-type]
        if changed == self.settings:
            return
        self.settings = changed
        if self._unsaved is not None:
            self._unsaved.stop()
        self._unsaved = self.set_timer(SAVE_S, self._save_settings)

    @work(exclusive=True, group="settings")
    async def _save_settings(self) -> None:
        self._unsaved = None
        await asyncio.to_thread(self._write_settings)

    def _write_settings(self) -> None:
        if self.home is None:
            return
        try:
            save(self.home, self.settings)
        except OSError as error:
            self.log.warning(f"settings not kept: {error}")

    def action_go(self, mode: str) -> None:
        """Show another screen; a screen laid over this one goes first."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self.switch_mode(mode)

    def action_keys(self) -> None:
        """Show every key of the screen in front."""
        from t2itui.screens.common.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer no help on the help screen, and no other screen behind a dialog."""
        if action == "keys":
            return type(self.screen).__name__ != "HelpScreen"
        over = {"go", "paint_form", "watch", "another_seed", "unload"}
        return not (action in over and isinstance(self.screen, ModalScreen))

    def action_next_theme(self) -> None:
        """Go to the next theme of the short list."""
        at = THEMES.index(self.theme) if self.theme in THEMES else -1
        self.theme = THEMES[(at + 1) % len(THEMES)]
        self.notify(self.theme, title="Theme", timeout=2)

    def _theme_chosen(self, name: str) -> None:
        self.remember(theme=name)

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
