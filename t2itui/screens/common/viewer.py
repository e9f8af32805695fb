"""One picture of the answer over the whole terminal, from its file where that can be read."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from t2itui.graphics.picture import Picture
from t2itui.text.plain import plain
from t2itui.widgets.key_line import KeyLine
from t2itui.widgets.score_bar import number

if TYPE_CHECKING:
    from engine.results import Shown
    from t2itui.screens.search.card import CardContent
    from t2itui.screens.search.results import Results


MOST_BYTES = 50_000_000
MOST_PIXELS = 60_000_000
"""Larger files are shown by their thumbnails: decoding them takes seconds and gigabytes."""


class Viewer(Screen[None]):
    """Shows the selected picture large; the arrows walk through the answer."""

    DEFAULT_CSS = """
    Viewer {
        & > Picture { height: 1fr; }
        & > #words { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "move(-1)", "Before", id="viewer.before", tooltip="The picture before"),
        Binding("right,down", "move(1)", "Next", id="viewer.next", tooltip="The next picture"),
        Binding("escape,enter,q", "leave", "Back", id="viewer.back", tooltip="Back to the answer"),
    ]

    picture = getters.query_one(Picture)
    words = getters.query_one("#words", Static)

    class Fetched(Message, bubble=False):
        """The thumbnail or the file of a picture was read."""

        def __init__(self, index: int, content: CardContent, data: bytes | None) -> None:
            super().__init__()
            self.index = index
            self.content = content
            self.data = data

    def __init__(self, results: Results) -> None:
        super().__init__()
        self._results = results

    def compose(self) -> ComposeResult:
        yield Picture()
        yield Static(id="words")
        yield KeyLine()

    def on_mount(self) -> None:
        self._show()

    def action_move(self, by: int) -> None:
        """Go to another picture of the answer."""
        self._results.grid.action_move(by)
        self._show()

    def action_leave(self) -> None:
        """Go back to the answer."""
        self.dismiss()

    def _show(self) -> None:
        listing, index = self._results.listing, self._results.grid.selected
        if listing is not None and index is not None:
            self._read(index, listing.picture_id(index))

    @work(exclusive=True)
    async def _read(self, index: int, picture_id: int) -> None:
        content = (await self._results.fetch([picture_id])).get(picture_id)
        if content is None:
            return
        self.post_message(self.Fetched(index, content, content.thumbnail))
        data = await asyncio.to_thread(read_original, content.shown)
        if data is not None:
            self.post_message(self.Fetched(index, content, data))

    @on(Fetched)
    def show_fetched(self, message: Fetched) -> None:
        listing = self._results.listing
        if listing is None or message.index != self._results.grid.selected:
            return
        path = plain(message.content.shown.path)
        self.picture.show(message.data, alt=path)
        rank = listing.rank(message.index, listing.scorer)
        sign = "✓" if listing.passes(message.index) else "·"
        self.words.update(
            Content.assemble(
                (f"{sign} {rank:,}/{len(listing):,}", "bold"),
                f"  match {number(float(listing.scores.match[message.index]))}",
                f"  cosine {number(float(listing.scores.cosine[message.index]))}  ",
                (path, "$foreground-muted"),
            )
        )


def read_original(shown: Shown) -> bytes | None:
    """Return the file's bytes; None where it is gone, or too large to decode at leisure."""
    if not shown.present or shown.width * shown.height > MOST_PIXELS:
        return None
    path = Path(shown.path)
    try:
        return path.read_bytes() if path.stat().st_size <= MOST_BYTES else None
    except (OSError, ValueError):
        return None
