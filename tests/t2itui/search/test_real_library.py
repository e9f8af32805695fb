"""The app over the real engine: imported vectors, no model."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from t2itui import settings
from t2itui.screens.history.screen import HistoryScreen
from t2itui.screens.search.screen import SearchScreen
from t2itui.session import ReplayReceipt
from tests.t2itui.fakes import answered, search_screen, until
from tests.t2itui.real_library import EACH, make_library, real_app

SIZE = (120, 36)


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """The home folder of a small library."""
    await make_library(tmp_path / "home", tmp_path)
    return tmp_path / "home"


async def test_a_known_word_finds_its_pictures_without_a_model(home: Path) -> None:
    app = real_app(home, start_query="something green")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        names = first_names(screen)
        assert all(name.startswith("green") for name in names[:EACH])
        listing = screen.results.listing
        assert listing is not None
        assert listing.result.cached
        assert listing.passed == EACH


async def test_more_like_this_and_a_mix_are_answered_and_named_in_the_line(home: Path) -> None:
    app = real_app(home, start_query="something green")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        await pilot.press("m")
        line = screen.query_line.input
        await until(pilot, lambda: "green_" in line.value and not screen.is_waiting)
        assert line.value.startswith('"')
        screen.search_for('"something red" + 0.5*"something blue"')
        await until(pilot, lambda: not screen.is_waiting)
        await until(pilot, lambda: all(name for name in first_names(screen)))
        assert all(name.startswith("red") for name in first_names(screen)[:EACH])


async def test_a_word_that_needs_a_model_is_refused_with_what_to_do(home: Path) -> None:
    app = real_app(home, start_query="a word never embedded")
    async with app.run_test(size=SIZE) as pilot:
        screen = search_screen(app)
        await until(pilot, lambda: screen.panel.has_class("-error"))
        assert not screen.is_waiting


async def test_a_moved_threshold_is_in_the_history_and_replays_from_there(home: Path) -> None:
    app = real_app(home, start_query="something green")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        await pilot.press("right_curly_bracket")
        await until(pilot, lambda: screen.results.detail.receipt is not None)
        moved = screen.results.detail.receipt
        assert moved is not None
        assert moved.threshold == pytest.approx(0.6)
        await pilot.press("6")
        await until(pilot, lambda: isinstance(app.screen, HistoryScreen))
        app.session.send(ReplayReceipt(moved.id))
        await until(pilot, lambda: isinstance(app.screen, SearchScreen))
        await until(pilot, lambda: "stored" in str(screen.route_line.content))
        assert screen.results.detail.receipt == moved
        facts = str(screen.results.detail.query_one("#facts", Static).content)
        assert facts.count("#1") == 1, "the rank by cosine is not in a receipt"
        await pilot.press("left_curly_bracket")
        await until(pilot, lambda: "stored" not in str(screen.route_line.content))
        assert screen.results.listing is not None
        assert screen.results.listing.threshold == pytest.approx(0.5)


async def test_what_was_moved_is_remembered_for_the_next_start(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t2itui.app.SAVE_S", 600.0)
    app = real_app(home, start_query="something green")
    async with app.run_test(size=SIZE) as pilot:
        await answered(pilot)
        await pilot.press("right_square_bracket", "s", "h", "t")
    kept = settings.load(home)
    assert (kept.threshold, kept.scorer, kept.hide_below) == (0.51, "cosine", True)
    assert kept.theme == "textual-light"


async def test_a_library_that_cannot_be_opened_is_an_error_on_the_screen(tmp_path: Path) -> None:
    (tmp_path / "cache.sqlite3").write_bytes(b"this is no database" * 1000)
    app = real_app(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = search_screen(app)
        await until(pilot, lambda: screen.panel.has_class("-error"))


def first_names(screen: SearchScreen) -> list[str]:
    """The names on the cards, the best first."""
    return [card.name for card in screen.results.grid.cards]
