"""The line a person types a description into."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from t2itui.keys import bindings
from t2itui.text.plain import plain
from t2itui.widgets.jump_line import JumpLine


class PastQueries:
    """Earlier queries, the newest last, and the draft a person left to look at them."""

    def __init__(self) -> None:
        self._queries: list[str] = []
        self._at = 0
        self._draft = ""

    def load(self, queries: Iterable[str]) -> None:
        """Take over earlier queries, the oldest first; later ones win over their doubles."""
        known = [*map(plain, queries), *self._queries]
        self._queries = list(dict.fromkeys(reversed(known)))[::-1]
        self._at = len(self._queries)

    def add(self, query: str) -> None:
        """Put a query at the end, where the way back begins."""
        self.load([])
        self._queries = [each for each in self._queries if each != query] + [query]
        self._at = len(self._queries)

    def older(self, current: str) -> str | None:
        """The query before; None at the oldest."""
        if self._at == 0:
            return None
        if self._at == len(self._queries):
            self._draft = current
        self._at -= 1
        return self._queries[self._at]

    def newer(self) -> str | None:
        """The query after, then the draft; None past that."""
        if self._at == len(self._queries):
            return None
        self._at += 1
        return self._draft if self._at == len(self._queries) else self._queries[self._at]

    def completion(self, start: str) -> str | None:
        """The newest query that begins so."""
        matching = (each for each in reversed(self._queries) if each.startswith(start))
        return next(matching, None)


class PastQuerySuggester(Suggester):
    """Completes what is typed to an earlier query."""

    def __init__(self, past: PastQueries) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._past = past

    async def get_suggestion(self, value: str) -> str | None:
        return self._past.completion(value)


class QueryInput(JumpLine):
    """A line of text with its past."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("query")

    class QueryLeft(Message):
        """The person went past the newest query, towards the results."""

    def __init__(self, past: PastQueries) -> None:
        super().__init__(
            jump="search.ask",
            placeholder='what you want to see: a dog   "a dog" + 0.5*"snow" - "grass"',
            suggester=PastQuerySuggester(past),
            select_on_focus=False,
            id="query",
        )
        self._past = past
        self.filled = ""
        """What stood in the line last that nobody typed: an earlier or a suggested query."""

    def fill(self, query: str) -> None:
        """Put in a query that the person did not type."""
        self.filled = self.value = query
        self.cursor_position = len(query)

    def action_older(self) -> None:
        """Show the query before."""
        self._show(self._past.older(self.value))

    def action_newer(self) -> None:
        """Show the query after, or leave for the results."""
        query = self._past.newer()
        if query is None:
            self.post_message(self.QueryLeft())
        self._show(query)

    def _show(self, query: str | None) -> None:
        if query is not None:
            self.fill(query)


class QueryLine(Horizontal):
    """The prompt and the query; Enter asks for a search."""

    DEFAULT_CSS = """
    QueryLine {
        height: 1;
        background: $surface;
        & > #prompt { width: 3; padding: 0 1; color: $primary; text-style: bold; }
        & > QueryInput { width: 1fr; background: $surface; }
        &:focus-within { background: $boost; }
        &:focus-within > QueryInput { background: $boost; }
    }
    """

    class QuerySubmitted(Message):
        """The person wants this query answered."""

        def __init__(self, query: str) -> None:
            super().__init__()
            self.query = query

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.past = PastQueries()
        self.input = QueryInput(self.past)

    def compose(self) -> ComposeResult:
        yield Static("❯", id="prompt")
        yield self.input

    def show_query(self, query: str) -> None:
        """Put a query into the line without searching; control characters stay outside."""
        self.input.fill(plain(query))

    def is_new(self, text: str) -> bool:
        """The person types it, and no earlier query begins so."""
        typed = self.input.has_focus and text != self.input.filled
        return typed and self.past.completion(text) is None

    def on_click(self, event: events.Click) -> None:
        self.input.focus()

    @on(Input.Submitted)
    def ask(self, message: Input.Submitted) -> None:
        message.stop()
        query = message.value.strip()
        if query:
            self.past.add(query)
            self.post_message(self.QuerySubmitted(query))
