"""What there is to search: one's own pictures, the built-in collection, or nothing yet."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from engine.collections import BUILT_IN
from engine.errors import CacheError, T2IError
from engine.events import LibraryChanged
from t2itui.screens.search.asking import AskingController
from t2itui.session import RefreshStatus, Stoppable, TaskHost

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.events import JobEvent
    from engine.requests import Filters
    from engine.results import LibraryCounts
    from t2itui.session import Session

REFRESH_S = 0.5
"""A library that keeps changing is looked at so often, and not at every batch."""
PAST_QUERIES = 200
ONLY_BUILT_IN = (BUILT_IN.folder,)
CHANGED = "The library changed: r searches again"
OWN_PICTURES = f"Your own pictures are coming in: r searches them, b the {BUILT_IN.name}"


class SuggestionView(Protocol):
    """The strip of queries that are suggested."""

    @property
    def is_open(self) -> bool:
        """It is in sight."""

    def open(self, pictures: int) -> None:
        """Show it above so many pictures."""

    def close(self) -> None:
        """Give its room back."""

    def first(self) -> str:
        """Point at the first suggestion and return it."""

    def next(self) -> str:
        """Point at the next suggestion and return it."""


class CollectionView(TaskHost, Protocol):
    """The screen as far as it depends on what there is to search."""

    @property
    def is_waiting(self) -> bool:
        """An answer was asked for and is not there yet."""

    @property
    def has_answer(self) -> bool:
        """There is an answer, in sight or not."""

    def load_queries(self, queries: list[str]) -> None:
        """Take over earlier queries, the oldest first."""

    def show_greeting(self, pictures: int, queries: list[str]) -> None:
        """Wait for a query; where the pictures are one's own, say how many there are."""

    def show_first_start(self) -> None:
        """Show what there is to do where there is no picture."""

    def show_error(self, error: T2IError) -> None:
        """Say why nothing can be searched."""

    def suggest_refresh(self, words: str) -> bool:
        """Say that another answer may be had, beside the one in sight; False if none is."""

    def follow_library(self) -> None:
        """Offer other keys: another collection is searched from now on."""

    def search_for(self, query: str) -> None:
        """Answer a query."""


class CollectionController:
    """Counts what there is to search, begins with it, and suggests queries."""

    def __init__(
        self,
        session: Session,
        view: CollectionView,
        asking: AskingController,
        strip: SuggestionView,
    ) -> None:
        self._session = session
        self._view = view
        self._asking = asking
        self._strip = strip
        self._own = 0
        """Pictures that are the person's own."""
        self._shipped = 0
        """Pictures of the built-in collection."""
        self._due: Stoppable | None = None
        """Runs while a changed library waits to be looked at."""
        self.has_begun = False
        """They have been counted."""

    @property
    def is_in_built_in(self) -> bool:
        """The next query is put to the built-in collection alone."""
        return self._asking.filters.folders == ONLY_BUILT_IN or not self._own

    @property
    def has_suggestions(self) -> bool:
        """There are queries to suggest."""
        return self.is_in_built_in and bool(self._shipped)

    @property
    def has_both(self) -> bool:
        """The built-in collection can be searched beside the person's own pictures."""
        return bool(self._own)

    @property
    def has_pictures(self) -> bool:
        """There is something to search."""
        return bool(self._own or self._shipped)

    # Beginning

    def begin(self) -> None:
        """Read what there is to search, and show what to begin with."""
        engine = self._session.engine
        if engine is not None:
            self._view.run_beside(partial(self._prepare, engine), group="begin", exclusive=True)

    async def _prepare(self, engine: Engine) -> None:
        try:
            await engine.collection.prepare()
            counts = await engine.library.counts()
            past = await engine.history.entries(limit=PAST_QUERIES, offset=0, containing="")
        except T2IError as error:
            self._view.call_later(self._view.show_error, error)
        else:
            queries = [receipt.query for receipt in reversed(past)]
            self._view.call_later(self._begin, counts, queries)

    def _begin(self, counts: LibraryCounts, queries: list[str]) -> None:
        self._view.load_queries(queries)
        self._take_counts(counts)
        if not counts.pictures:
            self._view.show_first_start()
            return
        self._view.show_greeting(counts.own, queries)
        if self._asking.resume():
            return
        if self._session.start_query:
            self._view.search_for(self._session.start_query)
        elif not counts.own:
            self._strip.open(self._shipped)
            self._asking.show_example(self._strip.first())

    def _take_counts(self, counts: LibraryCounts) -> None:
        self._own, self._shipped = counts.own, counts.built_in
        self.has_begun = True
        self.follow_filters()

    # While the library changes

    def look_again(self) -> None:
        """Begin anew where another screen took the library away, or brought one."""
        if self._session.engine is not None and self.has_begun:
            work = partial(self._recount, self._session.engine)
            self._view.run_beside(work, group="count")

    async def _recount(self, engine: Engine) -> None:
        try:
            counts = await engine.library.counts()
        except CacheError:
            return  # The next search says what is wrong.
        self._view.call_later(self._take_recount, counts)

    def _take_recount(self, counts: LibraryCounts) -> None:
        had = self.has_pictures
        self._take_counts(counts)
        if had != self.has_pictures:
            self.begin()

    def follow_event(self, event: JobEvent) -> None:
        """Offer to search again once the library has changed; begin where there was no answer."""
        if not isinstance(event, LibraryChanged):
            return
        if not self._view.has_answer:
            if self._due is None:
                self._due = self._view.set_timer(REFRESH_S, self._begin_anew)
        elif self._view.suggest_refresh(CHANGED) and not self._own:
            engine = self._session.engine
            if engine is not None:
                self._view.run_beside(partial(self._greet_own, engine), group="count")

    def _begin_anew(self) -> None:
        """Look at the changed library, once a search of it as it was has come back."""
        self._due = None
        if self._view.is_waiting:
            self._due = self._view.set_timer(REFRESH_S, self._begin_anew)
        elif not self._view.has_answer:
            self.begin()

    async def _greet_own(self, engine: Engine) -> None:
        """Say so when the first picture of the person's own is in: searches are about those."""
        try:
            counts = await engine.library.counts()
        except CacheError:
            return  # The next search says what is wrong.
        if counts.own and not self._own:
            self._view.call_later(self._take_own, counts)

    def _take_own(self, counts: LibraryCounts) -> None:
        self._take_counts(counts)
        self._view.suggest_refresh(OWN_PICTURES)

    # The built-in collection

    def suggest(self) -> None:
        """Answer the next suggestion."""
        if not self._strip.is_open:
            self._strip.open(self._shipped)
        self._view.search_for(self._strip.next())

    @property
    def other_filters(self) -> Filters:
        """The filters that lead to the built-in collection, or back to one's own pictures."""
        filters = self._asking.filters
        is_there = filters.folders == ONLY_BUILT_IN
        return replace(filters, folders=() if is_there else ONLY_BUILT_IN)

    def follow_filters(self) -> None:
        """Tell everyone which collection is searched from now on."""
        if not self.has_suggestions:
            self._strip.close()
        is_shipped = self.is_in_built_in and self.has_pictures
        self._session.collection = BUILT_IN.name if is_shipped else ""
        self._session.send(RefreshStatus())
        self._view.follow_library()
