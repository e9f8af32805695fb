"""What lies over the answer: one picture large, and the list of those that are marked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.collections import BUILT_IN
from t2itui.graphics.picture import Picture, read_original
from t2itui.keys import bindings
from t2itui.screens.common.base import leave
from t2itui.screens.common.word_maps import Looked, WordBars
from t2itui.text.plain import plain
from t2itui.text.shell_commands import where_command
from t2itui.text.words import counted, number
from t2itui.widgets.key_line import KeyLine

if TYPE_CHECKING:
    from t2itui.screens.search.card import CardContent
    from t2itui.screens.search.results import Results
    from t2itui.session import Selection, Session


class Viewer(Screen[None]):
    """Shows the selected picture large; the arrows walk through the answer."""

    DEFAULT_CSS = """
    Viewer {
        & > Picture { height: 1fr; }
        & > #words { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("viewer")

    picture = getters.query_one(Picture)
    words = getters.query_one("#words", Static)

    class PictureRead(Message, bubble=False):
        """The thumbnail or the file of a picture was read."""

        def __init__(self, index: int, content: CardContent, data: bytes | None) -> None:
            super().__init__()
            self.index = index
            self.content = content
            self.data = data

    def __init__(self, session: Session, results: Results, *, finds_words: bool = False) -> None:
        """With `finds_words` it begins with the first word of the description."""
        super().__init__()
        self._session = session
        self._results = results
        self._content: CardContent | None = None
        self._finds_words = finds_words
        self._picture = Picture()
        self.bars = WordBars(session, self._picture, self._looked)

    def compose(self) -> ComposeResult:
        yield self._picture
        yield self.bars
        yield Static(id="words")
        yield KeyLine()

    def on_mount(self) -> None:
        self._show()

    def action_move(self, by: int) -> None:
        """Go to another picture of the answer."""
        self._results.grid.action_move(by)
        self._show()

    def action_where(self) -> None:
        """Show where the next word of the description is."""
        self.bars.maps.step()

    def action_numbers(self) -> None:
        """Show where words are as numbers, or over the picture."""
        self.bars.turn_numbers()

    def action_box(self) -> None:
        """Draw a box on the picture, and paint what is in it anew."""
        from t2itui.screens.generate.box import BoxScreen

        if self._content is not None:
            looked = self._looked()
            prompt = "" if looked is None else looked.text
            self.app.push_screen(BoxScreen(self._session, self._content.shown.path, prompt))

    def action_copy_command(self) -> None:
        """Copy the command that shows where the words of the description are."""
        from engine.requests import WhereRequest

        looked = self._looked()
        if looked is not None:
            request = WhereRequest(
                picture=BUILT_IN.short_name(looked.picture),
                text=looked.text,
                encoder_id=looked.encoder_id,
            )
            command = where_command(self._session.home, request)
            self.app.copy_to_clipboard(command)
            self.notify(plain(command), title="Command copied", markup=False)

    def action_leave(self) -> None:
        """Wait no longer for words, or go back to the answer."""
        if not self.bars.maps.stop():
            leave(self)

    def _looked(self) -> Looked | None:
        return self._results.looked(self._content)

    def _show(self) -> None:
        listing, index = self._results.listing, self._results.grid.selected
        if listing is not None and index is not None:
            self._read(index, listing.picture_id(index))

    @work(exclusive=True)
    async def _read(self, index: int, picture_id: int) -> None:
        content = (await self._results.fetch([picture_id])).get(picture_id)
        if content is None:
            return
        self.post_message(self.PictureRead(index, content, content.thumbnail))
        data = await asyncio.to_thread(read_original, content.shown)
        if data is not None:
            self.post_message(self.PictureRead(index, content, data))

    @on(PictureRead)
    def show_fetched(self, message: PictureRead) -> None:
        listing = self._results.listing
        if listing is None or message.index != self._results.grid.selected:
            return
        path = plain(BUILT_IN.short_name(message.content.shown.path))
        self._content = message.content
        if self._finds_words and not self.bars.maps.is_on:
            self.bars.maps.step()
        self._finds_words = False
        self.bars.maps.follow()
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


class MarkedScreen(Screen[None]):
    """Lists the paths of marked pictures in the order they were marked."""

    DEFAULT_CSS = """
    MarkedScreen {
        & > #heading { height: 1; padding: 0 1; text-style: bold; color: $primary; }
        & > OptionList { height: 1fr; border: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("marked")

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
        leave(self)
