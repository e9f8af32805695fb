"""Dialogs of the Compare screen: which picture to add, which file to read or write."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar

from textual import work

from engine.comparing.sheet import Sheet, load_sheet, save_sheet
from engine.errors import EngineError, T2IError
from engine.file_types import SUFFIXES
from t2itui.screens.common.base import AppScreen
from t2itui.screens.common.dialogs import FileDialog, FormError, ReadFile, WriteFile
from t2itui.text.plain import plain
from t2itui.text.shell_commands import compare_command
from t2itui.widgets.path_input import PathInput

if TYPE_CHECKING:
    from engine.comparing.sheet import Comparison


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
            suffixes=SUFFIXES,
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


class SheetFiles(AppScreen):
    """Fills a sheet and writes it down."""

    SUBJECT = "The comparison"
    found: Comparison | None

    def __init__(self) -> None:
        super().__init__()
        self.sheet = Sheet(pictures=(), lines=())
        """What is compared."""
        self._own: Path | None = None
        """The file that it was opened from, or saved to."""
        self._examples = 0
        """Examples shown so far."""

    @property
    @abstractmethod
    def picture(self) -> int:
        """The number of the picture under the cursor."""

    @abstractmethod
    def take(self, sheet: Sheet, row: int | None = None, column: int | None = None) -> None:
        """Show another sheet."""

    @work(group="file")
    async def action_add_picture(self) -> None:
        """Ask for a picture of the library and add it."""
        engine = self.t2i.engine
        name = await self.app.push_screen_wait(AddPicture(self.t2i.home, self.sheet))
        if name is None or engine is None:
            return
        from engine.collections import BUILT_IN

        try:
            await engine.comparer.find([name])
        except T2IError as error:
            self.tell_error(error)
            return
        pictures = (*self.sheet.pictures, BUILT_IN.short_name(name))
        if len(set(pictures)) < len(pictures):
            self.notify("That picture is in the comparison already.")
            return
        self.take(replace(self.sheet, pictures=pictures), column=len(pictures))

    def action_drop_picture(self) -> None:
        """Take the picture under the cursor out."""
        if self.sheet.pictures:
            place = self.picture
            pictures = (*self.sheet.pictures[:place], *self.sheet.pictures[place + 1 :])
            self.take(replace(self.sheet, pictures=pictures))

    @work(exclusive=True, group="file")
    async def action_example(self) -> None:
        """Show the next example on the storybook."""
        from engine.comparing.known_scenes import example

        number, self._examples = self._examples, self._examples + 1
        self._own = None
        self.take(await asyncio.to_thread(example, number), row=0, column=1)

    @work(group="file")
    async def action_open(self) -> None:
        """Ask for a file and show what was saved in it."""
        path = await self.app.push_screen_wait(OpenSheet(self.t2i.home))
        if path is None:
            return
        try:
            sheet = await asyncio.to_thread(load_sheet, path)
        except EngineError as error:
            self.tell_error(error)
            return
        self._own = path
        self.take(sheet, row=0, column=1)

    @work(group="file")
    async def action_save(self) -> None:
        """Ask for a file and keep pictures and descriptions in it."""
        sheet = self.sheet
        proposed = self._own
        if proposed is None:
            proposed = await asyncio.to_thread(self._proposed, ".json")
        dialog = SaveSheet(self.t2i.home, sheet, proposed, self._own)
        path = await self.app.push_screen_wait(dialog)
        if path is None:
            return
        try:
            await asyncio.to_thread(save_sheet, sheet, path)
        except EngineError as error:
            self.tell_error(error)
            return
        self._own = path
        self.notify(plain(str(path)), title="Saved", markup=False)

    @work(group="file")
    async def action_export(self) -> None:
        """Ask for a file and write the result in the kind that its name says."""
        found, sheet = self.found, self.sheet
        if found is None:
            return
        proposed = await asyncio.to_thread(self._proposed, ".png")
        dialog = ExportComparison(self.t2i.home, sheet, proposed, None)
        path = await self.app.push_screen_wait(dialog)
        if path is None:
            return
        from engine.comparing.files import check_exports, export

        try:
            await asyncio.to_thread(check_exports, (path,))
            await asyncio.to_thread(export, found, path)
        except EngineError as error:
            self.tell_error(error)
        else:
            self.notify(plain(str(path)), title="Exported", markup=False)

    def _proposed(self, suffix: str) -> Path:
        """A name in the current folder after the first picture."""
        first = self.sheet.pictures[0] if self.sheet.pictures else "comparison"
        return Path.cwd() / f"{PurePath(first).stem}{suffix}"
