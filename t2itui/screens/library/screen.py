"""The Library screen: folders, failures, vanished files and encoders, and what to do with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.timer import Timer
from textual.widgets import ContentSwitcher, Static, Tab, Tabs

from engine.collections import BUILT_IN
from engine.errors import T2IError
from engine.events import JobCancelled, JobFailed, JobFinished, LibraryChanged
from engine.requests import AttachRequest, ImportRequest, IndexRequest
from t2itui.keys import bindings
from t2itui.screens.common.base import HEIGHTS, AppScreen, BindingWatch
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.library.controller import LibraryController
from t2itui.screens.library.forms import AddFolder, ImportVectors
from t2itui.screens.library.state import (
    ENCODER_COLUMNS,
    FAILURE_COLUMNS,
    FOLDER_COLUMNS,
    TABS,
    VANISHED_COLUMNS,
    LibraryState,
    LibraryTab,
    detail,
    disk,
    is_attached,
    is_builtin,
    tables,
    totals,
)
from t2itui.session import RefreshStatus
from t2itui.text import shell_commands
from t2itui.text.plain import plain
from t2itui.widgets.rows import Row, RowList

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.events import JobEvent
    from t2itui.session import Session


RELOAD_S = 1.0
"""While an index job commits batches the figures are read anew at most so often."""


class LibraryScreen(AppScreen):
    """Shows what the library holds, and starts what changes it."""

    MODE = "library"
    SUBJECT = "The library"
    VERTICAL_BREAKPOINTS = HEIGHTS
    DEFAULT_CSS = """
    LibraryScreen {
        & #totals { height: 1; padding: 0 1; }
        & #totals > #counts { width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
        & #totals > #disk { width: auto; color: $text-muted; margin-left: 2; }
        & ContentSwitcher { height: 1fr; }
        &.-short #row { display: none; }
        & #row {
            height: auto;
            min-height: 1;
            max-height: 3;
            padding: 0 1;
            color: $text-muted;
            border-top: solid $panel;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("library")

    tabs = getters.query_one(Tabs)
    switcher = getters.query_one(ContentSwitcher)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._watched = BindingWatch(
            self, ("rescan", "rescan_all", "forget", "download", "copy_path")
        )
        self.controller = LibraryController(session)
        self._due: Timer | None = None

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="totals"):
            yield Static("opening the library…", id="counts")
            yield Static(id="disk")
        yield Tabs(*(Tab(label, id=name) for name, label in TABS.items()))
        with ContentSwitcher(initial="folders"):
            yield RowList(
                FOLDER_COLUMNS,
                id="folders",
                empty="No folder yet: a adds one, i imports vectors made elsewhere.",
            )
            yield RowList(FAILURE_COLUMNS, id="failures", empty="Every file could be read.")
            yield RowList(VANISHED_COLUMNS, id="vanished", empty="No file vanished.")
            yield RowList(ENCODER_COLUMNS, id="encoders", empty="No encoder is known.")
        yield Static(id="row")

    def on_mount(self) -> None:
        self.until_unmount(self.session.when_open(self.take_engine))
        self.until_unmount(self.session.job_events.subscribe(self.follow_job))
        self.listing.focus()

    def take_engine(self) -> None:
        """Read as soon as the engine is open."""
        self.load()

    def on_screen_resume(self) -> None:
        self.load()

    @property
    def listing(self) -> RowList:
        """The table in front."""
        return self.query_one(f"#{self.switcher.current}", RowList)

    @property
    def engine(self) -> Engine | None:
        """The engine, once it is open."""
        return self.session.engine

    @property
    def state(self) -> LibraryState | None:
        """What was read last."""
        return self.controller.state

    def follow_job(self, event: JobEvent) -> None:
        """Read anew when a job has changed something, soon but not at every batch."""
        if not self.is_current:
            return  # Everything is read when the screen comes to the front.
        if isinstance(event, LibraryChanged) and self._due is None:
            self._due = self.set_timer(RELOAD_S, self.load)
        elif isinstance(event, JobFinished | JobFailed | JobCancelled):
            self.load()

    @work(exclusive=True, group="library")
    async def load(self) -> None:
        """Read the library beside the screen."""
        self._due = None
        if self.engine is None:
            return
        try:
            self.call_later(self.show, await self.controller.read())
        except T2IError as error:
            self.report_error(error)

    def show(self, state: LibraryState) -> None:
        """Show what was read."""
        self.controller.state = state
        self.query_one("#counts", Static).update(Content(totals(state)))
        self.query_one("#disk", Static).update(Content(disk(state)))
        for name, found in tables(state).items():
            self.query_one(f"#{name}", RowList).show(found)
            label = f"{TABS[name]} {len(found):,}" if found else TABS[name]
            self.query_one(f"Tab#{name}", Tab).label = Content(label)
        self._watched.follow()

    @on(Tabs.TabActivated)
    def show_tab(self, message: Tabs.TabActivated) -> None:
        had_focus = isinstance(self.focused, RowList)
        self.switcher.current = message.tab.id
        if had_focus:
            self.listing.focus()
        self.show_row()
        self._watched.follow()

    @on(RowList.Highlighted)
    def show_row(self) -> None:
        """Say in full what the row under the cursor has no room for."""
        row = self.listing.current
        self.query_one("#row", Static).update(
            Content(detail(self.tab, row)) if row is not None else ""
        )
        self._watched.follow()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done with the table in front."""
        if not self.is_mounted:
            return True
        return self.controller.allows(action, self.tab, self.listing.current, self.listing.rows)

    @property
    def tab(self) -> LibraryTab:
        """The table in front."""
        return LibraryTab(self.switcher.current or LibraryTab.FOLDERS)

    def action_tab(self, step: int) -> None:
        """Go to the table beside."""
        (self.tabs.action_next_tab if step > 0 else self.tabs.action_previous_tab)()

    @on(RowList.Chosen, "#folders")
    def action_add(self, message: RowList.Chosen | None = None) -> None:
        """Ask for a folder, or how to index the chosen one again."""
        if self.state is None or self.engine is None:
            return
        if message is not None and is_builtin(message.row):
            self.action_collection()
            return
        if message is not None and is_attached(message.row):
            self.start(self.controller.refresh(message.row))
            return
        dialog = AddFolder(
            self.session.home,
            models=self.state.models,
            default_encoder=self.engine.settings.encoder,
            folder=message.row.key if message is not None else "",
            holds_shards=self.engine.attachments.holds_shards,
        )
        self.app.push_screen(dialog, self.start)

    def start(self, request: IndexRequest | AttachRequest | None) -> None:
        """Start to index or to attach, if it is wanted."""
        if request is not None:
            self.controller.start(request)

    def action_rescan(self) -> None:
        """Bring the folder under the cursor up to date."""
        row = self.listing.current
        if row is not None:
            self.start(self.controller.refresh(row))

    def action_rescan_all(self) -> None:
        """Bring all folders up to date."""
        self.start(self.controller.rescan_all())

    @work(group="forget")
    async def action_forget(self) -> None:
        """Take the folder under the cursor out of the library, if the person is sure."""
        row = self.listing.current
        if row is None:
            return
        if is_builtin(row):
            self.action_collection()
            return
        if not await self.app.push_screen_wait(self._forget_question(row)):
            return
        with self.errors_reported():
            self.notify(await self.controller.forget(row), title="Forgotten")
            self.load()

    def _forget_question(self, row: Row) -> Confirm:
        home, folder = self.session.home, Path(row.key)
        what, command = "files", shell_commands.forget_command(home, folder)
        if is_attached(row):
            what, command = "shards", shell_commands.detach_command(home, folder)
        return Confirm(
            f"Forget {row.key}?",
            f"{row.cells[1]} pictures leave the library with their embeddings, unless another "
            f"folder holds them too. The {what} stay where they are.",
            go="Forget (enter)",
            command=command,
        )

    @work(group="forget")
    async def action_collection(self) -> None:
        """Take the built-in pictures in, or leave them out if the person is sure."""
        if self.engine is None:
            return
        with self.errors_reported():
            pictures = await self.controller.collection_pictures()
            if pictures is None:
                words = await self.controller.bring_collection_back()
                self.notify(words, title=BUILT_IN.title)
            elif await self.app.push_screen_wait(self._leave_out_question(pictures)):
                words = await self.controller.leave_collection_out()
                self.notify(words, title=BUILT_IN.title)
        self.load()
        self.session.send(RefreshStatus())

    def _leave_out_question(self, pictures: int) -> Confirm:
        return Confirm(
            f"Leave the {BUILT_IN.name} out?",
            f"{pictures:,} drawn pictures leave the library. b takes them back at any time.",
            go="Leave out (enter)",
            command=shell_commands.collection_command(self.session.home, on=False),
        )

    def action_import(self) -> None:
        """Ask for vectors made elsewhere."""
        self.app.push_screen(ImportVectors(self.session.home), self.import_vectors)

    def import_vectors(self, request: ImportRequest | None) -> None:
        """Start to import, if it is wanted."""
        if request is not None:
            self.controller.import_vectors(request)

    @on(RowList.Chosen, "#encoders")
    def action_download(self) -> None:
        """Download the encoder under the cursor."""
        row = self.listing.current
        words = "" if row is None else self.controller.download(row.key)
        if row is not None and words:
            self.notify(plain(words), title=plain(row.key), markup=False)

    @on(RowList.Chosen, "#failures")
    @on(RowList.Chosen, "#vanished")
    def action_copy_path(self) -> None:
        """Put the path under the cursor on the clipboard."""
        row = self.listing.current
        if row is not None:
            self.copy(row.key)

    def action_copy_command(self) -> None:
        """Put the command on the clipboard that does what this table is for."""
        self.copy(self.controller.command(self.tab, self.listing.current))
