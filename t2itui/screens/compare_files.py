"""Dialogs of the Compare screen: which picture to add, which file to read or write."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from engine.comparing.sheet import Sheet
from engine.indexing.walk import SUFFIXES
from t2itui.plain import plain
from t2itui.screens.form import Dialog, FormError
from t2itui.twin import compare_command
from t2itui.widgets.path_input import PathInput

EXPORTS = (".png", ".svg", ".pdf", ".csv", ".json")


class AddPicture(Dialog[str]):
    """A picture of the library, by path or by name."""

    HEADING = "Add a picture"
    GO = "Add (enter)"

    target = getters.query_one("#target", PathInput)

    def __init__(self, home: Path | None, sheet: Sheet) -> None:
        super().__init__()
        self._home = home
        self._sheet = sheet

    def compose_fields(self) -> ComposeResult:
        yield self.labelled(
            "Picture",
            PathInput(
                placeholder="~/horse.jpg, horse.jpg or storybook/0004.webp",
                folders_only=False,
                suffixes=tuple(SUFFIXES),
                id="target",
            ),
        )
        yield Static(
            "It must be indexed. A name will do where the library has one file of that name.",
            classes="help",
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.target.line.focus()

    def read(self) -> str:
        name = self.target.line.value.strip()
        if not name:
            raise FormError("name a picture")
        return name

    def command(self, answer: str) -> str:
        pictures = (*self._sheet.pictures, answer)
        sheet = Sheet(pictures=pictures, lines=self._sheet.lines, encoder=self._sheet.encoder)
        return compare_command(self._home, sheet)


class OpenSheet(Dialog[Path]):
    """A comparison that was saved before."""

    HEADING = "Open a comparison"
    GO = "Open (enter)"

    target = getters.query_one("#target", PathInput)

    def __init__(self, home: Path | None) -> None:
        super().__init__()
        self._home = home

    def compose_fields(self) -> ComposeResult:
        yield self.labelled(
            "File",
            PathInput(
                placeholder="~/horse.json", folders_only=False, suffixes=(".json",), id="target"
            ),
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.target.line.focus()

    def read(self) -> Path:
        path = self.target.path
        if path is None:
            raise FormError("name a file")
        if not path.is_file():
            raise FormError(f"{path} is no file")
        return path

    def command(self, answer: Path) -> str:
        return compare_command(self._home, None, "--sheet", str(answer))


class WriteFile(Dialog[Path]):
    """A file to write; one that is there is left alone, unless it is this comparison's own."""

    OPTION: ClassVar[str]
    HELP: ClassVar[str]

    target = getters.query_one("#target", PathInput)

    def __init__(self, home: Path | None, sheet: Sheet, proposed: Path, own: Path | None) -> None:
        super().__init__()
        self._home = home
        self._sheet = sheet
        self._proposed = proposed
        self._own = own

    def compose_fields(self) -> ComposeResult:
        yield self.labelled(
            "To",
            PathInput(
                str(self._proposed),
                placeholder=str(self._proposed),
                folders_only=True,
                id="target",
            ),
        )
        yield Static(Content(plain(self.HELP)), classes="help")

    def on_mount(self) -> None:
        super().on_mount()
        self.target.line.focus()

    def read(self) -> Path:
        target = self.target.path
        if target is None:
            raise FormError("name a file")
        if target.is_dir():
            target = target / self._proposed.name
        if target.exists() and target != self._own:
            raise FormError(f"{target} is there already: choose another name")
        if not target.parent.is_dir():
            raise FormError(f"there is no folder {target.parent}")
        return target

    def command(self, answer: Path) -> str:
        return compare_command(self._home, self._sheet, self.OPTION, str(answer))


class SaveSheet(WriteFile):
    """Where pictures and descriptions are to be kept."""

    HEADING = "Save the comparison"
    GO = "Save (enter)"
    OPTION = "--save"
    HELP = "A small JSON file with the pictures' names and the descriptions; o opens it again."


class ExportComparison(WriteFile):
    """Where the result is to go, and as what."""

    HEADING = "Export the result"
    GO = "Export (enter)"
    OPTION = "--export"
    HELP = "The end of the name says what it becomes: .png, .svg or .pdf a heatmap, .csv, .json."

    def read(self) -> Path:
        target = super().read()
        if target.suffix.lower() not in EXPORTS:
            raise FormError(f"the name must end in one of {', '.join(EXPORTS)}")
        return target
