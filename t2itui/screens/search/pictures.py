"""Opening a folder in the person's file manager, where there is one."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.errors import CacheError
from t2itui.screens.common.base import AppScreen
from t2itui.screens.search.card import CardContent
from t2itui.screens.search.grid import ResultGrid
from t2itui.screens.search.results import Results
from t2itui.session import ComparePictures, Selection, Session
from t2itui.text.plain import plain
from t2itui.text.words import counted
from t2itui.widgets.key_line import KeyLine


def opener() -> str | None:
    """The program that opens folders here; None without a desktop, as over plain SSH."""
    if sys.platform == "darwin":
        return shutil.which("open")
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return shutil.which("xdg-open") if has_display else None


async def open_folder(folder: Path) -> bool:
    """Open `folder`; False where nothing can, or it refuses."""
    program = opener()
    if program is None:
        return False
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            str(folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    return await process.wait() == 0


class MarkedScreen(Screen[None]):
    """Lists the paths of marked pictures in the order they were marked."""

    DEFAULT_CSS = """
    MarkedScreen {
        & > #heading { height: 1; padding: 0 1; text-style: bold; color: $primary; }
        & > OptionList { height: 1fr; border: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "copy", "Copy all", id="marked.copy", tooltip="Copy paths, one a line"),
        Binding("space,delete", "unmark", "Unmark", id="marked.unmark", tooltip="Unmark this one"),
        Binding("c", "clear", "Clear", id="marked.clear", tooltip="Unmark all"),
        Binding("escape,M,q", "leave", "Back", id="marked.back", tooltip="Back to the pictures"),
    ]

    heading = getters.query_one("#heading", Static)
    paths = getters.query_one(OptionList)

    def __init__(self, selection: Selection) -> None:
        super().__init__()
        self._selection = selection

    def compose(self) -> ComposeResult:
        yield Static(id="heading")
        yield OptionList(markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._show()
        self.paths.focus()

    def _show(self) -> None:
        self.heading.update(
            f"{counted(len(self._selection), 'marked picture')}"
            if len(self._selection)
            else "No picture is marked: space marks the selected one"
        )
        at = self.paths.highlighted
        self.paths.set_options([Option(Content(plain(path))) for path in self._selection])
        if len(self._selection):
            self.paths.highlighted = min(at or 0, len(self._selection) - 1)

    def action_copy(self) -> None:
        """Copy all paths, one a line."""
        self.app.copy_to_clipboard("\n".join(self._selection))
        self.notify(f"{counted(len(self._selection), 'path')} copied")

    def action_unmark(self) -> None:
        """Unmark the highlighted picture."""
        if self.paths.highlighted is not None:
            self._selection.remove(self.paths.highlighted)
            self._show()

    def action_clear(self) -> None:
        """Unmark all."""
        self._selection.clear()
        self._show()

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss()


class PictureActions(AppScreen):
    """Fetches, views, marks, copies and opens the pictures that the results show."""

    results = getters.query_one(Results)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.selection = session.selection

    async def fetch(self, picture_ids: Sequence[int]) -> Mapping[int, CardContent]:
        """Names and thumbnails of pictures out of the cache; nothing where it cannot be read."""
        engine = self.session.engine
        if engine is None:
            return {}
        try:
            shown = await engine.library.shown(list(picture_ids))
            thumbnails = await engine.library.thumbnails(list(picture_ids))
        except CacheError as error:
            self.notify(
                plain(error.message),
                title="Pictures cannot be read",
                severity="error",
                markup=False,
            )
            return {}
        return {
            each.picture_id: CardContent(shown=each, thumbnail=thumbnails.get(each.picture_id))
            for each in shown
        }

    def selected_picture(self) -> CardContent | None:
        """The selected picture, once it was fetched."""
        return self.results.detail.content if self.results.display else None

    def action_mark(self) -> None:
        """Mark the selected picture, or unmark it."""
        content = self.selected_picture()
        if content is None:
            return
        self.selection.toggle(content.shown.picture_id, content.shown.path)
        self.results.grid.show_marks(self.selection.picture_ids)

    def action_marked(self) -> None:
        """List the marked pictures."""
        pass

        def show_marks(_: None) -> None:
            self.results.grid.show_marks(self.selection.picture_ids)

        self.app.push_screen(MarkedScreen(self.selection), show_marks)

    def action_compare(self) -> None:
        """Compare the marked pictures, or else the selected one, with what the query says."""
        from engine.collections import BUILT_IN
        from engine.search.query import texts_of

        content, listing = self.selected_picture(), self.results.listing
        paths = [*self.selection] or ([content.shown.path] if content is not None else [])
        pictures = tuple(BUILT_IN.short_name(path) for path in paths if path)
        if pictures and listing is not None:
            texts = texts_of(listing.result.receipt.query)
            self.session.send(ComparePictures(pictures, texts))

    @on(ResultGrid.Opened)
    def view(self, message: ResultGrid.Opened) -> None:
        from t2itui.screens.common.viewer import Viewer

        self.app.push_screen(Viewer(self.results))

    def action_copy_path(self) -> None:
        """Copy the path of the selected picture."""
        content = self.selected_picture()
        if content is not None:
            self.copy(content.shown.path, "Path copied")

    def copy(self, text: str, title: str) -> None:
        """Copy a text by way of the terminal, and show it."""
        self.app.copy_to_clipboard(text)
        self.notify(plain(text), title=title, markup=False)

    @work(group="folder")
    async def action_open_folder(self) -> None:
        """Open the folder of the selected picture, or say where it is."""
        content = self.selected_picture()
        if content is None:
            return
        folder = Path(content.shown.path).parent
        if not await open_folder(folder):
            self.copy(str(folder), "No file manager here; the folder's path was copied")
