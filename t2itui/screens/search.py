"""The Search screen: a description in, every picture of the library ranked, the route decided."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.timer import Timer
from textual.widgets import ContentSwitcher

from cache.errors import CacheError
from engine.errors import EmptyLibraryError, EngineError
from engine.requests import IndexRequest, SearchRequest
from t2itui.desktop import open_folder
from t2itui.marks import Marks
from t2itui.plain import plain
from t2itui.screens.base import AppScreen
from t2itui.screens.first_start import FirstStart
from t2itui.screens.search_keys import SEARCH_KEYS
from t2itui.twin import search_command
from t2itui.widgets.card import CardContent
from t2itui.widgets.grid import ResultGrid
from t2itui.widgets.notes_line import NotesLine
from t2itui.widgets.panel import Panel
from t2itui.widgets.query_line import QueryInput, QueryLine
from t2itui.widgets.results import FINE, Results
from t2itui.widgets.route_line import RouteLine
from t2itui.wording import counted, duration_words

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.events import JobEvent
    from engine.results import SearchResult
    from t2itui.listing import Listing

REST_S = 1.0
"""A threshold that rests so long is a decision and gets its receipt."""
QUIET_S = 0.15
"""An answer that takes longer is announced as being waited for."""
PAST_QUERIES = 200
NEEDS_ANSWER = frozenset(
    {"threshold", "scorer", "hide", "like", "mark", "copy_path", "open_folder", "copy_command"}
)


class Ready(Message, bubble=False):
    """The library's size and the earlier queries were read."""

    def __init__(self, pictures: int, queries: list[str]) -> None:
        super().__init__()
        self.pictures = pictures
        self.queries = queries


class Answered(Message, bubble=False):
    """A search came back."""

    def __init__(self, listing: Listing) -> None:
        super().__init__()
        self.listing = listing


class Failed(Message, bubble=False):
    """A search ended in an error."""

    def __init__(self, error: EngineError | CacheError) -> None:
        super().__init__()
        self.error = error


class Recorded(Message, bubble=False):
    """The decision on the screen got its receipt."""

    def __init__(self, listing: Listing, result: SearchResult) -> None:
        super().__init__()
        self.listing = listing
        self.result = result


