"""The app's first start on the real engine: the storybook in the grid, and queries to try."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from t2itui.screens.library.forms import AddFolder
from t2itui.screens.library.screen import LibraryScreen
from t2itui.screens.search.filter_form import FilterForm
from t2itui.screens.search.screen import SearchScreen
from t2itui.screens.search.suggestions import SuggestionChip, tour
from t2itui.widgets.key_line import KeyLine
from tests.t2itui.fakes import answered, until
from tests.t2itui.real_library import make_library, real_app

ELEPHANT = "a purple elephant in the snow"
SIZE = (120, 36)


@pytest.fixture(autouse=True)
def no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without any model but the one that ships."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    yield


def query_of(screen: SearchScreen) -> str:
    listing = screen.results.listing
    return "" if listing is None else listing.result.receipt.query


async def show_next(pilot: Pilot[None], screen: SearchScreen, key: str) -> str:
    """Press the key of the next suggestion and wait for its answer."""
    before = query_of(screen)
    await pilot.press(key)
    await until(pilot, lambda: query_of(screen) != before)
    return query_of(screen)


async def test_the_first_start_shows_the_storybook_and_a_key_runs_the_next_suggestion(
    tmp_path: Path,
) -> None:
    app = real_app(tmp_path / "home")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        listing = screen.results.listing
        assert listing is not None
        assert (listing.total, query_of(screen)) == (600, tour()[0].query)
        assert listing.passed > 0
        assert screen.strip.display
        await until(
            pilot, lambda: app.session.status.is_built_in and app.session.status.pictures == 600
        )
        assert app.session.engine is not None
        assert not app.session.engine.encoders.state(), "no model takes part"
        assert not await app.session.engine.history.entries(), "nobody asked anything yet"

        line = screen.query_line.input
        assert line.has_focus
        assert line.selected_text == line.value == tour()[0].query

        assert await show_next(pilot, screen, "ctrl+n") == tour()[1].query
        assert await show_next(pilot, screen, "ctrl+n") == tour()[2].query
        assert "generate" in str(screen.route_line.content)
        # The keys that the offer names are at hand.
        await until(pilot, lambda: screen.results.grid.has_focus)
        passed = screen.results.listing.passed if screen.results.listing else -1
        await pilot.press(*["left_curly_bracket"] * 5)
        await until(pilot, lambda: "retrieve" in str(screen.route_line.content))
        assert screen.results.listing is not None
        assert screen.results.listing.passed > passed


async def test_typing_replaces_the_suggestion_and_ones_own_query_ends_them(tmp_path: Path) -> None:
    app = real_app(tmp_path / "home")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        await pilot.press(*"snow")
        assert screen.query_line.input.value == "snow"
        await pilot.press("enter")
        await until(pilot, lambda: query_of(screen) == "snow")
        assert not screen.strip.display
        await until(pilot, lambda: screen.results.grid.has_focus)
        await pilot.press("n")
        await until(pilot, lambda: query_of(screen) == tour()[1].query)
        assert screen.strip.display


async def test_a_click_runs_a_suggestion(tmp_path: Path) -> None:
    app = real_app(tmp_path / "home")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        chip = next(
            chip for chip in screen.query(SuggestionChip) if chip.suggested.query == ELEPHANT
        )
        assert chip.display
        await pilot.click(chip)
        await until(pilot, lambda: query_of(screen) == ELEPHANT)
        assert "generate" in str(screen.route_line.content)


async def test_what_nothing_can_paint_is_told_with_the_offer(tmp_path: Path) -> None:
    app = real_app(tmp_path / "home")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        line = screen.generation_line
        screen.strip.point_at("a red car")
        await pilot.press("home", "ctrl+k", *"a red car", "enter")
        await until(pilot, lambda: "is no word of its" in str(line.content))
        assert "knows ten animals; “car”" in str(line.content)
        assert "t2itui models get stable-diffusion-v1-5" in str(line.content)
        await until(pilot, lambda: screen.results.grid.has_focus)
        await pilot.press("slash", "home", "ctrl+k", *ELEPHANT, "enter")
        await until(pilot, lambda: query_of(screen) == ELEPHANT and line.is_asking)
        assert "no word" not in str(line.content)


def test_the_first_query_without_an_answer_can_be_painted() -> None:
    queries = tour()
    unanswered = [each for each in queries if not each.answered]
    assert unanswered[0].query == ELEPHANT
    assert queries.index(unanswered[0]) == 2
    half = len([each for each in queries if not each.answered and not each.foreign])
    assert not any(each.foreign for each in unanswered[: half // 2])
    assert "can be painted" in unanswered[0].tip
    foreign = next(each for each in queries if each.foreign)
    assert "no word for it" in foreign.tip
    assert "✎" in str(SuggestionChip(unanswered[0]).text(is_current=False))
    assert "✎" not in str(SuggestionChip(foreign).text(is_current=False))


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (200, 50)])
async def test_the_suggestions_that_are_shown_fit_whatever_the_width(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    app = real_app(tmp_path / "home")
    async with app.run_test(size=size) as pilot:
        screen = await answered(pilot)
        for _ in range(3):
            await show_next(pilot, screen, "ctrl+n")
        chips = [chip for chip in screen.query(SuggestionChip) if chip.display]
        assert chips[0].suggested == tour()[3]
        assert all(chip.region.right <= size[0] for chip in chips[1:])


async def test_own_pictures_are_asked_for_by_a_key_and_refused_without_an_encoder(
    tmp_path: Path,
) -> None:
    (tmp_path / "photos").mkdir()
    app = real_app(tmp_path / "home")
    async with app.run_test(size=SIZE) as pilot:
        await answered(pilot)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, AddFolder))
        form = app.screen
        assert isinstance(form, AddFolder)
        form.folder.take(str(tmp_path / "photos"))
        await pilot.press("enter")
        said = str(form.problem.content)
        assert "t2itui models get openai/clip-vit-base-patch32" in said
        assert "On photographs its ranking means little" in said
        form.encoder.value = "storybook"
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, AddFolder))
        assert app.session.engine is not None
        assert [job.kind for job in app.session.engine.jobs.list()] == ["index"]


async def test_beside_own_pictures_a_key_goes_to_the_storybook_and_back(tmp_path: Path) -> None:
    await make_library(tmp_path / "home", tmp_path)
    app = real_app(tmp_path / "home", start_query="something green")
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        own = screen.results.listing
        assert own is not None
        assert not screen.strip.display
        await pilot.press("slash", "ctrl+u", *"snow", "enter")
        await until(pilot, lambda: screen.panel.has_class("-error"))
        await pilot.press("b")
        await until(pilot, lambda: query_of(screen) == "snow")
        assert screen.results.listing is not None
        assert screen.results.listing.total == 600
        await until(pilot, lambda: app.session.status.is_built_in)
        assert "--in storybook" in screen.command(screen.asking.filters)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, FilterForm))
        form = app.screen
        assert isinstance(form, FilterForm)
        assert form.folder.line.value == "storybook"
        await pilot.press("escape")
        await pilot.press("b")
        await until(pilot, lambda: screen.panel.has_class("-error"))
        await until(pilot, lambda: not app.session.status.is_built_in)


async def test_the_library_screen_leaves_it_out_and_takes_it_back(tmp_path: Path) -> None:
    app = real_app(tmp_path / "home")
    async with app.run_test(size=SIZE) as pilot:
        search = await answered(pilot)
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, LibraryScreen))
        screen = app.screen
        assert isinstance(screen, LibraryScreen)
        await until(pilot, lambda: screen.state is not None and bool(screen.state.folders))
        assert screen.listing.current is not None
        assert screen.listing.current.cells[0] == "storybook (built in)"
        assert not screen.check_action("rescan_all", ()), "what is built in needs no rescan"
        assert " All " not in str(screen.query_one(KeyLine).render())
        await pilot.press("b")
        await until(pilot, lambda: app.screen is not screen)
        await pilot.press("enter")
        await until(pilot, lambda: screen.state is not None and not screen.state.folders)
        await pilot.press("f2")
        await until(pilot, lambda: search.body.current == "first-start")
        await pilot.press("f6", "b")
        await until(pilot, lambda: screen.state is not None and bool(screen.state.folders))
        await pilot.press("f2")
        await until(pilot, lambda: search.body.current == "results")
