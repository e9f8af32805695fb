"""What the Sheet screen does, without Textual: which sheet it shows, and the job that paints it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.collections import BUILT_IN
from engine.events import CellDone, CellPreview, JobEvent
from engine.sheets.files import summary
from engine.sheets.job import SheetRun
from engine.sheets.request import SheetRequest, read_axis
from engine.sheets.sheet import SCORERS, Order, Sheet, bars, column_order, grouped_rows, row_order
from engine.states import JobKind, JobState, ScorerKind
from t2itui.screens.jobs.board import as_ppm
from t2itui.screens.sheet.board import BoardView
from t2itui.text.sheets import write_bars
from t2itui.text.shell_commands import job_command, program
from t2itui.text.tables import RichOutput

if TYPE_CHECKING:
    from pathlib import Path

    from textual.content import Content

    from engine.engine import Engine
    from engine.results import SheetRecord
    from engine.sheets.sheets import Estimate
    from t2itui.screens.jobs.board import JobView
    from t2itui.session import Session

EXAMPLE_SEEDS = "seed=1,2,3"


class SheetController:
    """Holds the sheet in front, how it is ordered, and the job that paints it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.sheet: Sheet | None = None
        self.scorer = ScorerKind.MATCH
        self.row_order = Order.ASKED
        self.column_order = Order.ASKED
        self._job_id = 0
        """The last job that painted it in this session."""
        self._is_pausing = False
        self.previews: dict[int, bytes] = {}
        """What cells that are being painted look like, as picture files by their numbers."""

    @property
    def engine(self) -> Engine:
        """The open engine. Raises EngineError before it is open."""
        return self._session.open_engine

    @property
    def threshold(self) -> float:
        """What passes."""
        return self._session.settings.threshold

    @property
    def job(self) -> JobView | None:
        """The job that paints the sheet, if it waits or works."""
        view = self._session.board.find(self._job_id)
        return view if view is not None and view.is_active else None

    @property
    def is_complete(self) -> bool:
        """No cell waits any more."""
        return self.sheet is not None and self.sheet.done == len(self.sheet.cells)

    # What is shown

    def view(self) -> BoardView | None:
        """The cells in their order."""
        sheet = self.sheet
        if sheet is None:
            return None
        rows = grouped_rows(sheet.request)
        if self.row_order is Order.BEST_FIRST:
            rows = row_order(sheet, self.scorer, self.row_order)
        return BoardView(
            previews={} if self.job is None else {**self.previews},
            sheet=sheet,
            rows=rows,
            columns=column_order(sheet, self.scorer, self.column_order),
            scorer=self.scorer,
            threshold=self.threshold,
        )

    def words(self) -> str:
        """What stands over the sheet: untrusted text."""
        if self.sheet is None:
            return ""
        orders = [
            f"{name} {order}"
            for name, order in (("rows", self.row_order), ("columns", self.column_order))
            if order is not Order.ASKED
        ]
        sorted_by = f" · {' and '.join(orders)} by {self.scorer}" if orders else ""
        return f"{self.sheet.request.title} · {summary(self.sheet, self.threshold)}{sorted_by}"

    def state_words(self) -> str:
        """How the painting is."""
        if self.sheet is None:
            return ""
        if self.job is None:
            return "" if self.is_complete else "not finished: p goes on"
        if self._is_pausing:
            return "pausing after the cell at work"
        return "waits" if self.job.state is JobState.QUEUED else "painting: p pauses"

    def bars(self, width: int) -> Content:
        """The bars by prompt, with the mean and the spread over the seeds."""
        output = RichOutput()
        if self.sheet is not None:
            write_bars(bars(self.sheet, self.scorer), output, name=self.scorer, width=width)
        return output.content

    def command(self, home: Path | None) -> str:
        """The shell command that paints the same sheet."""
        assert self.sheet is not None
        return job_command(home, self.sheet.request)

    def export_command(self, home: Path | None, target: Path) -> str:
        """The shell command that writes the sheet into a file."""
        assert self.sheet is not None
        return program(home, "sheet", "--show", str(self.sheet.id), "--export", str(target))

    def turn_scorer(self) -> None:
        """Sort, mark and draw by the other scorer."""
        self.scorer = SCORERS[(SCORERS.index(self.scorer) + 1) % len(SCORERS)]

    def turn_rows(self) -> None:
        """Sort the rows by their mean, or leave them as they were asked."""
        self.row_order = _other(self.row_order)

    def turn_columns(self) -> None:
        """Sort the columns by their mean, or leave them as they were asked."""
        self.column_order = _other(self.column_order)

    # What is done

    def example(self) -> SheetRequest:
        """The example that needs no download."""
        from engine.sheets.prompts import example_prompts

        return SheetRequest(
            prompts=example_prompts(BUILT_IN.name),
            axes=(read_axis(EXAMPLE_SEEDS),),
            library=BUILT_IN.name,
            example=BUILT_IN.name,
        )

    async def prepare(self, request: SheetRequest) -> tuple[SheetRequest, Estimate]:
        """What is asked with nothing left open, and what it will take. Raises T2IError."""
        library = request.library or self._session.collection or None
        prepared = await self.engine.sheets.prepare(request, library)
        return prepared, await self.engine.sheets.estimate(prepared)

    async def start(self, request: SheetRequest) -> None:
        """Paint a sheet that was prepared, and show it. Raises T2IError."""
        self._take_job((await self.engine.sheets.start(request, self._run())).id)

    async def go_on(self) -> None:
        """Paint what the sheet lacks. Raises T2IError."""
        if self.sheet is not None and self.job is None:
            self._take_job((await self.engine.sheets.start(self.sheet.request, self._run())).id)

    def _run(self) -> SheetRun:
        return SheetRun(previews=self._session.settings.previews)

    def pause(self) -> None:
        """Stop after the cell at work."""
        if self.job is not None:
            self._is_pausing = True
            self.engine.sheets.pause(self._job_id)

    async def open(self, sheet_id: int) -> None:
        """Show a sheet of any session. Raises T2IError."""
        self.sheet = await self.engine.sheets.open(sheet_id)
        self._job_id = self._job_of(sheet_id)

    async def open_request(self, request: SheetRequest) -> None:
        """Show the sheet of a request; one that was forgotten is empty. Raises T2IError."""
        found = await self.engine.sheets.find(request)
        if found is None:
            self.sheet, self._job_id = Sheet.empty(request), 0
        else:
            await self.open(found)

    async def open_latest(self) -> bool:
        """Show the sheet at work, or the one used last; whether there is one."""
        for view in reversed(self._session.board.views):
            found = self.engine.sheets.of_job(view.job_id)
            if view.kind is JobKind.SHEET and found is not None and found.id:
                await self.open(found.id)
                return True
        known = await self.engine.sheets.list(1)
        if known:
            await self.open(known[0].id)
        return bool(known)

    async def list(self) -> Sequence[SheetRecord]:
        """The sheets of all sessions, the one used last first."""
        return await self.engine.sheets.list()

    async def forget(self) -> None:
        """Forget the sheet; its pictures stay. Raises T2IError."""
        if self.sheet is not None:
            await self.engine.sheets.forget(self.sheet.id)
            self.sheet = None

    def follow(self, event: JobEvent) -> bool:
        """Take an event of a job into account; whether the sheet is another now."""
        sheet = self.sheet
        if isinstance(event, CellDone) and sheet is not None and event.sheet_id == sheet.id:
            self._job_id = event.job_id
            self.sheet = sheet.with_cell(event.number, event.picture, event.check)
            self.previews.pop(event.number, None)
            return True
        if isinstance(event, CellPreview) and sheet is not None and event.sheet_id == sheet.id:
            self.previews[event.number] = as_ppm(event.preview)
            return True
        return event.job_id == self._job_id

    def _take_job(self, job_id: int) -> None:
        self._job_id, self._is_pausing = job_id, False
        self.previews.clear()
        found = self.engine.sheets.of_job(job_id)
        before = self.sheet
        if found is not None:
            is_same = before is not None and before.id == found.id
            self.sheet = replace(found, cells=before.cells) if is_same and before else found

    def _job_of(self, sheet_id: int) -> int:
        for view in self._session.board.active:
            found = self.engine.sheets.of_job(view.job_id)
            if found is not None and found.id == sheet_id:
                return view.job_id
        return 0


def _other(order: Order) -> Order:
    return Order.ASKED if order is Order.BEST_FIRST else Order.BEST_FIRST
