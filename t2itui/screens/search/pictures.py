"""The pictures of an answer: fetched, marked, copied, compared, and shown in their folder."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.errors import CacheError
from engine.picture_names import is_address
from t2itui.screens.search.card import CardContent
from t2itui.session import ComparePictures, TaskHost

if TYPE_CHECKING:
    from t2itui.screens.search.listing import Listing
    from t2itui.session import Session


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


class PicturedResults(Protocol):
    """The pictures of an answer."""

    listing: Listing | None

    @property
    def content(self) -> CardContent | None:
        """The selected picture, once it was fetched."""

    def show_selection(self, picture_ids: frozenset[int]) -> None:
        """Show which pictures are marked."""


class PicturesHost(TaskHost, Protocol):
    """The screen that shows them."""

    def copy(self, text: str, title: str) -> None:
        """Put a text on the clipboard and say so."""


class PictureController:
    """Fetches, marks, copies and opens the pictures of an answer."""

    def __init__(self, session: Session, host: PicturesHost) -> None:
        self._session = session
        self._host = host

    async def fetch(self, picture_ids: Sequence[int]) -> Mapping[int, CardContent]:
        """Names and thumbnails of pictures out of the cache; nothing where it cannot be read."""
        engine = self._session.engine
        if engine is None:
            return {}
        try:
            shown = await engine.library.shown(list(picture_ids))
            thumbnails = await engine.library.thumbnails(list(picture_ids))
        except CacheError as error:
            self._session.notify(error.message, title="Pictures cannot be read", severity="error")
            return {}
        return {
            each.picture_id: CardContent(shown=each, thumbnail=thumbnails.get(each.picture_id))
            for each in shown
        }

    def mark(self, results: PicturedResults) -> None:
        """Mark the selected picture, or unmark it."""
        content, selection = results.content, self._session.selection
        if content is not None:
            selection.toggle(content.shown.picture_id, content.shown.path)
            results.show_selection(selection.picture_ids)

    def compare(self, results: PicturedResults) -> None:
        """Compare the marked pictures, or else the selected one, with what the query says."""
        from engine.collections import BUILT_IN
        from engine.search.query import texts_of

        content, listing = results.content, results.listing
        paths = [*self._session.selection] or ([content.shown.path] if content is not None else [])
        pictures = tuple(BUILT_IN.short_name(path) for path in paths if path)
        if pictures and listing is not None:
            texts = texts_of(listing.result.receipt.query)
            self._session.send(ComparePictures(pictures, texts))

    def copy_path(self, content: CardContent | None) -> None:
        """Copy the path of a picture."""
        if content is not None:
            self._host.copy(content.shown.path, "Path copied")

    def open_folder(self, content: CardContent | None) -> None:
        """Open the folder of a picture, or say where it is."""
        if content is None:
            return
        if is_address(path := content.shown.path):
            self._host.copy(path, "It is on other storage: its address was copied")
            return
        self._host.run_beside(partial(self._open_folder, Path(path).parent), group="folder")

    async def _open_folder(self, folder: Path) -> None:
        if not await open_folder(folder):
            words = "No file manager here; the folder's path was copied"
            self._host.call_later(self._host.copy, str(folder), words)
