"""What the Search screen does with the storybook: suggests queries, and leads on from there."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import getters, on, work

from engine.collections import BUILT_IN
from engine.errors import CacheError
from engine.requests import Filters
from t2itui.screens.search.decision import DecisionActions
from t2itui.screens.search.lines import NotesLine
from t2itui.screens.search.suggestions import SuggestionStrip
from t2itui.session import RefreshStatus

if TYPE_CHECKING:
    from engine.records import LibraryCounts
    from t2itui.session import Session


ONLY_STORYBOOK = (BUILT_IN.folder,)


class StorybookActions(DecisionActions):
    """Suggests queries while the storybook is searched, and goes there and back."""

    strip = getters.query_one(SuggestionStrip)
    notes = getters.query_one(NotesLine)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.filters = Filters()
        """What the next query is asked with."""
        self._own = 0
        """Pictures that are the person's own."""
        self._drawn = 0
        """Pictures of the storybook."""
        self.has_begun = False
        """They have been counted."""

    @abstractmethod
    def search_for(self, query: str) -> None:
        """Answer a query."""

    @abstractmethod
    def show_example(self, query: str) -> None:
        """Answer a query that the person did not ask."""

    @abstractmethod
    def take_filters(self, filters: Filters | None) -> None:
        """Ask with other filters from now on."""

    @property
    def is_in_storybook(self) -> bool:
        """The next query is put to the storybook alone."""
        return self.filters.folders == ONLY_STORYBOOK or not self._own

    @property
    def offers_suggestions(self) -> bool:
        """There are queries to suggest."""
        return self.is_in_storybook and bool(self._drawn)

    @property
    def has_both(self) -> bool:
        """The storybook can be searched beside the person's own pictures."""
        return bool(self._own)

    @property
    def has_pictures(self) -> bool:
        """There is something to search."""
        return bool(self._own or self._drawn)

    def count_libraries(self, counts: LibraryCounts) -> None:
        """Take note of what there is to search."""
        self._own, self._drawn = counts.own, counts.built_in
        self.has_begun = True
        self.follow_library()

    def greet_own_pictures(self) -> None:
        """Say so when the first picture of the person's own is in: searches are about those."""
        if not self._own:
            self._count_again()

    @work(group="count")
    async def _count_again(self) -> None:
        engine = self.session.engine
        if engine is None:
            return
        try:
            counts = await engine.library.counts()
        except CacheError:
            return  # The next search says what is wrong.
        if counts.own and not self._own:
            self.count_libraries(counts)
            self.notes.offer("Your own pictures are coming in: r searches them, b the storybook")

    def open_storybook(self) -> None:
        """Begin with the first suggestion, which typing replaces."""
        self.strip.open(self._drawn)
        self.show_example(self.strip.first())

    def action_suggest(self) -> None:
        """Answer the next suggestion."""
        if not self.strip.display:
            self.strip.open(self._drawn)
        self.search_for(self.strip.next())

    @on(SuggestionStrip.Chosen)
    def try_chosen(self, message: SuggestionStrip.Chosen) -> None:
        message.stop()
        self.strip.point_at(message.query)
        self.search_for(message.query)

    def action_storybook(self) -> None:
        """Search the storybook, or the person's own pictures again."""
        leaves = self.filters.folders == ONLY_STORYBOOK
        self.take_filters(replace(self.filters, folders=() if leaves else ONLY_STORYBOOK))

    def follow_library(self) -> None:
        """Say which library is searched from now on."""
        if not self.offers_suggestions:
            self.strip.close()
        searches_gallery = self.is_in_storybook and self.has_pictures
        self.session.collection = BUILT_IN.name if searches_gallery else ""
        self.session.send(RefreshStatus())
        self.refresh_bindings()

    @work(group="add")
    async def action_add(self) -> None:
        """Ask for a folder of the person's own pictures and index it."""
        from t2itui.screens.library.forms import AddFolder

        engine = self.session.engine
        if engine is None:
            return
        dialog = AddFolder(
            self.session.home,
            models=await engine.models(),
            default_encoder=engine.settings.encoder,
        )
        request = await self.app.push_screen_wait(dialog)
        if request is not None:
            engine.index(request)
