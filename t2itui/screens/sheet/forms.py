"""The dialogs of the Sheet screen: a new sheet, one of those made before, a file to write."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from engine.errors import RequestError
from engine.evaluation.plots import KINDS
from engine.sheets.files import TEXTS
from engine.sheets.prompts import SheetPrompt, distinct, prompts_from, read_prompts, spelt
from engine.sheets.request import Axis, SheetRequest, checked_sheet, read_axis, spelt_axis
from t2itui.keys import bindings
from t2itui.screens.common.base import leave
from t2itui.screens.common.dialogs import Dialog, FormError, WriteFile, line
from t2itui.text.plain import plain
from t2itui.text.shell_commands import job_command
from t2itui.text.words import when_words
from t2itui.widgets.path_input import PathInput
from t2itui.widgets.rows import Column, Row, RowList

if TYPE_CHECKING:
    from engine.results import SheetRecord

PROMPT_FILES = (".txt", ".csv", ".jsonl", ".json")


class NewSheet(Dialog[SheetRequest]):
    """Prompts and axes; empty lines leave it to the model."""

    HEADING = "A sheet of prompts"
    GO = "Go on (enter)"

    file = getters.query_one("#file", PathInput)

    def __init__(self, home: Path | None, first: SheetRequest | None) -> None:
        super().__init__()
        self._home = home
        self._first = first or SheetRequest(prompts=())

    def compose_fields(self) -> ComposeResult:
        first, settings = self._first, self._first.settings
        prompts = shlex.join(map(spelt, first.prompts))
        yield self.labelled("Prompts", line("prompts", prompts, "'a {red|blue} horse' 'a cat'"))
        yield Static(
            "Quote a prompt of several words; {a|b} paints both. Or take them from a file.",
            classes="help",
        )
        yield self.labelled(
            "File",
            PathInput(
                placeholder="one prompt a line, CSV or JSON lines",
                folders_only=False,
                suffixes=PROMPT_FILES,
                id="file",
            ),
        )
        axes = " ".join(map(spelt_axis, first.axes))
        yield self.labelled("Axes", line("axes", axes, "seed=1..3 guidance=5,7.5"))
        yield self.labelled("Not", line("negative", settings.negative, "what not to show"))
        yield self.labelled("Steps", line("steps", _text(settings.steps), "the model's"))
        yield self.labelled("Guidance", line("guidance", _text(settings.guidance), "the model's"))
        yield self.labelled("Model", line("model", settings.model or "", "the library's"))

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#prompts", Input).focus()

    def read(self) -> SheetRequest:
        settings = replace(
            self._first.settings,
            negative=self._value("negative"),
            steps=self._whole("steps", least=1),
            guidance=self._number("guidance"),
            model=self._value("model") or None,
        )
        prompts = self._prompts()
        if not prompts and self.file.path is None:
            raise FormError("write a prompt, or name a file of prompts", field="prompts")
        request = replace(
            self._first,
            prompts=prompts,
            axes=self._axes(),
            settings=settings,
            example=self._first.example if prompts == self._first.prompts else "",
        )
        return request if self.file.path is not None else _checked(request)

    def _prompts(self) -> tuple[SheetPrompt, ...]:
        try:
            return prompts_from(shlex.split(self._value("prompts")))
        except (ValueError, RequestError) as error:
            reason = error.message if isinstance(error, RequestError) else str(error)
            raise FormError(f"prompts: {reason}", field="prompts") from error

    def _axes(self) -> tuple[Axis, ...]:
        try:
            return tuple(map(read_axis, shlex.split(self._value("axes"))))
        except (ValueError, RequestError) as error:
            reason = error.message if isinstance(error, RequestError) else str(error)
            raise FormError(f"axes: {reason}", field="axes") from error

    def command(self, answer: SheetRequest) -> str:
        file = [] if self.file.path is None else ["--prompts", str(self.file.path)]
        return " ".join([job_command(self._home, answer), *map(shlex.quote, file)])

    def accept(self, answer: SheetRequest) -> None:
        """Read the file, if there is one, before leaving."""
        if self.file.path is None:
            leave(self, answer)
        else:
            self._read_file(answer, self.file.path)

    @work(exclusive=True, group="file")
    async def _read_file(self, answer: SheetRequest, path: Path) -> None:
        try:
            found = await asyncio.to_thread(read_prompts, path)
        except RequestError as error:
            self.call_later(self.show_problem, FormError(error.message))
        else:
            prompts = distinct((*answer.prompts, *found))
            self.call_later(self.take_file, replace(answer, prompts=prompts, example=""))

    def take_file(self, request: SheetRequest) -> None:
        """Leave with what the file added, if a sheet can be made of it."""
        try:
            leave(self, _checked(request))
        except FormError as error:
            self.show_problem(error)


def _checked(request: SheetRequest) -> SheetRequest:
    try:
        return checked_sheet(request)
    except RequestError as error:
        raise FormError(f"{error.message}. {error.hint}".strip(), field=error.field) from error


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


class ExportSheet(WriteFile):
    """Where the sheet is to go, and as what."""

    HEADING = "Export the sheet"
    GO = "Export (enter)"
    HELP = "The end of the name says what it becomes: .png, .svg, .pdf, .html, .csv or .json."

    def __init__(self, home: Path | None, proposed: Path, command: str) -> None:
        super().__init__(home, proposed)
        self._shell_command = command

    def read(self) -> Path:
        target = super().read()
        if target.suffix.lower() not in (*KINDS, *TEXTS):
            raise FormError(f"the name must end in one of {', '.join((*KINDS, *TEXTS))}")
        return target

    def command(self, answer: Path) -> str:
        return f"{self._shell_command} {shlex.quote(str(answer))}"


COLUMNS = (
    Column(title="id", width=4, right=True),
    Column(title="sheet", width=24, share=1),
    Column(title="cells", width=9, right=True),
    Column(title="painted", width=16, priority=1),
)


class SheetList(ModalScreen[int | None]):
    """The sheets of all sessions; the answer is the id of one."""

    DEFAULT_CSS = """
    SheetList {
        align: center middle;
        & > Vertical {
            width: 90%;
            max-width: 100;
            height: 70%;
            background: $surface;
            border: round $primary;
            border-title-style: bold;
        }
        & RowList { height: 1fr; }
        & Static { color: $text-muted; padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("sheet_list")

    def __init__(self, records: Sequence[SheetRecord]) -> None:
        super().__init__()
        self._records = records

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = "Sheets"
            yield RowList(COLUMNS, empty="No sheet yet.")
            yield Static(Content("enter shows it, esc goes back"))

    def on_mount(self) -> None:
        listing = self.query_one(RowList)
        listing.show(
            [
                Row(
                    key=str(each.id),
                    cells=(
                        str(each.id),
                        plain(each.title),
                        f"{each.done}/{each.size}",
                        when_words(each.used_at),
                    ),
                )
                for each in self._records
            ]
        )
        listing.focus()

    @on(RowList.Chosen)
    def choose(self, message: RowList.Chosen) -> None:
        leave(self, int(message.row.key))

    def action_leave(self) -> None:
        """Choose none."""
        leave(self, None)
