"""Has the model loaded while the first words of a query are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on, work
from textual.widgets import Input

from engine.errors import T2IError
from engine.requests import SearchRequest
from t2itui.screens.search.painting import PaintingActions
from t2itui.screens.search.query_line import QueryLine

if TYPE_CHECKING:
    from t2itui.session import Session


class EarlyLoading(PaintingActions):
    """Begins to load the model at the first letter that leads to no earlier query.

    Not at the start, since most sessions begin with looking at what was asked before, and that
    takes no model.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._is_expecting = False
        """A new query is being typed; its model is on its way."""

    @on(Input.Changed, "#query")
    def expect_query(self, message: Input.Changed) -> None:
        text = message.value.strip()
        if not text:
            self._is_expecting = False
        elif message.input.has_focus and not self._is_expecting:
            line = self.query_one(QueryLine)
            if message.value != line.input.filled and line.past.completion(message.value) is None:
                self._is_expecting = True
                self._load_early(text)

    @on(QueryLine.Submitted)
    def stop_expecting(self) -> None:
        self._is_expecting = False

    @work(exclusive=True, group="early")
    async def _load_early(self, text: str) -> None:
        """Ask for the model; whatever is wrong with it is told when the query is asked."""
        if self.session.engine is None:
            return
        request = SearchRequest(query=text, filters=self.filters)
        try:
            await self.session.engine.searcher.warm_up(request)
        except T2IError as error:
            self.log.info(f"no model was loaded early: {error}")