class SearchScreen(AppScreen):
    """Asks, shows, and lets the person move the decision."""

    MODE = "search"
    BINDINGS: ClassVar[list[BindingType]] = SEARCH_KEYS

    query_line = getters.query_one(QueryLine)
    route_line = getters.query_one(RouteLine)
    notes = getters.query_one(NotesLine)
    body = getters.query_one("#body", ContentSwitcher)
    results = getters.query_one(Results)
    panel = getters.query_one(Panel)
    first_start = getters.query_one(FirstStart)

    def __init__(self) -> None:
        super().__init__()
        self.marks = Marks()
        self._request: SearchRequest | None = None
        """What was asked last, answered or not."""
        self._like: Path | None = None
        self._rest: Timer | None = None
        self._waiting: Timer | None = None
        self._asked_at = 0.0
        self._shown_query = ""
        """What stood in the query line when it was asked; other text since means typing."""

    def compose_body(self) -> ComposeResult:
        yield QueryLine()
        yield RouteLine()
        yield NotesLine()
        with ContentSwitcher(initial="panel", id="body"):
            yield Panel(id="panel")
            yield Results(self._fetch, id="results")
            yield FirstStart(id="first-start")

    def on_mount(self) -> None:
        self.watch(self.t2i, "engine", self._take_engine)
        self.t2i.job_events.subscribe(self, self._follow_job)
        self.query_line.input.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what works now: most keys need an answer, and the query line must be left first."""
        if action in NEEDS_ANSWER:
            return self.body.current == "results"
        if action == "ask":
            return not self.query_line.input.has_focus
        return True

    # Beginning

    def _take_engine(self, engine: Engine | None) -> None:
        if engine is not None:
            self._begin(engine)

    @work(group="begin")
    async def _begin(self, engine: Engine) -> None:
        try:
            counts = await engine.library.counts()
            past = await engine.history.entries(limit=PAST_QUERIES, offset=0, containing="")
        except CacheError as error:
            self.post_message(Failed(error))
        else:
            queries = [receipt.query for receipt in reversed(past)]
            self.post_message(Ready(counts.pictures, queries))

    @on(Ready)
    def begin(self, message: Ready) -> None:
        self.query_line.past.load(message.queries)
        if not message.pictures:
            self._show_first_start()
            return
        self._show_greeting(message.pictures, message.queries)
        self.query_line.input.focus()
        if self._request is not None:
            self._search(self._request)
        elif self.t2i.start_query:
            self.search_for(self.t2i.start_query)

    def _show_body(self, name: str) -> None:
        self.body.current = name
        self.refresh_bindings()

    def _show_first_start(self) -> None:
        self._show_body("first-start")
        self.first_start.folder.line.focus()

    def _show_greeting(self, pictures: int, queries: list[str]) -> None:
        lines = [
            f"{counted(pictures, 'picture')} in the library. Type a description, then press Enter.",
            "",
            "a dog                               a description",
            '"a dog" + 0.5*"snow" - "grass"      a mix of descriptions',
        ]
        recent = list(dict.fromkeys(reversed(queries)))[:6]
        if recent:
            lines += ["", "Lately asked (Up brings them back):", *(f"  {each}" for each in recent)]
        self.panel.show_text("What do you want to see?", tuple(lines))
        self._show_body("panel")

    # Asking

    @on(QueryLine.Submitted)
    def ask(self, message: QueryLine.Submitted) -> None:
        message.stop()
        self.search_for(message.query)

    def search_for(self, query: str) -> None:
        """Answer a query as soon as the engine is there."""
        settings = self.t2i.settings
        self.query_line.show_query(query)
        self.query_line.past.add(query)
        request = SearchRequest(
            query=query,
            top=settings.top,
            scorer=settings.scorer,
            threshold=settings.threshold,
        )
        self._ask(request, None)

    def replay(self, receipt_id: str) -> None:
        """Show the answer of a stored receipt; no model takes part."""
        self._stop_resting()
        self._wait()
        self._replay(receipt_id)

    @work(exclusive=True, group="search")
    async def _replay(self, receipt_id: str) -> None:
        engine = self.t2i.engine
        if engine is None:
            return
        try:
            result = await engine.history.replay(receipt_id)
            listing = await asyncio.to_thread(_list, result, self.t2i.settings.hide_below)
        except (EngineError, CacheError) as error:
            self.post_message(Failed(error))
        else:
            self.post_message(Answered(listing))

    @on(Results.Reopened)
    def reopen(self, message: Results.Reopened) -> None:
        message.stop()
        if self._request is not None:
            request = replace(self._request, threshold=message.threshold, scorer=message.scorer)
            self._ask(request, self._like)

    def _ask(self, request: SearchRequest, like: Path | None) -> None:
        self._request, self._like = request, like
        self._shown_query = self.query_line.input.value
        self._stop_resting()
        self._wait()
        if self.t2i.engine is not None:
            self._search(request, like)

    @work(exclusive=True, group="search")
    async def _search(self, request: SearchRequest, like: Path | None = None) -> None:
        engine = self.t2i.engine
        if engine is None:
            return
        try:
            if like is None:
                result = await engine.searcher.scored(request)
            else:
                result = await engine.searcher.like(like, request)
            listing = await asyncio.to_thread(_list, result, self.t2i.settings.hide_below)
        except (EngineError, CacheError) as error:
            self.post_message(Failed(error))
        else:
            self.post_message(Answered(listing))

    @on(Answered)
    def show_answer(self, message: Answered) -> None:
        listing = message.listing
        self._stop_waiting()
        self.results.show(listing)
        self.results.grid.show_marks(self.marks.picture_ids)
        self._show_body("results")
        self.notes.show(listing.result.notes)
        self._show_route(listing)
        self.t2i.update_status()
        if self.query_line.input.value == self._shown_query:
            self.results.grid.focus()

    @on(Failed)
    def fail(self, message: Failed) -> None:
        self.show_error(message.error)

    def show_error(self, error: EngineError | CacheError) -> None:
        """Say in the results' place what went wrong and what to do."""
        self._stop_waiting()
        self.notes.show(())
        if isinstance(error, EmptyLibraryError) and not self.t2i.status.pictures:
            self._show_first_start()
            return
        self.panel.show_error(_title(error), error.message, error.hint, "r  tries again")
        self._show_body("panel")
        self.route_line.show_hint("")

    # Waiting

    def _wait(self) -> None:
        self._stop_waiting()
        self._asked_at = monotonic()
        self._waiting = self.set_interval(QUIET_S, self._show_waiting)

    def _show_waiting(self) -> None:
        engine, what = self.t2i.engine, "searching"
        if engine is None:
            what = "opening the cache"
        else:
            loading = [state for state in engine.encoders.state() if state.state == "loading"]
            if loading:
                what = f"loading {loading[0].source}"
        self.route_line.show_waiting(what, monotonic() - self._asked_at)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None

    @property
    def is_waiting(self) -> bool:
        """An answer was asked for and is not there yet."""
        return self._waiting is not None

    def action_leave(self) -> None:
        """Stop waiting for an answer, or leave the query line."""
        if self._waiting is not None:
            self.workers.cancel_group(self, "search")
            self._stop_waiting()
            listing = self.results.listing
            if listing is not None:
                self._show_route(listing)
            else:
                self.route_line.show_hint("cancelled")
        elif self.results.listing is not None and self.body.current == "results":
            self.results.grid.focus()
        else:
            self.query_line.input.blur()

    # The decision

    def _show_route(self, listing: Listing) -> None:
        routing, result = listing.routing, listing.result
        facts = [
            f"by {listing.scorer}",
            "stored" if listing.is_stored else "",
            "hiding below" if listing.hide_below else "",
            duration_words(result.seconds),
            "cached" if result.cached else "with the model",
        ]
        short = (
            f"{routing.passed:,} of {listing.total:,} pass {listing.threshold:.2f}"
            if routing.passed
            else f"best {routing.best_match:.2f} < {listing.threshold:.2f}"
        )
        self.route_line.show_decision(
            routing.route, routing.reason, short, " · ".join(filter(None, facts))
        )

    @on(Results.Changed)
    def follow_change(self, message: Results.Changed) -> None:
        message.stop()
        listing = self.results.listing
        if listing is None:
            return
        self._show_route(listing)
        self.results.show_receipt(None)
        self._stop_resting()
        self._rest = self.set_timer(REST_S, self._keep_decision)

    def _stop_resting(self) -> None:
        if self._rest is not None:
            self._rest.stop()
            self._rest = None

    def _keep_decision(self) -> None:
        listing = self.results.listing
        if listing is not None:
            self.t2i.remember(
                threshold=listing.threshold, scorer=listing.scorer, hide_below=listing.hide_below
            )
            self._record(listing, listing.threshold, listing.scorer)

    @work(exclusive=True, group="record")
    async def _record(self, listing: Listing, threshold: float, scorer: str) -> None:
        engine = self.t2i.engine
        if engine is None:
            return
        try:
            result = await engine.searcher.record(
                listing.result, threshold=threshold, scorer=scorer, top=self.t2i.settings.top
            )
        except (EngineError, CacheError) as error:
            self.notify(plain(f"{error.message} {error.hint}"), title="No receipt was kept")
        else:
            self.post_message(Recorded(listing, result))

    @on(Recorded)
    def show_recorded(self, message: Recorded) -> None:
        if message.listing is self.results.listing:
            message.listing.result = message.result
            self.results.show_receipt(message.result.receipt)

    def action_threshold(self, steps: int) -> None:
        """Move the threshold by hundredths."""
        self.results.step_threshold(steps * FINE)

    def action_scorer(self) -> None:
        """Rank by the other scorer."""
        listing = self.results.listing
        if listing is not None:
            self.results.rank_by("cosine" if listing.scorer == "match" else "match")

    def action_hide(self) -> None:
        """Hide what is below the threshold, or dim it."""
        if self.results.listing is not None:
            self.results.hide_below(not self.results.listing.hide_below)

    # Pictures

    async def _fetch(self, picture_ids: Sequence[int]) -> Mapping[int, CardContent]:
        engine = self.t2i.engine
        if engine is None:
            return {}
        try:
            shown = await engine.library.shown(list(picture_ids))
            thumbnails = await engine.library.thumbnails(list(picture_ids))
        except CacheError as error:
            self.notify(plain(error.message), title="Pictures cannot be read", severity="error")
            return {}
        return {
            each.picture_id: CardContent(shown=each, thumbnail=thumbnails.get(each.picture_id))
            for each in shown
        }

    def _selected(self) -> CardContent | None:
        """The selected picture, once it was fetched."""
        return self.results.detail.content if self.body.current == "results" else None

    def action_like(self) -> None:
        """Rank the library by likeness to the selected picture."""
        content = self._selected()
        if content is not None and self._request is not None:
            path = Path(content.shown.path)
            self.query_line.show_query("")
            self._ask(replace(self._request, query=""), path)

    def action_mark(self) -> None:
        """Mark the selected picture, or unmark it."""
        content = self._selected()
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

    @on(ResultGrid.Opened)
    def view(self, message: ResultGrid.Opened) -> None:
        from t2itui.screens.viewer import Viewer

        self.app.push_screen(Viewer(self.results))

    def action_copy_path(self) -> None:
        """Copy the path of the selected picture."""
        content = self._selected()
        if content is not None:
            self._copy(content.shown.path, "Path copied")

    def action_copy_command(self) -> None:
        """Copy the shell command that repeats the screen."""
        listing = self.results.listing
        if self._request is None:
            return
        request = self._request
        if listing is not None:
            request = replace(request, threshold=listing.threshold, scorer=listing.scorer)
        self._copy(search_command(request, self._like), "Command copied")

    def _copy(self, text: str, title: str) -> None:
        self.app.copy_to_clipboard(text)
        self.notify(plain(text), title=title, markup=False)

    @work(group="folder")
    async def action_open_folder(self) -> None:
        """Open the folder of the selected picture, or say where it is."""
        content = self._selected()
        if content is None:
            return
        folder = Path(content.shown.path).parent
        if not await open_folder(folder):
            self._copy(str(folder), "No file manager here; the folder's path was copied")

    def action_ask(self) -> None:
        """Go to the query line."""
        self.query_line.input.focus()
        self.query_line.input.action_end()

    @on(QueryInput.Left)
    def leave_query(self) -> None:
        if self.body.current == "results":
            self.results.grid.focus()

    def action_again(self) -> None:
        """Search again, over the library as it is now."""
        if self._request is not None:
            self.results.grid.forget_contents()
            self._ask(self._request, self._like)

    # The library

    @on(FirstStart.FolderChosen)
    def index_first(self, message: FirstStart.FolderChosen) -> None:
        engine = self.t2i.engine
        if engine is not None:
            engine.index(IndexRequest(folders=(message.folder,)))

    @on(FirstStart.ImportWanted)
    @work
    async def import_first(self) -> None:
        from t2itui.screens.import_vectors import ImportVectors

        request = await self.app.push_screen_wait(ImportVectors(self.t2i.home))
        if request is not None and self.t2i.engine is not None:
            self.t2i.engine.import_vectors(request)

    def _follow_job(self, event: JobEvent) -> None:
        from engine.events import JobFailed, LibraryChanged

        match event:
            case LibraryChanged():
                self._offer_refresh()
            case JobFailed(message=text, hint=hint) if self.body.current == "first-start":
                self.first_start.say(f"✗ {text}\n{hint}")
            case _:
                pass

    def _offer_refresh(self) -> None:
        if self.body.current == "first-start":
            self._show_greeting(0, [])
        elif self.results.listing is not None and self.body.current == "results":
            self.notes.offer("The library changed: r searches again")


def _list(result: SearchResult, hide_below: bool) -> Listing:
    from t2itui.listing import Listing

    return Listing.of(result, hide_below=hide_below)


def _title(error: EngineError | CacheError) -> str:
    """The kind of an error in words: ModelMissingError is 'Model missing'."""
    name = type(error).__name__.removesuffix("Error")
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words.strip().capitalize()
