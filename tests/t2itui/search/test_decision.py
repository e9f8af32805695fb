"""Moving the decision: threshold, scorer, what is hidden, and the receipt that follows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Static

from engine.results import Chance
from engine.scoring import ranking
from t2itui.screens.common.help import HelpScreen
from t2itui.screens.search.histogram import Histogram, Line, columns_of, draw_band
from t2itui.screens.search.lines import route_reasons
from t2itui.screens.search.listing import Listing
from t2itui.settings import AppSettings
from tests.t2itui.fakes import FakeEngine, answered, fake_app, made_up_scores, until

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


CHANCE = Chance(half=0.31, high=0.91)


def engine_by_chance(best: float, chance: Chance | None = CHANCE) -> FakeEngine:
    """An engine whose best picture has these log odds."""
    engine, scores = FakeEngine(600), made_up_scores(600)
    logit = scores.match_logit - scores.match_logit.max() + best
    engine.searcher.scores = ranking.make_scores(
        scores.picture_ids, scores.cosine, logit, chance=chance
    )
    return engine


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
async def test_the_histogram_names_the_band_of_chance_beside_the_threshold(
    size: tuple[int, int],
) -> None:
    app = fake_app(engine_by_chance(2), start_query="a dog")
    async with app.run_test(size=size) as pilot:
        histogram = (await answered(pilot)).query_one(Histogram)
        lines = histogram.render().plain.split("\n")
        assert len(lines) == histogram.content_size.height
        (band,) = [line for line in lines if "by chance" in line]
        width = histogram.content_size.width
        assert band.index("├") == int(0.31 * width)
        end = int(0.91 * width)
        # In a low terminal the count of what passes stands in its place.
        assert band[end] == "┤" or lines.index(band) == 1
        assert "──" in band
        assert "threshold 0.50" in lines[-1]
        await pilot.press("right_square_bracket")
        assert "threshold 0.51" in histogram.render().plain
        assert "by chance" in histogram.render().plain


async def test_without_a_measured_chance_there_is_no_band() -> None:
    app = fake_app(engine_by_chance(2, None), start_query="a dog")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        assert "chance" not in screen.query_one(Histogram).render().plain
        assert "chance" not in str(screen.route_line.content)


@pytest.mark.parametrize(
    ("half", "high", "at", "taken", "drawn"),
    [
        (0.1, 0.9, 0, "", "   ├──── by chance .10 to .90 ────┤"),
        (0.0, 0.0, 0, "", "│ by chance .00 "),
        (0.99, 0.99, 0, "", "                       by chance .99 │"),
        (0.2, 0.9, 26, "x", "       ├─── by chance ────x───────┤"),
        (0.4, 0.5, 19, "xxx", "     by chance ├───xxx"),
        (0.1, 0.9, 0, "x" * 38, "x" * 38),
    ],
)
def test_the_band_and_its_name_leave_room_to_what_stands_there(
    half: float, high: float, at: int, taken: str, drawn: str
) -> None:
    line = Line(38)
    line.put(at, taken, "")
    assert draw_band(line, Chance(half=half, high=high)) == ("by chance" in drawn)
    assert line.content().plain == drawn.ljust(38)


@pytest.mark.parametrize(
    ("best", "sign", "words"),
    [
        (2.0, "✓ retrieve: ", "best .88; by chance .31"),
        (0.3, "✓ retrieve: ", "best .57; by chance .31; uncertain"),
        (-0.3, "✗ generate: ", "best .43; by chance .31; uncertain"),
        (-2.0, "✗ generate: ", "best .12; by chance .31"),
    ],
)
async def test_the_route_line_says_best_and_chance_and_what_is_uncertain(
    best: float, sign: str, words: str
) -> None:
    app = fake_app(engine_by_chance(best), start_query="a dog")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await answered(pilot)
        assert str(screen.route_line.content).startswith(f"{sign}{words}  ")
        await pilot.resize_terminal(120, 40)
        await pilot.press("left_square_bracket")
        assert "a match of 0.49" in str(screen.route_line.content)
        await pilot.resize_terminal(200, 50)
        await pilot.press("right_square_bracket")
        wide = str(screen.route_line.content)
        assert "by chance 0.31" in wide
        assert ("uncertain: the odds are near even" in wide) == ("uncertain" in words)


async def test_a_stored_answer_has_the_band_and_the_words_of_its_receipt() -> None:
    engine = engine_by_chance(0.3)
    async with fake_app(engine, start_query="a dog").run_test(size=SIZE) as pilot:
        fresh = (await answered(pilot)).results.listing
        assert fresh is not None
    stored = Listing.of(replace(fresh.result, scores=None), hide_below=False)
    assert stored.scores.chance == CHANCE
    assert stored.routing == fresh.routing
    assert route_reasons(stored) == route_reasons(fresh)
    assert stored.routing.is_uncertain


async def test_help_says_what_chance_and_uncertain_mean() -> None:
    async with fake_app(FakeEngine(600), start_query="a dog").run_test(size=(120, 80)) as pilot:
        await answered(pilot)
        await pilot.press("question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        words = " ".join(line.plain for line in pilot.app.screen._lines(200))
        assert "By chance: " in words
        assert "Uncertain: " in words


@pytest.mark.parametrize("chance", [Chance(half=0.5, high=0.6), Chance(half=0.0, high=0.0)])
async def test_in_a_low_terminal_other_words_make_room_for_the_band(chance: Chance) -> None:
    app = fake_app(engine_by_chance(0.3, chance), start_query="a dog")
    async with app.run_test(size=(80, 24)) as pilot:
        axis = (await answered(pilot)).query_one(Histogram).render().plain.split("\n")[-1]
        assert "by chance" in axis and "threshold 0.50" in axis
        assert "┤" in axis or "│" in axis
