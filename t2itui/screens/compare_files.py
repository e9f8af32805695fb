"""Dialogs of the Compare screen: which picture to add, which file to read or write."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from engine.comparing.sheet import Sheet
from engine.indexing.walk import SUFFIXES
from t2itui.screens.file_form import FileDialog, ReadFile, WriteFile
from t2itui.screens.form import FormError
from t2itui.twin import compare_command
from t2itui.widgets.path_input import PathInput

EXPORTS = (".png", ".svg", ".pdf", ".csv", ".json")


class AddPicture(FileDialog[str]):
    """A picture of the library, by path or by name."""

    HEADING = "Add a picture"
    GO = "Add (enter)"
    LABEL = "Picture"
    HELP = "It must be indexed. A name will do where the library has one file of that name."

    def __init__(self, home: Path | None, sheet: Sheet) -> None:
        super().__init__(home)
        self._sheet = sheet

    def field(self) -> PathInput:
        return PathInput(
            placeholder="~/horse.jpg, horse.jpg or storybook/0004.webp",
            folders_only=False,
            suffixes=tuple(SUFFIXES),
            id="target",
        )

    def read(self) -> str:
        name = self.target.line.value.strip()
        if not name:
            raise FormError("name a picture")
        return name

    def command(self, answer: str) -> str:
        pictures = (*self._sheet.pictures, answer)
        sheet = Sheet(pictures=pictures, lines=self._sheet.lines, encoder=self._sheet.encoder)
        return compare_command(self._home, sheet)


class OpenSheet(ReadFile):
    """A comparison that was saved before."""

    HEADING = "Open a comparison"
    GO = "Open (enter)"
    PLACEHOLDER = "~/horse.json"
    SUFFIXES = (".json",)

    def command(self, answer: Path) -> str:
        return compare_command(self._home, None, "--sheet", str(answer))


class WriteSheet(WriteFile):
    """A file for a comparison; its own may be written again."""

    OPTION: ClassVar[str]

    def __init__(self, home: Path | None, sheet: Sheet, proposed: Path, own: Path | None) -> None:
        super().__init__(home, proposed, own)
        self._sheet = sheet

    def command(self, answer: Path) -> str:
        return compare_command(self._home, self._sheet, self.OPTION, str(answer))


class SaveSheet(WriteSheet):
    """Where pictures and descriptions are to be kept."""

    HEADING = "Save the comparison"
    GO = "Save (enter)"
    OPTION = "--save"
    HELP = "A small JSON file with the pictures' names and the descriptions; o opens it again."


class ExportComparison(WriteSheet):
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
