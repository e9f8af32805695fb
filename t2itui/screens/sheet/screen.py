"""The Sheet screen: every prompt with every value of the axes, painted cell by cell and scored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import ContentSwitcher, Static

from engine import disk
from engine.collections import BUILT_IN
from engine.errors import T2IError
from engine.events import JobEvent
from engine.sheets.request import SheetRequest
from t2itui.keys import bindings
from t2itui.screens.common.base import HEIGHTS, WIDTHS, AppScreen, BindingWatch
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.sheet.board import Layout, SheetBoard
from t2itui.screens.sheet.controller import SheetController
from t2itui.screens.sheet.forms import ExportSheet, NewSheet, SheetList
from t2itui.screens.sheet.viewer import CellViewer
from t2itui.session import CancelJob, OpenSheet, ShowScreen
from t2itui.text.plain import plain
from t2itui.text.sheets import cell_words, estimate_words
from t2itui.text.shell_commands import job_command, program
from t2itui.widgets.basics import Backdrop, Panel

if TYPE_CHECKING:
    from engine.sheets.sheets import Estimate
    from t2itui.session import Session

WELCOME = (
    "Every prompt painted with every seed, step, guidance or model, and scored:",
    "the paper's figures 9 and 12 on prompts of your own.",
    "",
    f"e  paints the example of the {BUILT_IN.name}: ten prompts of five kinds, three seeds",
    "n  asks for prompts and axes",
    "o  opens a sheet that was painted before",
)
NEEDS_SHEET = frozenset(
    {"scorer", "sort_rows", "sort_columns", "layout", "bars", "export", "copy_command", "forget"}
)
FILL_S = 0.1
"""What has changed is shown so often at most."""
SIDE = 42
"""Cells across the bars beside the pictures."""
JOB_ACTIONS = ("pause", "cancel")


class SheetBody(ContentSwitcher, Backdrop):
    """The first steps, the cells, or the bars."""


class SheetScreen(AppScreen):
    """Shows a sheet, fills its cells as they are done, and sees to their painting."""

    MODE = "sheet"
    SUBJECT = "The sheet"
    VERTICAL_BREAKPOINTS = HEIGHTS
    HORIZONTAL_BREAKPOINTS = WIDTHS
    DEFAULT_CSS = """
    SheetScreen {
        & #about { height: 1; padding: 0 1; }
        & #about > #what { width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
        & #about > #state { width: auto; color: $text-warning; margin-left: 2; }
        & #body { height: 1fr; }
        & #cells { layout: horizontal; }
        & SheetBoard { width: 1fr; height: 1fr; }
        & #side { display: none; width: 46; height: 1fr; padding: 0 1; border-left: vkey $panel; }
        &.-wide #side { display: block; }
        & #cell { height: 1; padding: 0 1; color: $text-muted; }
        & #cell { text-wrap: nowrap; text-overflow: ellipsis; }
        & #bars { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("sheet")

    body = getters.query_one(SheetBody)
    board = getters.query_one(SheetBoard)
    panel = getters.query_one(Panel)
    what = getters.query_one("#what", Static)
    state = getters.query_one("#state", Static)
    cell = getters.query_one("#cell", Static)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.controller = SheetController(session)
        self._watched = BindingWatch(self, (*NEEDS_SHEET, *JOB_ACTIONS))
        self._layout_kind: Layout | None = None
        """As the person chose; None takes what the terminal is good for."""
        self._due: Timer | None = None
        """Shows what has changed; cells from the cache come faster than anyone looks."""

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="about"):
            yield Static(id="what")
            yield Static(id="state")
        with SheetBody(initial="welcome", id="body"):
            yield Panel(id="welcome")
            with Horizontal(id="cells"):
                yield SheetBoard()
                with VerticalScroll(id="side", can_focus=False):
                    yield Static(id="side-bars")
            with VerticalScroll(id="bars"):
                yield Static(id="all-bars")
        yield Static(id="cell")

    def on_mount(self) -> None:
        self.panel.show_text("Sheets", WELCOME)
        self.until_unmount(self.session.when_open(self.find))
        self.until_unmount(self.session.job_events.subscribe(self.follow_job))
        self.until_unmount(self.session.settings_changed.subscribe(lambda _: self.show()))
        self.show()

    def on_screen_resume(self) -> None:
        if self.controller.sheet is None:
            self.find()

    @work(exclusive=True, group="sheet")
    async def find(self) -> None:
        """Show the sheet at work, or the one used last, if nothing is shown."""
        if self.session.engine is None or self.controller.sheet is not None:
            return
        with self.errors_reported():
            if await self.controller.open_latest():
                self.call_later(self.show)

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.show()

    def fulfil(self, intent: ShowScreen) -> None:
        """Show the sheet that another screen asks for."""
        if isinstance(intent, OpenSheet):
            self._open_request(intent.request)

    @work(exclusive=True, group="sheet")
    async def _open_request(self, request: SheetRequest) -> None:
        with self.errors_reported():
            await self.controller.open_request(request)
            self.call_later(self._show_cells)

    def follow_job(self, event: JobEvent) -> None:
        """Fill a cell as soon as it is done."""
        if self.controller.follow(event) and self._due is None:
            self._due = self.set_timer(FILL_S, self._show_due)

    def _show_due(self) -> None:
        self._due = None
        self.show()

    # What is shown

    @property
    def layout_kind(self) -> Layout:
        """How the cells are drawn: pictures where the terminal has any."""
        if self._layout_kind is not None:
            return self._layout_kind
        return Layout.TABLE if self.session.graphics.is_text else Layout.PICTURES

    def show(self) -> None:
        """Draw the sheet as it is now, or the first steps."""
        if not self.is_mounted:
            return
        view = self.controller.view()
        if view is None:
            self.body.current = "welcome"
        elif self.body.current == "welcome":
            self.body.current = "cells"
            self.board.focus()
        self.board.show(view, self.layout_kind)
        self.what.update(Content(plain(self.controller.words())), layout=False)
        self.state.update(Content(self.controller.state_words()))
        self.query_one("#side-bars", Static).update(self.controller.bars(SIDE))
        self.query_one("#all-bars", Static).update(self.controller.bars(self.size.width - 4))
        self._watched.follow()

    @on(SheetBoard.CellSelected)
    def show_cell(self) -> None:
        """Say everything about the cell under the cursor."""
        found, sheet = self.board.current, self.controller.sheet
        words = ""
        if found is not None and sheet is not None:
            words = cell_words(sheet, found, self.controller.threshold)
        self.cell.update(Content(plain(words)), layout=False)

    @on(SheetBoard.ThumbnailsWanted)
    def fetch(self, message: SheetBoard.ThumbnailsWanted) -> None:
        self._fetch(list(message.picture_ids))

    @work(group="thumbnails")
    async def _fetch(self, picture_ids: list[int]) -> None:
        if self.session.engine is None:
            return
        with self.errors_reported():
            found = await self.session.engine.library.thumbnails(picture_ids)
            self.call_later(self.take_thumbnails, found)

    def take_thumbnails(self, thumbnails: Mapping[int, bytes]) -> None:
        """Draw pictures that came out of the cache."""
        self.board.take_thumbnails(thumbnails)

    @on(SheetBoard.CellChosen)
    def open_cell(self) -> None:
        """Show the cell under the cursor large."""
        view = self.board.view
        if view is not None:
            viewer = CellViewer(self.session, view, (self.board.row, self.board.column))
            self.app.push_screen(viewer, self._come_back)

    def _come_back(self, place: tuple[int, int] | None) -> None:
        """Put the cursor on the cell that was shown last."""
        if place is not None:
            self.board.row, self.board.column = place

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done with the sheet as it is."""
        if not self.is_mounted:
            return True
        if action in NEEDS_SHEET:
            return self.controller.sheet is not None
        match action:
            case "pause":
                is_at_work = self.controller.job is not None
                return is_at_work or (
                    self.controller.sheet is not None and not self.controller.is_complete
                )
            case "cancel":
                return self.controller.job is not None
        return True

    def action_scorer(self) -> None:
        """Sort, mark and draw by the other scorer."""
        self.controller.turn_scorer()
        self.show()

    def action_sort_rows(self) -> None:
        """Put the prompts with the highest mean first, or as they were asked."""
        self.controller.turn_rows()
        self.show()

    def action_sort_columns(self) -> None:
        """Put the columns with the highest mean first, or as they were asked."""
        self.controller.turn_columns()
        self.show()

    def action_layout(self) -> None:
        """Draw pictures, or a line of scores for each prompt."""
        is_table = self.layout_kind is Layout.TABLE
        self._layout_kind = Layout.PICTURES if is_table else Layout.TABLE
        self._show_cells()

    def action_bars(self) -> None:
        """Show the bars by prompt, or the cells again."""
        if self.body.current == "bars":
            self._show_cells()
        else:
            self.body.current = "bars"
            self.query_one("#bars").focus()

    def _show_cells(self) -> None:
        self.body.current = "cells"
        self.board.focus()
        self.show()

    def action_cancel(self) -> None:
        """Stop the painting at once; what is done is kept."""
        job = self.controller.job
        if job is not None:
            self.session.send(CancelJob(job.job_id))

    @work(exclusive=True, group="start")
    async def action_pause(self) -> None:
        """Stop after the cell at work, or paint what is missing."""
        with self.errors_reported():
            if self.controller.job is not None:
                self.controller.pause()
            else:
                await self.controller.go_on()
            self.call_later(self.show)

    @work(exclusive=True, group="start")
    async def action_new(self) -> None:
        """Ask for prompts and axes."""
        before = self.controller.sheet.request if self.controller.sheet is not None else None
        request = await self.app.push_screen_wait(NewSheet(self.session.home, before))
        if request is not None:
            await self._start(request)

    @work(exclusive=True, group="start")
    async def action_example(self) -> None:
        """Paint the example that needs no download."""
        await self._start(await asyncio.to_thread(self.controller.example))

    async def _start(self, request: SheetRequest) -> None:
        """Say what a sheet takes, ask whether it is meant, and paint it."""
        with self.errors_reported():
            prepared, estimate = await self.controller.prepare(request)
            if estimate.to_paint and not await self._is_meant(prepared, estimate):
                return
            await self.controller.start(prepared)
            self.call_later(self._show_cells)

    async def _is_meant(self, request: SheetRequest, estimate: Estimate) -> bool:
        question = Confirm(
            f"Paint {request.title}?",
            estimate_words(estimate),
            go="Paint (enter)",
            command=job_command(self.session.home, request),
        )
        is_meant: bool | None = await self.app.push_screen_wait(question)
        return bool(is_meant)

    @work(exclusive=True, group="start")
    async def action_open(self) -> None:
        """Show a sheet that was painted before."""
        with self.errors_reported():
            records = await self.controller.list()
            chosen = await self.app.push_screen_wait(SheetList(records))
            if chosen is not None:
                await self.controller.open(chosen)
                self.call_later(self._show_cells)

    @work(exclusive=True, group="start")
    async def action_forget(self) -> None:
        """Forget the sheet; its pictures stay in the library."""
        sheet = self.controller.sheet
        if sheet is None:
            return
        question = Confirm(
            f"Forget {sheet.request.title}?",
            "Its pictures stay in the library.",
            go="Forget (enter)",
            command=program(self.session.home, "sheet", "--forget", str(sheet.id)),
        )
        if await self.app.push_screen_wait(question):
            with self.errors_reported():
                await self.controller.forget()
                self.call_later(self.show)

    @work(exclusive=True, group="file")
    async def action_export(self) -> None:
        """Ask for a file and write the sheet in the kind that its name says."""
        sheet, home = self.controller.sheet, self.session.home
        if sheet is None:
            return
        proposed = disk.from_root(".") / f"sheet-{sheet.id}.png"
        command = self.controller.export_command(home, Path()).removesuffix(" .")
        path = await self.app.push_screen_wait(ExportSheet(home, proposed, command))
        if path is None:
            return
        from engine.sheets.files import check_exports, export

        try:
            await asyncio.to_thread(check_exports, [path], len(sheet.cells))
            await asyncio.to_thread(export, sheet, path, self.controller.threshold)
        except T2IError as error:
            self.report_error(error)
        else:
            self.notify(plain(str(path)), title="Exported", markup=False)

    def action_copy_command(self) -> None:
        """Put the command on the clipboard that paints the same sheet."""
        self.copy(self.controller.command(self.session.home))
