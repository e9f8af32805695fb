"""A threshold that rests gets its receipt."""

from __future__ import annotations

from t2itui.screens.search.decision import REST_S, DecisionController
from t2itui.screens.search.listing import Listing
from tests.t2itui.search.controllers.desk import (
    Desk,
    listing_of,
)


class FakeRoute:
    """Counts what is said."""

    def __init__(self) -> None:
        self.said = 0

    def show_decision(self, listing: Listing) -> None:
        self.said += 1


async def test_a_threshold_that_rests_gets_its_receipt(desk: Desk) -> None:
    route = FakeRoute()
    decision = DecisionController(desk.session, desk.screen, desk.results, route)
    listing = desk.results.listing = listing_of("a dog")
    listing.threshold = 0.6
    decision.follow_change(listing)
    listing.threshold = 0.7
    decision.follow_change(listing)
    assert [timer.seconds for timer in desk.screen.timers] == [REST_S] * 2
    for timer in desk.screen.timers:
        timer.end()
    await desk.screen.run()
    assert desk.engine.searcher.recorded == [(0.7, "match")]
    assert desk.session.settings.threshold == 0.7
    assert route.said == 2
    assert desk.results.receipts[:2] == [None, None]
    assert desk.results.receipts[2] is listing.result.receipt


async def test_what_stands_in_for_an_answer_gets_no_receipt(desk: Desk) -> None:
    decision = DecisionController(desk.session, desk.screen, desk.results, FakeRoute())
    listing = desk.results.listing = listing_of("a dog")
    listing.is_first = True
    decision.follow_change(listing)
    desk.screen.timers[0].end()
    await desk.screen.run()
    assert desk.engine.searcher.recorded == []


async def test_no_receipt_is_kept_once_another_answer_is_on_its_way(desk: Desk) -> None:
    decision = DecisionController(desk.session, desk.screen, desk.results, FakeRoute())
    listing = desk.results.listing = listing_of("a dog")
    decision.follow_change(listing)
    decision.stop_resting()
    desk.screen.timers[0].end()
    await desk.screen.run()
    assert desk.engine.searcher.recorded == []
