"""The decision on the screen: it follows the threshold, and what rests gets its receipt."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from engine.errors import T2IError
from t2itui.session import Stoppable, TaskHost

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.results import Receipt, SearchResult
    from t2itui.screens.search.listing import Listing
    from t2itui.session import Session

REST_S = 1.0
"""A threshold that rests so long is a decision and gets its receipt."""


class DecidedView(Protocol):
    """The answer whose decision is kept."""

    listing: Listing | None

    def show_receipt(self, receipt: Receipt | None) -> None:
        """Show which stored decision the screen stands for; None while it is not stored yet."""


class RouteView(Protocol):
    """The line that says what is decided."""

    def show_decision(self, listing: Listing) -> None:
        """Say what the threshold, where it stands, decides."""


class DecisionController:
    """Says what is decided and keeps a receipt of what rests."""

    def __init__(
        self, session: Session, host: TaskHost, results: DecidedView, line: RouteView
    ) -> None:
        self._session = session
        self._host = host
        self._results = results
        self._line = line
        self._rest: Stoppable | None = None

    def follow_change(self, listing: Listing) -> None:
        """Take note that the person moved the threshold, ranked anew, or hid something."""
        self._session.remember(
            threshold=listing.threshold, scorer=listing.scorer, hide_below=listing.hide_below
        )
        self._line.show_decision(listing)
        self._results.show_receipt(None)
        self.stop_resting()
        self._rest = self._host.set_timer(REST_S, self._record_rested)

    def stop_resting(self) -> None:
        """Keep no receipt of the decision on the screen: another one is on its way."""
        if self._rest is not None:
            self._rest.stop()
            self._rest = None

    def _record_rested(self) -> None:
        listing = self._results.listing
        if listing is not None and not listing.is_first:
            self._host.run_beside(partial(self._record, listing), group="record", exclusive=True)

    async def _record(self, listing: Listing) -> None:
        engine = self._session.engine
        if engine is None:
            return
        try:
            result = await record(engine, listing, top=self._session.settings.top)
        except T2IError as error:
            self._session.notify(f"{error.message} {error.hint}", title="No receipt was kept")
        else:
            self._host.call_later(self._show_recorded, listing, result)

    def _show_recorded(self, listing: Listing, result: SearchResult) -> None:
        if listing is self._results.listing:
            listing.result = result
            self._results.show_receipt(result.receipt)


async def record(engine: Engine, listing: Listing, *, top: int) -> SearchResult:
    """Keep the decision as it stands, under its threshold and scorer of now."""
    return await engine.searcher.record(
        listing.result, threshold=listing.threshold, scorer=listing.scorer, top=top
    )
