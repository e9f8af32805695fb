"""The Search screen: a description in, every picture of the library ranked, the route decided."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import ContentSwitcher

from engine.errors import EmptyLibraryError, ModelMissingError, T2IError
from engine.requests import Filters, SearchRequest
from engine.states import ProcessState
from t2itui.screens.search.beginning import Beginning, Failed
from t2itui.screens.search.first_start import FirstStart
from t2itui.screens.search.keys import SEARCH_KEYS
from t2itui.screens.search.labels import JUDGING, NOT_JUDGING
from t2itui.screens.search.lines import JudgeLine, NotesLine, OfferLine, RouteLine
from t2itui.screens.search.query_line import QueryInput, QueryLine
from t2itui.screens.search.results import Results
from t2itui.screens.search.suggestions import SuggestionStrip
from t2itui.screens.search.waiting import Waiting
from t2itui.session import OpenEngine, OpenSearch, RefreshStatus, ReplayReceipt, ShowScreen
from t2itui.text.shell_commands import request_of, search_command
from t2itui.text.words import filter_words
from t2itui.widgets.basics import Backdrop, Panel

if TYPE_CHECKING:
    from engine.results import SearchResult
    from t2itui.screens.search.listing import Listing
    from t2itui.session import Session


NEEDS_ANSWER = frozenset(
    {"threshold", "scorer", "hide", "like", "mark", "copy_path", "open_folder", "copy_command"}
    | {"paint", "recipe", "compare", "start_judging"}
)


class Answered(Message, bubble=False):
    """A search came back."""

    def __init__(self, listing: Listing) -> None:
        super().__init__()
        self.listing = listing


class Body(ContentSwitcher, Backdrop):
    """What stands below the query: a text, an answer, or the first steps."""


class SearchScreen(Beginning):
    """Asks, shows, and lets the person move the decision."""

    MODE = "search"
    BINDINGS: ClassVar[list[BindingType]] = SEARCH_KEYS

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.waiting = Waiting(self, self._show_waiting)
        self._shown_query = ""
        """What stood in the query line when it was asked; other text since means typing."""

    def compose_body(self) -> ComposeResult:
        yield QueryLine()
        yield RouteLine()
        yield OfferLine()
        yield SuggestionStrip()
        yield NotesLine()
        yield JudgeLine()
        with Body(initial="panel", id="body"):
            yield Panel(id="panel")
            yield Results(self.fetch, id="results")
            yield FirstStart(self.session, id="first-start")

    def on_mount(self) -> None:
        self.filters = Filters(synthetic=self.session.settings.synthetic)
        self.until_unmount(self.session.when_open(self.take_engine))
        self.until_unmount(self.session.job_events.subscribe(self.follow_job))
        self.until_unmount(self.session.open_failed.subscribe(self.show_error))
        self.query_line.input.focus()

    def fulfil(self, intent: ShowScreen) -> None:
        """Answer a query, or show a stored answer, that another screen asks for."""
        match intent:
            case OpenSearch(query):
                self.search_for(query)
            case ReplayReceipt(receipt_id):
                self.replay(receipt_id)
            case _:
                pass

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what works now: most keys need an answer, and the query line must be left first."""
        if action in (NOT_JUDGING if self.is_judging else JUDGING):
            return False
        if action in NEEDS_ANSWER:
            return self.body.current == "results"
        if action in ("suggest", "storybook"):
            return self.offers_suggestions if action == "suggest" else self.has_both
        if action in ("filter", "add"):
            return self.body.current != "first-start"
        if action == "decline":
            return self.offer_line.is_offer
        if action == "ask":
            return not self.query_line.input.has_focus
        return True

    # Asking

    @on(QueryLine.Submitted)
    def ask(self, message: QueryLine.Submitted) -> None:
        message.stop()
        if message.query not in self.strip.queries:
            self.strip.close()
        self.search_for(message.query)

    def search_for(self, query: str) -> None:
        """Answer a query as soon as the engine is there."""
        self.query_line.past.add(query)
        self._awaits_paint = True
        self._ask(self._request_for(query))

    def show_example(self, query: str) -> None:
        """Answer a query that the person did not ask; the history does not get it."""
        self._ask(self._request_for(query), is_example=True)

    def _request_for(self, query: str) -> SearchRequest:
        settings = self.session.settings
        self.query_line.show_query(query)
        return SearchRequest(
            query=query,
            top=settings.top,
            scorer=settings.scorer,
            threshold=settings.threshold,
            filters=self.filters,
        )

    def replay(self, receipt_id: str) -> None:
        """Show the answer of a stored receipt; no model takes part."""
        self.stop_resting()
        self._shown_query = self.query_line.input.value
        self.waiting.begin()
        self._replay(receipt_id)

    @work(exclusive=True, group="search")
    async def _replay(self, receipt_id: str) -> None:
        engine = self.session.engine
        if engine is None:
            return
        try:
            result = await engine.history.replay(receipt_id)
            listing = await asyncio.to_thread(_list, result, self.session.settings.hide_below)
        except T2IError as error:
            self.post_message(Failed(error))
        else:
            self.post_message(Answered(listing))

    @on(Results.Reopened)
    def reopen(self, message: Results.Reopened) -> None:
        message.stop()
        if self.request is not None:
            request = replace(self.request, threshold=message.threshold, scorer=message.scorer)
            self._ask(request)

    def _ask(
        self, request: SearchRequest, like: int | None = None, *, is_example: bool = False
    ) -> None:
        self.request = request
        self._shown_query = self.query_line.input.value
        self.stop_resting()
        self.waiting.begin()
        if self.session.engine is not None:
            self.answer(request, like, is_example=is_example)

    @work(exclusive=True, group="search")
    async def answer(
        self, request: SearchRequest, like: int | None = None, *, is_example: bool = False
    ) -> None:
        """Have the library ranked beside the screen."""
        engine = self.session.engine
        if engine is None:
            return
        try:
            if is_example:
                result = await engine.searcher.preview(request)
            elif like is None:
                result = await engine.searcher.scored(request)
            else:
                result = await engine.searcher.like(like, request)
            listing = await asyncio.to_thread(_list, result, self.session.settings.hide_below)
        except T2IError as error:
            self.post_message(Failed(error))
        else:
            self.post_message(Answered(listing))

    @on(Answered)
    def show_answer(self, message: Answered) -> None:
        listing = message.listing
        self.waiting.stop()
        receipt = listing.result.receipt
        self.session.query = receipt.query
        if listing.is_stored or self.request is None:
            self.request = request_of(receipt, top=self.session.settings.top)
        self.request = replace(self.request, query=receipt.query)
        self.filters = self.request.filters
        if self.query_line.input.value == self._shown_query:
            self.query_line.show_query(self.request.query)
            if self.strip.display and self.query_line.input.has_focus:
                self.query_line.input.action_select_all()
            else:
                self.call_after_refresh(self.results.grid.focus)
        self.results.suit(self.body.size)
        self.results.show(listing)
        self.results.grid.show_marks(self.selection.picture_ids)
        self.show_body("results")
        self.notes.show(listing.result.warnings)
        self.show_route(listing)
        self.show_labels(listing)
        self.offer_painting(listing)
        self.session.send(RefreshStatus())

    @on(Failed)
    def fail(self, message: Failed) -> None:
        self.show_error(message.error)

    def show_error(self, error: T2IError) -> None:
        """Say in the results' place what went wrong and what to do."""
        self.waiting.stop()
        self.notes.show(())
        self.offer_line.clear()
        if isinstance(error, EmptyLibraryError) and not self.session.status.pictures:
            self.show_first_start()
            return
        keys = "r  tries again      /  edits the query"
        if isinstance(error, ModelMissingError):
            keys += "      2  Library: its Encoders tab downloads models"
        if self.filters != Filters():
            keys += "      f  changes the filters"
        self.panel.show_error(_title(error), error.message, error.hint, keys)
        self.show_body("panel")
        self.route_line.show_hint(filter_words(self.filters))
        if self.query_line.input.value == self._shown_query:
            self.set_focus(None)

    # Waiting

    def _show_waiting(self, seconds: float) -> None:
        engine, what = self.session.engine, "searching"
        if engine is None:
            what = "opening the cache"
        else:
            loading = [
                state for state in engine.encoders.state() if state.state is ProcessState.LOADING
            ]
            if loading:
                what = f"loading {loading[0].source}"
        self.route_line.show_waiting(what, seconds)

    @property
    def is_waiting(self) -> bool:
        """An answer was asked for and is not there yet."""
        return self.waiting.goes_on

    def action_leave(self) -> None:
        """Stop waiting for an answer, leave off judging, or leave the query line."""
        if not self.is_waiting and self.is_judging:
            self.end_judging()
        elif self.is_waiting:
            self.workers.cancel_group(self, "search")
            self.waiting.stop()
            listing = self.results.listing
            if listing is not None:
                self.show_route(listing)
            else:
                self.route_line.show_hint("cancelled")
        elif self.results.listing is not None and self.body.current == "results":
            self.results.grid.focus()
        else:
            self.query_line.input.blur()

    def action_like(self) -> None:
        """Rank the library by likeness to the selected picture."""
        content = self.selected_picture()
        if content is not None and self.request is not None:
            self._ask(self.request, like=content.shown.picture_id)

    def action_filter(self) -> None:
        """Ask which pictures take part, and search again among them."""
        from t2itui.screens.search.filter_form import FilterForm

        self.app.push_screen(FilterForm(self.filters, self._command), self.take_filters)

    def take_filters(self, filters: Filters | None) -> None:
        """Ask with other filters from now on, and what was asked at once."""
        if filters is None or filters == self.filters:
            return
        self.filters = filters
        self.follow_library()
        if self.request is not None:
            self._ask(replace(self.request, filters=filters))
        else:
            self.route_line.show_hint(filter_words(filters))

    def _command(self, filters: Filters) -> str:
        """The shell command for the query on the screen with these filters."""
        if self.request is None:
            return ""
        request, listing = replace(self.request, filters=filters), self.results.listing
        if listing is not None:
            request = replace(request, threshold=listing.threshold, scorer=listing.scorer)
        return search_command(self.session.home, request)

    def action_copy_command(self) -> None:
        """Copy the shell command that repeats the screen."""
        if self.request is not None:
            self.copy(self._command(self.request.filters), "Command copied")

    def action_ask(self) -> None:
        """Go to the query line."""
        self.query_line.input.focus()
        self.query_line.input.action_end()

    @on(QueryInput.Left)
    def leave_query(self) -> None:
        if self.body.current == "results":
            self.results.grid.focus()

    def ask_again(self) -> None:
        """Ask what is on the screen once more, under the threshold and scorer it has now."""
        listing = self.results.listing
        if self.request is not None and listing is not None:
            self.results.grid.forget_contents()
            self._ask(replace(self.request, threshold=listing.threshold, scorer=listing.scorer))

    def action_again(self) -> None:
        """Search again, over the library as it is now; open it where that failed before."""
        if self.session.engine is None:
            self.session.send(OpenEngine())
        if self.request is not None:
            self.results.grid.forget_contents()
            self._ask(self.request)


def _list(result: SearchResult, hide_below: bool) -> Listing:
    from t2itui.screens.search.listing import Listing

    return Listing.of(result, hide_below=hide_below)


def _title(error: T2IError) -> str:
    """The kind of an error in words: ModelMissingError is 'Model missing'."""
    name = type(error).__name__.removesuffix("Error")
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words.strip().capitalize()
