"""Tags of the selected picture: read beside the screen, and no model is started unasked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from engine.collections import BUILT_IN
from engine.errors import T2IError
from t2itui.session import Stoppable, TaskHost
from t2itui.text.shell_commands import tag_command

if TYPE_CHECKING:
    from engine.results import PictureTags
    from t2itui.screens.search.card import CardContent
    from t2itui.screens.search.listing import Listing
    from t2itui.session import Session

SHOWN = 8
"""Most tags of a picture."""
REST_S = 0.15
"""So long a picture is selected before it is tagged: keys that are held down pass over it."""


class TaggedResults(Protocol):
    """The pictures of an answer."""

    listing: Listing | None

    @property
    def selected(self) -> int | None:
        """Index of the selected picture in the arrays of scores."""

    @property
    def content(self) -> CardContent | None:
        """The selected picture, once it was fetched."""

    def show_tags(self, tags: PictureTags | None) -> None:
        """Show what is true of the selected picture; None while it is not known."""


class TagController:
    """Tags the selected picture as soon as it rests, if that takes no model or an idle one."""

    def __init__(self, session: Session, host: TaskHost, results: TaggedResults) -> None:
        self._session = session
        self._host = host
        self._results = results
        self._timer: Stoppable | None = None

    def follow(self) -> None:
        """Another picture is selected, or another threshold set."""
        self._results.show_tags(None)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._host.set_timer(REST_S, partial(self._begin, asked=False))

    def tag(self) -> None:
        """Tag the selected picture; the model starts where the words are not embedded yet."""
        self._begin(asked=True)

    def _begin(self, *, asked: bool) -> None:
        listing, selected = self._results.listing, self._results.selected
        if listing is not None and selected is not None:
            work = partial(self._read, listing, listing.picture_id(selected), asked=asked)
            self._host.run_beside(work, group="tags", exclusive=True)

    @property
    def command(self) -> str:
        """The command that tags the selected picture; empty while there is none."""
        listing, content = self._results.listing, self._results.content
        if listing is None or content is None or not content.shown.path:
            return ""
        return tag_command(
            self._session.home,
            BUILT_IN.short_name(content.shown.path),
            encoder_id=listing.result.receipt.encoder,
            threshold=listing.threshold,
        )

    async def _read(self, listing: Listing, picture_id: int, *, asked: bool) -> None:
        engine = self._session.engine
        if engine is None:
            return
        encoder_id, threshold = listing.result.receipt.encoder, listing.threshold
        try:
            await engine.searcher.tagger.embed_words(encoder_id, if_idle=not asked)
            found = await engine.searcher.tagger.at_hand(
                picture_id, encoder_id=encoder_id, threshold=threshold, top=SHOWN
            )
        except T2IError as error:
            if asked:
                self._session.report_error("Tags", error)
            return
        if found is not None:
            self._host.call_later(self._show, listing, picture_id, found)

    def _show(self, listing: Listing, picture_id: int, found: PictureTags) -> None:
        selected = self._results.selected
        is_same = self._results.listing is listing and selected is not None
        if is_same and selected is not None and listing.picture_id(selected) == picture_id:
            self._results.show_tags(found)
