"""Moving the decision: threshold, scorer, what is hidden, and the receipt that follows."""

from __future__ import annotations

from textual.widgets import Static

from engine.scoring import ranking
from t2itui.screens.search.histogram import Histogram, columns_of
from t2itui.settings import AppSettings
from tests.t2itui.fakes import FakeEngine, answered, fake_app, until

SIZE = (120, 36)


async def test_brackets_move_the_threshold_and_everything_follows_at_once() -> None:
    engine = FakeEngine(600)
    async with fake_app(engine, start_query="a dog").run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        await pilot.press("right_curly_bracket", "right_square_bracket")
        listing = screen.results.listing
        assert listing is not None
        assert listing.threshold == 0.61
        passed = ranking.passed(engine.searcher.scores, 0.61)
        assert str(screen.route_line.content).startswith(f"✓ retrieve: {passed} of 600")
        histogram = screen.query_one(Histogram).render().plain
        assert "threshold 0.61" in histogram
        assert f"{passed} pass" in histogram
        assert "0.61" in str(screen.results.detail.query_one("#facts", Static).content)
        below = [card for card in screen.results.grid.cards if card.is_below]
        assert all(engine.searcher.scores.match[card.index or 0] < 0.61 for card in below)
        assert len(below) == len(screen.results.grid.cards) - passed


async def test_the_threshold_stays_between_zero_and_one() -> None:
    settings = AppSettings(threshold=0.95)
    app = fake_app(FakeEngine(600), settings=settings, start_query="a dog")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        await pilot.press("right_curly_bracket", "right_curly_bracket")
        listing = screen.results.listing
        assert listing is not None
        assert listing.threshold == 1.0
        await pilot.press(*["left_curly_bracket"] * 12)
        assert listing.threshold == 0.0


async def test_a_click_and_a_drag_in_the_histogram_put_the_threshold_there() -> None:
    async with fake_app(FakeEngine(600), start_query="a dog").run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        histogram, listing = screen.query_one(Histogram), screen.results.listing
        assert listing is not None
        width = histogram.content_size.width
        await pilot.mouse_down(histogram, offset=(1 + round(width * 0.25), 2))
        await pilot.pause()
        assert abs(listing.threshold - 0.25) < 0.01
        await pilot.hover(histogram, offset=(1 + round(width * 0.75), 2))
        await pilot.pause()
        assert abs(listing.threshold - 0.75) < 0.01
        await pilot.mouse_up(histogram, offset=(1 + round(width * 0.75), 2))
        await pilot.hover(histogram, offset=(1 + round(width * 0.5), 2))
        await pilot.pause()
        assert abs(listing.threshold - 0.75) < 0.01


async def test_s_ranks_by_the_other_scorer_and_says_so() -> None:
    engine = FakeEngine(600)
    # Make the two orders differ: the best match gets the worst cosine.
    scores = engine.searcher.scores
    cosine = scores.cosine.copy()
    cosine[scores.match_logit.argmax()] = -0.5
    engine.searcher.scores = ranking.make_scores(scores.picture_ids, cosine, scores.match_logit)
    async with fake_app(engine, start_query="a dog").run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        assert screen.results.grid.cards[0].index == int(scores.match_logit.argmax())
        await pilot.press("s")
        assert screen.results.grid.cards[0].index == int(cosine.argmax())
        assert "by cosine" in str(screen.route_line.content)


async def test_h_hides_what_is_below_and_brings_it_back() -> None:
    engine = FakeEngine(600)
    async with fake_app(engine, start_query="a dog").run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        await pilot.press("h")
        shown = [card.index for card in screen.results.grid.cards if card.index is not None]
        assert len(shown) == 7
        assert all(engine.searcher.scores.match[index] >= 0.5 for index in shown)
        await pilot.press("h")
        assert all(card.index is not None for card in screen.results.grid.cards)


async def test_a_threshold_that_rests_gets_its_receipt_once_and_is_remembered() -> None:
    engine = FakeEngine(600)
    app = fake_app(engine, start_query="a dog")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        first = screen.results.detail.receipt
        await pilot.press("right_square_bracket", "right_square_bracket", "right_square_bracket")
        assert screen.results.detail.receipt is None
        await until(pilot, lambda: screen.results.detail.receipt is not None)
        assert engine.searcher.recorded == [(0.53, "match")]
        assert screen.results.detail.receipt != first
        assert app.session.settings.threshold == 0.53


def test_a_single_picture_among_thousands_is_still_a_bar() -> None:
    top, bottom = columns_of((5000, 1, 0), rows=2)
    assert top[0] == "█"
    assert bottom[1] != " "
    assert (top + bottom)[2::3] == "  "
