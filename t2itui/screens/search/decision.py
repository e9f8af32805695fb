"""How the Search screen lets a person move the decision, and keeps what was decided."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from textual import getters, on, work
from textual.message import Message
from textual.timer import Timer

from engine.errors import T2IError
from engine.scoring.registry import scorer_after
from t2itui.screens.search.lines import RouteLine
from t2itui.screens.search.pictures import PictureActions
from t2itui.screens.search.results import FINE, Results
from t2itui.text.plain import plain
from t2itui.text.shell_commands import filters_of
from t2itui.text.words import duration_words, filter_words

if TYPE_CHECKING:
    from engine.results import SearchResult
    from t2itui.screens.search.listing import Listing
    from t2itui.session import Session


ROOMY = 110
"""Columns from which on the route line tells the time it took beside the filters."""
REST_S = 1.0
"""A threshold that rests so long is a decision and gets its receipt."""


class Recorded(Message, bubble=False):
    """The decision on the screen got its receipt."""

    def __init__(self, listing: Listing, result: SearchResult) -> None:
        super().__init__()
        self.listing = listing
        self.result = result


class DecisionActions(PictureActions):
    """Moves the threshold, changes the scorer, hides what is below, and records what rests."""

    route_line = getters.query_one(RouteLine)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._rest: Timer | None = None

    @abstractmethod
    def offer_painting(self, listing: Listing) -> None:
        """Offer to paint where nothing passes."""

    def show_route(self, listing: Listing) -> None:
        """Say what the threshold, where it stands, decides."""
        routing, result = listing.routing, listing.result
        filtered = filter_words(filters_of(result.receipt.filters))
        has_room = not filtered or self.size.width >= ROOMY
        facts = [
            filtered,
            f"by {listing.scorer}",
            "stored" if listing.is_stored else "",
            "hiding below" if listing.hide_below else "",
            duration_words(result.seconds) if has_room else "",
            ("cached" if result.cached else "with the model") if has_room else "",
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
        self.session.remember(
            threshold=listing.threshold, scorer=listing.scorer, hide_below=listing.hide_below
        )
        self.show_route(listing)
        self.offer_painting(listing)
        self.results.show_receipt(None)
        self.stop_resting()
        self._rest = self.set_timer(REST_S, self._keep_decision)

    def stop_resting(self) -> None:
        """Keep no receipt of the decision on the screen: another one is on its way."""
        if self._rest is not None:
            self._rest.stop()
            self._rest = None

    def _keep_decision(self) -> None:
        listing = self.results.listing
        if listing is not None:
            self._record(listing, listing.threshold, listing.scorer)

    @work(exclusive=True, group="record")
    async def _record(self, listing: Listing, threshold: float, scorer: str) -> None:
        engine = self.session.engine
        if engine is None:
            return
        try:
            result = await engine.searcher.record(
                listing.result, threshold=threshold, scorer=scorer, top=self.session.settings.top
            )
        except T2IError as error:
            self.notify(
                plain(f"{error.message} {error.hint}"), title="No receipt was kept", markup=False
            )
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
            self.results.rank_by(scorer_after(listing.scorer))

    def action_hide(self) -> None:
        """Hide what is below the threshold, or dim it."""
        if self.results.listing is not None:
            self.results.hide_below(not self.results.listing.hide_below)
