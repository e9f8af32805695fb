"""Asks which pictures of the library take part in a search."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from engine import disk, numbers
from engine.collections import BUILT_IN
from engine.requests import Filters
from t2itui.screens.common.dialogs import Dialog, FormError
from t2itui.text.plain import plain
from t2itui.text.words import date_words, read_date, short_path
from t2itui.widgets.path_input import PathInput

LARGEST_SIDE = 1_000_000


class FilterForm(Dialog[Filters]):
    """A folder, when its files were last changed, and how small a picture may be."""

    DEFAULT_CSS = """
    FilterForm #clear { margin-left: 16; }
    FilterForm .second { padding-left: 2; }
    """
    HEADING = "Only some pictures"
    GO = "Search (enter)"

    folder = getters.query_one("#folder", PathInput)
    since = getters.query_one("#since", Input)
    until = getters.query_one("#until", Input)
    min_side = getters.query_one("#min-side", Input)

    def __init__(self, filters: Filters, command_of: Callable[[Filters], str]) -> None:
        super().__init__()
        self._before = filters
        self._command_of = command_of
        self._folder = short_path(filters.folders[0]) if filters.folders else ""

    def compose_fields(self) -> ComposeResult:
        before = self._before
        yield self.labelled(
            "In folder",
            PathInput(
                self._folder,
                placeholder="any   (tab completes, down chooses)",
                folders_only=True,
                id="folder",
            ),
        )
        if len(before.folders) > 1:
            others = ", ".join(short_path(folder) for folder in before.folders[1:])
            words = Content(plain(f"and in {others}, while the line above stays as it is"))
            yield self.labelled("", Static(words, classes="help"))
        with Horizontal():
            yield Label("Changed since")
            yield _date_line(before.since, "since")
            yield Label("until", classes="second")
            yield _date_line(before.until, "until")
        yield self.labelled(
            "", Static("on the first day or later, before the second", classes="help")
        )
        yield self.labelled(
            "Minimum side",
            Input(
                str(before.min_side or ""),
                placeholder="any   (pixels of the shorter edge)",
                type="integer",
                compact=True,
                select_on_focus=False,
                id="min-side",
            ),
        )
        yield Button("Clear all", id="clear", compact=True)

    def read(self) -> Filters:
        since, until = _date("since", self.since.value), _date("until", self.until.value)
        if since is not None and until is not None and since >= until:
            raise FormError("since must be earlier than until, or no picture can pass")
        return Filters(
            folders=self._folders(),
            since=since,
            until=until,
            min_side=self._least_side(),
            synthetic=self._before.synthetic,
        )

    def _folders(self) -> tuple[Path, ...]:
        if self.folder.line.value == self._folder:
            return self._before.folders
        folder = self.folder.path
        if folder is None:
            return ()
        if self.folder.line.value.strip() == BUILT_IN.name:
            return (BUILT_IN.folder,)
        if not disk.is_folder(folder):
            raise FormError(disk.absence(folder, f"{folder} is no folder on this machine"))
        return (folder,)

    def _least_side(self) -> int:
        text = self.min_side.value.strip()
        if not text:
            return 0
        try:
            return numbers.whole(text, 0, LARGEST_SIDE)
        except ValueError as error:
            raise FormError(f"minimum side: {error}") from error

    def command(self, answer: Filters) -> str:
        return self._command_of(answer)

    @on(Button.Pressed, "#clear")
    def clear_all(self) -> None:
        """Empty every line; nothing is searched before that is asked for."""
        self.folder.take("")
        for line in (self.since, self.until, self.min_side):
            line.value = ""
        self.query_one("#go").focus()


def _date_line(moment: float | None, name: str) -> Input:
    words = "" if moment is None else date_words(moment)
    return Input(words, placeholder="2025-01-31", compact=True, select_on_focus=False, id=name)


def _date(label: str, text: str) -> float | None:
    try:
        return read_date(text)
    except ValueError as error:
        raise FormError(f"{label}: {text!r} is no date like 2025-01-31") from error
