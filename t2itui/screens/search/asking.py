"""Asking: a query goes out, an answer or an error comes back; and the model is loaded early."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from engine.errors import T2IError
from engine.requests import Filters, SearchRequest
from engine.states import Route, ZeroState
from t2itui.session import TaskHost, Work
from t2itui.text.shell_commands import request_of, search_command
from t2itui.text.words import counted

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.results import Receipt, SearchResult
    from t2itui.screens.search.listing import Listing
    from t2itui.session import Session

SOON_S = 0.2
"""What is there so soon is waited for."""
SEARCHING = "search"
"""The group of the work that an answer comes from; a newer query cancels the older."""


class AnswerView(TaskHost, Protocol):
    """Shows queries and what becomes of them."""

    def show_query(self, query: str) -> None:
        """Put a query into the line."""

    def show_asked(self) -> None:
        """Say that an answer is waited for."""

    def show_answer(self, listing: Listing) -> None:
        """Show an answer."""

    def show_first(self, listing: Listing) -> None:
        """Show what is known at once, while the answer is still waited for."""

    def show_error(self, error: T2IError) -> None:
        """Say why there is none."""

    def suggest_refresh(self, words: str) -> bool:
        """Say that another answer may be had, beside the one in sight; False if none is."""


MEASURED = "What is reached by chance is measured now"
ANOTHER_ROUTE = {
    Route.RETRIEVE: f"{MEASURED}, and there are pictures that answer: r shows them",
    Route.GENERATE: f"{MEASURED}, and by that no picture answers: r decides anew",
}
OTHERS_PASS = f"{MEASURED}, and by that {{passed}} pass: r decides anew"


class AskingController:
    """Holds what is asked, and has the library ranked beside the screen.

    An answer that was decided by less than the library as it is stays as it is: once more is known
    and would change it, that is said, and the person decides when.
    """

    def __init__(self, session: Session, view: AnswerView) -> None:
        self._session = session
        self._view = view
        self.request: SearchRequest | None = None
        """What was asked last, answered or not."""
        self.filters = Filters(synthetic=session.settings.synthetic)
        """What the next query is asked with."""
        self._shown: Receipt | None = None
        """That of the answer in sight."""

    def follow_measuring(self) -> None:
        """Look at an answer again when what it was placed by is measured."""
        if self._session.engine is not None:
            self._session.engine.searcher.zeros.subscribe(self._look_again)

    def _look_again(self) -> None:
        shown = self._shown
        if shown is not None and shown.zero not in (None, ZeroState.CURRENT):
            self._view.run_beside(partial(self._decide_again, shown), group="again", exclusive=True)

    async def _decide_again(self, shown: Receipt) -> None:
        engine = self._session.engine
        if engine is None:
            return
        with suppress(T2IError):  # What is wrong is said when the query is asked.
            request = request_of(shown, top=1)
            result = await engine.searcher.preview(request)
            self._view.call_later(self._compare, shown, result.receipt)

    def _compare(self, shown: Receipt, now: Receipt) -> None:
        """Say what would be decided now, if that is another decision and the answer is in sight."""
        if self._shown is not shown or now.zero != ZeroState.CURRENT:
            return
        if now.route != shown.route:
            self._view.suggest_refresh(ANOTHER_ROUTE[now.route])
        elif now.passed != shown.passed:
            passed = counted(now.passed, "picture")
            self._view.suggest_refresh(OTHERS_PASS.format(passed=passed))

    def search(self, query: str) -> None:
        """Answer a query as soon as the engine is there."""
        self._ask(self._request_for(query))

    def show_example(self, query: str) -> None:
        """Answer a query that the person did not ask; the history does not get it."""
        self._ask(self._request_for(query), is_example=True)

    def _request_for(self, query: str) -> SearchRequest:
        settings = self._session.settings
        self._view.show_query(query)
        return SearchRequest(
            query=query,
            top=settings.top,
            scorer=settings.scorer,
            threshold=settings.threshold,
            filters=self.filters,
        )

    def like(self, picture_id: int) -> None:
        """Rank the library by likeness to a picture."""
        if self.request is not None:
            self._ask(self.request, like=picture_id)

    def repeat(self, listing: Listing | None = None) -> None:
        """Ask once more; of an answer, under the threshold and the scorer it has now."""
        if self.request is not None and listing is None:
            self._ask(self.request)
        elif listing is not None:
            self.reopen(listing.threshold, listing.scorer)

    def reopen(self, threshold: float, scorer: str) -> None:
        """Ask the same under another threshold or by another scorer."""
        if self.request is not None:
            self._ask(replace(self.request, threshold=threshold, scorer=scorer))

    def ask_among(self, filters: Filters) -> bool:
        """Ask with other filters from now on, and what was asked at once; False if nothing was."""
        self.filters = filters
        if self.request is not None:
            self._ask(replace(self.request, filters=filters))
        return self.request is not None

    def replay(self, receipt_id: str) -> None:
        """Show the answer of a stored receipt; no model takes part."""
        self._view.show_asked()
        self._run(partial(self._replay, receipt_id))

    def command(self, filters: Filters, listing: Listing | None) -> str:
        """The shell command for what was asked, with these filters, as the answer stands now."""
        if self.request is None:
            return ""
        request = replace(self.request, filters=filters)
        if listing is not None:
            request = replace(request, threshold=listing.threshold, scorer=listing.scorer)
        return search_command(self._session.home, request)

    def resume(self) -> bool:
        """Answer what was asked before the engine was there; False where nothing was."""
        if self.request is not None:
            self._run(partial(self._answer, self.request))
        return self.request is not None

    def _ask(
        self, request: SearchRequest, like: int | None = None, *, is_example: bool = False
    ) -> None:
        self.request = request
        self._view.show_asked()
        self._run(partial(self._answer, request, like, is_example=is_example))

    def _run(self, work: Work) -> None:
        if self._session.engine is not None:
            self._view.run_beside(work, group=SEARCHING, exclusive=True)

    async def _answer(
        self, request: SearchRequest, like: int | None = None, *, is_example: bool = False
    ) -> None:
        async def rank(engine: Engine) -> SearchResult:
            if is_example:
                return await engine.searcher.preview(request)
            if like is None:
                return await engine.searcher.scored(request)
            return await engine.searcher.like(like, request)

        await self._show(rank, request if like is None else None)

    async def _replay(self, receipt_id: str) -> None:
        async def read(engine: Engine) -> SearchResult:
            return await engine.history.replay(receipt_id)

        await self._show(read)

    async def _show(
        self,
        find: Callable[[Engine], Coroutine[None, None, SearchResult]],
        request: SearchRequest | None = None,
    ) -> None:
        """Show what is found; meanwhile, of a request, what is known at once."""
        engine = self._session.engine
        if engine is None:
            return
        finding = asyncio.create_task(find(engine))
        try:
            if request is not None:
                await self._show_first(engine, request, finding)
            result = await finding
            listing = await asyncio.to_thread(_list, result, self._session.settings.hide_below)
        except T2IError as error:
            self._view.call_later(self._view.show_error, error)
        else:
            self._view.call_later(self._take_answer, listing)
        finally:
            finding.cancel()

    async def _show_first(
        self, engine: Engine, request: SearchRequest, finding: asyncio.Task[SearchResult]
    ) -> None:
        """Show the order by cosine if the answer takes longer than that does."""
        await asyncio.wait([finding], timeout=SOON_S)
        if finding.done():
            return
        looking = asyncio.create_task(engine.searcher.first_look(request))
        try:
            await asyncio.wait([finding, looking], return_when=asyncio.FIRST_COMPLETED)
            # Both may have waited for the same model: what is replaced at once only flickers.
            await asyncio.wait([finding], timeout=SOON_S)
            if finding.done():
                return
            with suppress(T2IError):  # What is wrong is said when the answer fails by it.
                hide = self._session.settings.hide_below
                listing = await asyncio.to_thread(
                    partial(_list, await looking, hide, is_first=True)
                )
                if not finding.done():
                    self._view.call_later(self._view.show_first, listing)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    def _take_answer(self, listing: Listing) -> None:
        receipt = self._shown = listing.result.receipt
        if listing.is_stored or self.request is None:
            self.request = request_of(receipt, top=self._session.settings.top)
        self.request = replace(self.request, query=receipt.query)
        self.filters = self.request.filters
        self._session.query = receipt.query
        self._view.show_answer(listing)


def _list(result: SearchResult, hide_below: bool, *, is_first: bool = False) -> Listing:
    from t2itui.screens.search.listing import Listing

    return Listing.of(result, hide_below=hide_below, is_first=is_first)


class EarlyLoader:
    """Begins to load the model at the first letter that leads to no earlier query.

    Not at the start, since most sessions begin with looking at what was asked before, and that
    takes no model.
    """

    def __init__(self, session: Session, host: TaskHost) -> None:
        self._session = session
        self._host = host
        self._is_expecting = False
        """A new query is being typed; its model is on its way."""

    def follow_typing(self, text: str, filters: Filters, *, is_new: bool) -> None:
        """Take note of what stands in the query line; `is_new` where no earlier query begins so."""
        if not text.strip():
            self._is_expecting = False
        elif is_new and not self._is_expecting:
            self._is_expecting = True
            request = SearchRequest(query=text.strip(), filters=filters)
            self._host.run_beside(partial(self._load, request), group="early", exclusive=True)

    def stop(self) -> None:
        """The query was asked: the next letter begins another."""
        self._is_expecting = False

    async def _load(self, request: SearchRequest) -> None:
        if self._session.engine is None:
            return
        with suppress(T2IError):  # What is wrong is said when the query is asked.
            await self._session.engine.searcher.warm_up(request)
