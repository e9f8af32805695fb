"""What the Search screen does with the pictures of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from textual import getters, on, work

from cache.errors import CacheError
from t2itui.desktop import open_folder
from t2itui.marks import Marks
from t2itui.messages import CompareWanted
from t2itui.plain import plain
from t2itui.screens.base import AppScreen
from t2itui.widgets.card import CardContent
from t2itui.widgets.grid import ResultGrid
from t2itui.widgets.results import Results


class PictureActions(AppScreen):
    """Fetches, views, marks, copies and opens the pictures that the results show."""

    results = getters.query_one(Results)

    def __init__(self) -> None:
        super().__init__()
        self.marks = Marks()

    async def fetch(self, picture_ids: Sequence[int]) -> Mapping[int, CardContent]:
        """Names and thumbnails of pictures out of the cache; nothing where it cannot be read."""
        engine = self.t2i.engine
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
        self.marks.toggle(content.shown.picture_id, content.shown.path)
        self.results.grid.show_marks(self.marks.picture_ids)

    def action_marked(self) -> None:
        """List the marked pictures."""
        from t2itui.screens.marked import MarkedScreen

        def show_marks(_: None) -> None:
            self.results.grid.show_marks(self.marks.picture_ids)

        self.app.push_screen(MarkedScreen(self.marks), show_marks)

    def action_compare(self) -> None:
        """Compare the marked pictures, or else the selected one, with what the query says."""
        from engine.comparing.names import short_name
        from engine.generation.prompts import texts_of

        content, listing = self.selected_picture(), self.results.listing
        paths = [*self.marks] or ([content.shown.path] if content is not None else [])
        pictures = tuple(short_name(path) for path in paths if path)
        if pictures and listing is not None:
            texts = texts_of(listing.result.receipt.query)
            self.app.post_message(CompareWanted(pictures, texts))

    @on(ResultGrid.Opened)
    def view(self, message: ResultGrid.Opened) -> None:
        from t2itui.screens.viewer import Viewer

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
