"""How the Search screen begins, and begins anew where the library came, went or changed."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from textual import getters, on, work
from textual.message import Message
from textual.timer import Timer
from textual.widgets import ContentSwitcher

from engine.errors import CacheError, T2IError
from t2itui.screens.search.first_start import FirstStart
from t2itui.screens.search.labels import LabelActions
from t2itui.screens.search.query_line import QueryLine
from t2itui.text.words import counted
from t2itui.widgets.basics import Panel

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.events import JobEvent
    from engine.records import LibraryCounts
    from engine.requests import SearchRequest
    from t2itui.session import Session


REFRESH_S = 0.5
"""A library that keeps changing is looked at so often, and not at every batch."""
PAST_QUERIES = 200


class Ready(Message, bubble=False):
    """The library's size and the earlier queries were read."""

    def __init__(self, counts: LibraryCounts, queries: list[str]) -> None:
        super().__init__()
        self.counts = counts
        self.queries = queries


class Failed(Message, bubble=False):
    """A search ended in an error."""

    def __init__(self, error: T2IError) -> None:
        super().__init__()
        self.error = error


class Beginning(LabelActions):
    """Reads what there is to search, and shows what to begin with."""

    query_line = getters.query_one(QueryLine)
    body = getters.query_one("#body", ContentSwitcher)
    panel = getters.query_one(Panel)
    first_start = getters.query_one(FirstStart)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.request: SearchRequest | None = None
        """What was asked last, answered or not."""
        self._due: Timer | None = None
        """Runs while a changed library waits to be looked at."""

    @abstractmethod
    def answer(self, request: SearchRequest) -> object:
        """Have the library ranked beside the screen."""

    def take_engine(self) -> None:
        """Begin as soon as the engine is open."""
        if self.session.engine is not None:
            self._begin(self.session.engine)

    @work(exclusive=True, group="begin")
    async def _begin(self, engine: Engine) -> None:
        try:
            await engine.collection.prepare()
            counts = await engine.library.counts()
            past = await engine.history.entries(limit=PAST_QUERIES, offset=0, containing="")
        except T2IError as error:
            self.post_message(Failed(error))
        else:
            queries = [receipt.query for receipt in reversed(past)]
            self.post_message(Ready(counts, queries))

    def on_screen_resume(self) -> None:
        """Begin anew where another screen took the library away, or brought one."""
        self.look_again()

    @work(group="count")
    async def look_again(self) -> None:
        """Count what there is to search, and follow a library that came or went."""
        engine = self.session.engine
        if engine is None or not self.has_begun:
            return
        try:
            counts = await engine.library.counts()
        except CacheError:
            return  # The next search says what is wrong.
        had = self.has_pictures
        self.count_libraries(counts)
        if had != self.has_pictures:
            self._begin(engine)

    @on(Ready)
    def begin(self, message: Ready) -> None:
        self.query_line.past.load(message.queries)
        self.count_libraries(message.counts)
        if not message.counts.pictures:
            self.show_first_start()
            return
        self.query_line.input.focus()
        if message.counts.own:
            self._show_greeting(message.counts.own, message.queries)
        if self.request is not None:
            self.answer(self.request)
        elif self.session.start_query:
            self.search_for(self.session.start_query)
        elif not message.counts.own:
            self.open_storybook()

    def show_body(self, name: str) -> None:
        """Bring a text, an answer or the first steps to the front."""
        self.body.current = name
        self.refresh_bindings()

    def show_first_start(self) -> None:
        """Show what there is to do where there is no picture."""
        self.show_body("first-start")
        self.route_line.show_hint("")
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
        self.show_body("panel")

    # While the library changes

    def follow_job(self, event: JobEvent) -> None:
        """Take note of what jobs do to the library."""
        from engine.events import JobFailed, LibraryChanged

        self.follow_painting_job(event)
        match event:
            case LibraryChanged():
                self._offer_refresh()
            case JobFailed(message=text, hint=hint) if self.body.current == "first-start":
                self.first_start.say_failure(text, hint)
            case _:
                pass

    def _offer_refresh(self) -> None:
        if self.results.listing is None:
            if self._due is None:
                self._due = self.set_timer(REFRESH_S, self._begin_anew)
        elif self.results.listing is not None and self.body.current == "results":
            self.notes.offer("The library changed: r searches again")
            self.greet_own_pictures()

    def _begin_anew(self) -> None:
        """Look at the changed library, once a search of it as it was has come back."""
        self._due = None
        if any(worker.group == "search" and worker.is_running for worker in self.workers):
            self._due = self.set_timer(REFRESH_S, self._begin_anew)
        elif self.results.listing is None and self.session.engine is not None:
            self._begin(self.session.engine)
