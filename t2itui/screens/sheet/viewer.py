"""One cell of a sheet, large."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.states import ScorerKind
from t2itui.keys import bindings
from t2itui.screens.common.base import leave
from t2itui.screens.common.word_maps import Looked
from t2itui.screens.generate.details import PicturePane
from t2itui.text.plain import plain
from t2itui.text.sheets import cell_words
from t2itui.widgets.key_line import KeyLine

if TYPE_CHECKING:
    from engine.sheets.sheet import SheetCell
    from t2itui.screens.sheet.board import BoardView
    from t2itui.session import Session


Place: TypeAlias = tuple[int, int]
"""Row and column, as drawn."""


class CellViewer(ModalScreen[Place]):
    """Lies over the sheet; the arrows walk its cells, Escape goes back to the one in front."""

    DEFAULT_CSS = """
    CellViewer {
        background: $background;
        & #heading { height: auto; max-height: 3; padding: 0 1; text-style: bold; }
        & PicturePane { height: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("cell")

    heading = getters.query_one("#heading", Static)
    pane = getters.query_one(PicturePane)

    def __init__(self, session: Session, view: BoardView, place: Place) -> None:
        super().__init__()
        self._session = session
        self._view = view
        self.place = place
        """Row and column, as drawn."""

    def compose(self) -> ComposeResult:
        yield Static(id="heading")
        yield PicturePane(self._session, id="picture", looked=self._looked)
        yield KeyLine()

    def on_mount(self) -> None:
        self.show()

    @property
    def cell(self) -> SheetCell:
        """The cell in front."""
        return self._view.cell(*self.place)

    def show(self) -> None:
        """Show the cell in front, and fetch its picture."""
        view, cell = self._view, self.cell
        self.heading.update(Content(plain(cell_words(view.sheet, cell, view.threshold))))
        cosines = [each.score(ScorerKind.COSINE) or 0.0 for each in view.sheet.filled]
        picture = cell.picture
        self.pane.show_words(
            picture.path if picture is not None else cell.state,
            cell.score(ScorerKind.MATCH),
            cell.score(ScorerKind.COSINE),
            top=max(cosines, default=1.0),
            threshold=view.threshold,
        )
        self.pane.picture.show(None, alt=plain(cell.cell.request.prompt))
        if picture is not None:
            self._fetch(picture.path)

    @work(exclusive=True, group="picture")
    async def _fetch(self, path: str) -> None:
        self.call_later(self.take, path, await asyncio.to_thread(_read, Path(path)))

    def take(self, path: str, data: bytes | None) -> None:
        """Show the bytes of a picture, if it is still in front."""
        picture = self.cell.picture
        if picture is not None and picture.path == path:
            self.pane.picture.show(data, alt=plain(path))
            self.pane.bars.maps.follow()

    def action_walk(self, rows: int, columns: int) -> None:
        """Show a neighbour."""
        row, column = self.place[0] + rows, self.place[1] + columns
        if 0 <= row < len(self._view.rows) and 0 <= column < len(self._view.columns):
            self.place = row, column
            self.show()

    def action_copy_path(self) -> None:
        """Copy the picture's path."""
        if self.cell.picture is not None:
            path = self.cell.picture.path
            self.app.copy_to_clipboard(path)
            self.notify(plain(path), title="Copied", markup=False)

    def action_where(self) -> None:
        """Show where in the picture the next word of its prompt is."""
        self.pane.bars.maps.step()

    def action_numbers(self) -> None:
        """Show where words are as numbers, or over the picture."""
        self.pane.bars.turn_numbers()

    def _looked(self) -> Looked | None:
        cell = self.cell
        if cell.picture is None:
            return None
        return Looked(picture=cell.picture.path, text=cell.cell.request.prompt)

    def action_leave(self) -> None:
        """Wait no longer for words, or go back to the sheet, at the cell in front."""
        if not self.pane.bars.maps.stop():
            leave(self, self.place)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
