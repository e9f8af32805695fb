"""The Library screen: folders, failures, vanished files and encoders, and what to do with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import ContentSwitcher, Static, Tab, Tabs

from engine.errors import T2IError
from engine.events import JobCancelled, JobFailed, JobFinished, LibraryChanged
from engine.requests import DownloadRequest, ImportRequest, IndexRequest
from t2itui.screens.common.base import HEIGHTS, AppScreen, BindingWatch
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.library.forms import AddFolder, ImportVectors
from t2itui.screens.library.state import (
    BUILTIN,
    ENCODER_COLUMNS,
    FAILURE_COLUMNS,
    FOLDER_COLUMNS,
    VANISHED_COLUMNS,
    LibraryState,
    detail,
    disk,
    encoder_for_rescan,
    read_library,
    tables,
    totals,
)
from t2itui.session import RefreshStatus
from t2itui.text import shell_commands as twins
from t2itui.text.plain import plain
from t2itui.widgets.sheet import Row, Sheet

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.events import JobEvent
    from t2itui.session import Session


RELOAD_S = 1.0
"""While an index job commits batches the figures are read anew at most so often."""

TABS = {
    "folders": "Folders",
    "failures": "Failures",
    "vanished": "Vanished",
    "encoders": "Encoders",
}


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
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "Add folder", id="library.add", tooltip="Index a folder of pictures"),
        Binding(
            "r", "rescan", "Rescan", id="library.rescan", tooltip="Bring this folder up to date"
        ),
        Binding(
            "R",
            "rescan_all",
            "All",
            id="library.rescan_all",
            tooltip="Bring all folders up to date",
        ),
        Binding(
            "f,delete",
            "forget",
            "Forget",
            id="library.forget",
            tooltip="Take this folder out of the library; its files stay",
        ),
        Binding(
            "d", "download", "Download", id="library.download", tooltip="Download this encoder"
        ),
        Binding("p", "copy_path", "Copy path", id="library.path", tooltip="Copy the path"),
        Binding(
            "i", "import", "Import", id="library.import", tooltip="Import vectors made elsewhere"
        ),
        Binding(
            "y", "copy_command", "Command", id="library.copy", tooltip="Copy the shell command"
        ),
        Binding(
            "b",
            "storybook",
            "Storybook",
            id="library.storybook",
            tooltip="Take the built-in pictures in, or leave them out",
        ),
        Binding("left", "tab(-1)", "Tab left", id="library.left", show=False),
        Binding("right", "tab(1)", "Tab right", id="library.right", show=False),
    ]

    tabs = getters.query_one(Tabs)
    switcher = getters.query_one(ContentSwitcher)

    class Read(Message):
        """The library was read."""

        def __init__(self, state: LibraryState) -> None:
            self.state = state
            super().__init__()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._watched = BindingWatch(
            self, ("rescan", "rescan_all", "forget", "download", "copy_path")
        )
        self.state: LibraryState | None = None
        self._due: Timer | None = None

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="totals"):
            yield Static("opening the library…", id="counts")
            yield Static(id="disk")
        yield Tabs(*(Tab(label, id=name) for name, label in TABS.items()))
        with ContentSwitcher(initial="folders"):
            yield Sheet(
                FOLDER_COLUMNS,
                id="folders",
                empty="No folder yet: a adds one, i imports vectors made elsewhere.",
            )
            yield Sheet(FAILURE_COLUMNS, id="failures", empty="Every file could be read.")
            yield Sheet(VANISHED_COLUMNS, id="vanished", empty="No file vanished.")
            yield Sheet(ENCODER_COLUMNS, id="encoders", empty="No encoder is known.")
        yield Static(id="row")

    def on_mount(self) -> None:
        self.until_unmount(self.session.when_open(self.take_engine))
        self.until_unmount(self.session.job_events.subscribe(self.follow_job))
        self.sheet.focus()

    def take_engine(self) -> None:
        """Read as soon as the engine is open."""
        self.load()

    def on_screen_resume(self) -> None:
        self.load()

    @property
    def sheet(self) -> Sheet:
        """The table in front."""
        return self.query_one(f"#{self.switcher.current}", Sheet)

    @property
    def engine(self) -> Engine | None:
        """The engine, once it is open."""
        return self.session.engine

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
            self.post_message(self.Read(await read_library(self.engine)))
        except T2IError as error:
            self.tell_error(error)

    @on(Read)
    def show(self, message: Read) -> None:
        """Show what was read."""
        state = self.state = message.state
        self.query_one("#counts", Static).update(Content(totals(state)))
        self.query_one("#disk", Static).update(Content(disk(state)))
        for name, found in tables(state).items():
            self.query_one(f"#{name}", Sheet).show(found)
            label = f"{TABS[name]} {len(found):,}" if found else TABS[name]
            self.query_one(f"Tab#{name}", Tab).label = Content(label)
        self._watched.follow()

    @on(Tabs.TabActivated)
    def show_tab(self, message: Tabs.TabActivated) -> None:
        had_focus = isinstance(self.focused, Sheet)
        self.switcher.current = message.tab.id
        if had_focus:
            self.sheet.focus()
        self.show_row()
        self._watched.follow()

    @on(Sheet.Highlighted)
    def show_row(self) -> None:
        """Say in full what the row under the cursor has no room for."""
        row = self.sheet.current
        self.query_one("#row", Static).update(
            Content(detail(self.sheet.id or "", row)) if row is not None else ""
        )
        self._watched.follow()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done with the table in front."""
        if not self.is_mounted:
            return True
        current = self.switcher.current
        has_row = self.sheet.current is not None
        match action:
            case "rescan":
                return current == "folders" and has_row and not self._is_builtin(self.sheet.current)
            case "forget":
                return current == "folders" and has_row
            case "rescan_all":
                return current == "folders" and not all(map(self._is_builtin, self.sheet.rows))
            case "download":
                return current == "encoders" and has_row
            case "copy_path":
                return current != "encoders" and has_row
        return True

    def action_tab(self, step: int) -> None:
        """Go to the table beside."""
        (self.tabs.action_next_tab if step > 0 else self.tabs.action_previous_tab)()

    @on(Sheet.Chosen, "#folders")
    def action_add(self, message: Sheet.Chosen | None = None) -> None:
        """Ask for a folder, or how to index the chosen one again."""
        if self.state is None or self.engine is None:
            return
        if message is not None and self._is_builtin(message.row):
            self.action_storybook()
            return
        dialog = AddFolder(
            self.session.home,
            models=self.state.models,
            default_encoder=self.engine.settings.encoder,
            folder=message.row.key if message is not None else "",
        )
        self.app.push_screen(dialog, self.index)

    def index(self, request: IndexRequest | None) -> None:
        """Start to index, if it is wanted."""
        if request is not None and self.engine is not None:
            self.engine.index(request)

    def action_rescan(self) -> None:
        """Bring the folder under the cursor up to date."""
        row = self.sheet.current
        if row is not None:
            self.index(self._again(Path(row.key)))

    def action_rescan_all(self) -> None:
        """Bring all folders up to date."""
        folders = [] if self.state is None else self.state.folders
        own = [Path(folder.path) for folder in folders if not folder.is_builtin]
        if own:
            self.index(self._again(*own))

    def _again(self, *folders: Path) -> IndexRequest:
        encoder = None
        if self.state is not None and self.engine is not None:
            encoder = encoder_for_rescan(self.state, self.engine.settings.encoder)
        return IndexRequest(folders=folders, encoder=encoder)

    @work(group="forget")
    async def action_forget(self) -> None:
        """Take the folder under the cursor out of the library, if the person is sure."""
        row = self.sheet.current
        if row is None or self.engine is None:
            return
        if self._is_builtin(row):
            self.action_storybook()
            return
        question = Confirm(
            f"Forget {row.key}?",
            f"{row.cells[1]} pictures leave the library with their embeddings, unless another "
            "folder holds them too. The files stay where they are.",
            go="Forget (enter)",
            command=twins.forget_command(self.session.home, Path(row.key)),
        )
        if not await self.app.push_screen_wait(question):
            return
        try:
            dropped = await self.engine.library.forget(Path(row.key))
        except T2IError as error:
            self.tell_error(error)
            return
        self.notify(f"{dropped:,} pictures left the library", title="Forgotten")
        self.load()

    @work(group="forget")
    async def action_storybook(self) -> None:
        """Take the built-in pictures in, or leave them out if the person is sure."""
        engine = self.engine
        if engine is None:
            return
        try:
            state = await engine.storybook.state()
            if state.folder is None:
                state = await engine.storybook.bring_back()
                self.notify(f"{state.pictures:,} drawn pictures are in", title="Storybook")
            elif await self.app.push_screen_wait(self._leave_out_question(state.pictures)):
                await engine.storybook.leave_out()
                self.notify("It is left out until b takes it back", title="Storybook")
        except T2IError as error:
            self.tell_error(error)
        self.load()
        self.session.send(RefreshStatus())

    def _leave_out_question(self, pictures: int) -> Confirm:
        return Confirm(
            "Leave the storybook out?",
            f"{pictures:,} drawn pictures leave the library. b takes them back at any time.",
            go="Leave out (enter)",
            command=twins.storybook_command(self.session.home, on=False),
        )

    def _is_builtin(self, row: Row | None) -> bool:
        return row is not None and row.cells[0] == BUILTIN

    def action_import(self) -> None:
        """Ask for vectors made elsewhere."""
        self.app.push_screen(ImportVectors(self.session.home), self.import_vectors)

    def import_vectors(self, request: ImportRequest | None) -> None:
        """Start to import, if it is wanted."""
        if request is not None and self.engine is not None:
            self.engine.import_vectors(request)

    @on(Sheet.Chosen, "#encoders")
    def action_download(self) -> None:
        """Download the encoder under the cursor."""
        row = self.sheet.current
        if row is None or self.engine is None or self.state is None:
            return
        model = next(model for model in self.state.models if model.id == row.key)
        if model.location:
            self.notify(f"It is here: {plain(model.location)}", title=plain(model.id), markup=False)
        else:
            self.engine.download(model.id)

    @on(Sheet.Chosen, "#failures")
    @on(Sheet.Chosen, "#vanished")
    def action_copy_path(self) -> None:
        """Put the path under the cursor on the clipboard."""
        row = self.sheet.current
        if row is not None:
            self._copy(row.key)

    def action_copy_command(self) -> None:
        """Put the command on the clipboard that does what this table is for."""
        row, home = self.sheet.current, self.session.home
        match self.switcher.current:
            case "folders" if self._is_builtin(row):
                command = twins.storybook_command(home, on=False)
            case "folders" if row is not None:
                command = twins.job_command(home, self._again(Path(row.key)))
            case "failures":
                command = twins.failures_command(home)
            case "vanished":
                command = twins.vanished_command(home)
            case "encoders" if row is not None:
                command = twins.job_command(home, DownloadRequest(model=row.key))
            case _:
                command = twins.library_command(home)
        self._copy(command)

    def _copy(self, text: str) -> None:
        self.app.copy_to_clipboard(text)
        self.notify(plain(text), title="Copied", markup=False)
