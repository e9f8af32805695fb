"""The Search screen in terminals of all sizes, its help, palette and colours."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from t2itui.app import THEMES
from t2itui.graphics.picture import Picture
from t2itui.screens.common.help import HelpScreen, gather
from t2itui.screens.jobs.screen import JobsScreen
from t2itui.screens.search.card import CardColumn
from t2itui.screens.search.detail import Detail
from t2itui.screens.search.grid import fit
from t2itui.screens.search.histogram import Histogram
from t2itui.settings import AppSettings
from t2itui.widgets.key_line import KeyLine
from tests.t2itui.fakes import FakeEngine, answered, fake_app, until

SnapCompare = Callable[..., bool]


@pytest.mark.parametrize("size", [(40, 12), (60, 18), (80, 24), (120, 36), (200, 50)])
async def test_cards_query_route_threshold_and_keys_fit_into(size: tuple[int, int]) -> None:
    async with fake_app(FakeEngine(600), start_query="a dog").run_test(size=size) as pilot:
        screen = await answered(pilot)
        width, height = size
        for widget in (screen.query_line, screen.route_line, screen.query_one(Histogram)):
            assert widget.region.height > 0
            assert widget.region.right <= width
        grid = screen.results.grid
        for column in screen.query(CardColumn):
            assert grid.region.contains_region(column.region)
            assert column.size.width >= 10
            assert grid.shape.rows * grid.shape.card_height <= column.size.height
        assert len(screen.query(CardColumn)) == grid.shape.columns
        line = screen.query_one(KeyLine)
        assert line.region.bottom == height
        assert line.places[-1].description == "Help"
        assert line.places[-1].right <= width
        assert screen.query_one(Detail).display == (width >= 70)


async def test_a_terminal_without_room_says_so() -> None:
    async with fake_app(FakeEngine(600), start_query="a dog").run_test(size=(24, 6)) as pilot:
        screen = pilot.app.screen
        await until(pilot, lambda: screen.has_class("-too-small"))
        assert screen.query_one("#too-small").region.area > 0
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not screen.has_class("-too-small"))


async def test_resizing_keeps_the_selected_picture_in_sight() -> None:
    async with fake_app(FakeEngine(600), start_query="a dog").run_test(size=(120, 36)) as pilot:
        screen = await answered(pilot)
        grid = screen.results.grid
        await pilot.press("pagedown", "pagedown", "right")
        selected = grid.selected
        for width, height in ((60, 18), (200, 50), (80, 24)):
            await pilot.resize_terminal(width, height)
            await until(pilot, lambda: len(grid.cards) == grid.shape.slots)
            await until(pilot, lambda: selected in [card.index for card in grid.cards])
            assert grid.selected == selected


def test_the_grid_uses_the_height_it_has() -> None:
    for width in range(12, 240, 7):
        for height in range(6, 60, 3):
            shape = fit(width, height, 1)
            assert shape.slots > 0
            assert shape.card_height * shape.rows <= height
            assert width // shape.columns >= 12


async def test_help_names_every_documented_key_of_the_screen_once() -> None:
    app = fake_app(FakeEngine(600), start_query="a dog")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await answered(pilot)
        meanings = [meaning for lines in gather(screen).values() for _, meaning in lines]
        documented = {
            binding.tooltip
            for node in (screen, screen.results.grid, app)
            for _, binding in node._bindings
            if binding.id and binding.tooltip
        }
        assert documented <= set(meanings)
        assert len(meanings) == len(set(meanings))
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)


async def test_help_says_in_which_state_keys_mean_what() -> None:
    app = fake_app(FakeEngine(600), start_query="a dog")
    async with app.run_test(size=(120, 36)) as pilot:
        sections = gather(await answered(pilot))
        assert next(iter(sections)) == "This answer, outside of the query line"
        assert "In the query line" in sections
        assert "Everywhere but in a line of text; F1 to F8 there too" in sections
        await pilot.press("j")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
        cancels = [
            words for each in gather(app.screen).values() for key, words in each if key == "x"
        ]
        assert cancels == ["Cancel this job"]


async def test_every_key_of_the_screen_is_in_the_command_palette() -> None:
    app = fake_app(FakeEngine(600), start_query="a dog")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await answered(pilot)
        commands = {command.help for command in app.get_system_commands(app.screen)}
        for binding in (active.binding for active in screen.active_bindings.values()):
            if binding.id and binding.tooltip:
                assert binding.tooltip in commands
        hide = next(
            command for command in app.get_system_commands(app.screen) if "Hide" in command.title
        )
        hide.callback()
        listing = screen.results.listing
        assert listing is not None
        await until(pilot, lambda: listing.hide_below)


async def test_every_theme_of_the_key_can_be_chosen_and_comes_round() -> None:
    app = fake_app(FakeEngine(600))
    async with app.run_test(size=(80, 24)) as pilot:
        seen = []
        for _ in THEMES:
            app.action_next_theme()
            await pilot.pause()
            seen.append(app.theme)
        assert sorted(seen) == sorted(THEMES)
        assert app.session.settings.theme == app.theme == "textual-dark"


async def test_without_colour_passing_is_still_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with fake_app(FakeEngine(600), start_query="a dog").run_test(size=(120, 36)) as pilot:
        screen = await answered(pilot)
        cards = screen.results.grid.cards
        signs = [card.caption(16)[0][0][0] for card in cards]
        below = [card.is_below for card in cards]
        assert len(set(below)) == 2
        assert [sign == "·" for sign in signs] == below


@pytest.mark.parametrize(
    ("size", "theme"),
    [((80, 24), "textual-dark"), ((120, 36), "textual-dark"), ((120, 36), "textual-light")],
)
def test_the_answer_looks_as_it_did(
    snap_compare: SnapCompare, size: tuple[int, int], theme: str
) -> None:
    app = fake_app(
        FakeEngine(600), settings=AppSettings(theme=theme), start_query="a dog in the snow"
    )
    assert snap_compare(app, terminal_size=size, run_before=at_rest)


def test_an_empty_library_looks_as_it_did(snap_compare: SnapCompare) -> None:
    assert snap_compare(fake_app(FakeEngine(0)), terminal_size=(80, 24), run_before=begun)


async def at_rest(pilot: Pilot[None]) -> None:
    """Wait until the answer and all its pictures are drawn."""
    screen = await answered(pilot)
    cards = [each for each in screen.results.grid.cards if (each.index or 0) % 10 != 8]
    await until(pilot, lambda: all(card.picture.reason is None for card in cards))
    await until(pilot, lambda: screen.results.detail.query_one(Picture).reason is None)


async def begun(pilot: Pilot[None]) -> None:
    """Wait for the first start, and keep its cursor from blinking."""
    await until(pilot, lambda: pilot.app.screen.query_one("#first-start").display)
    for line in pilot.app.screen.query(Input):
        line.cursor_blink = False
