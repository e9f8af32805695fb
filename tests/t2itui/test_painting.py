"""Painting from the Search screen: offered, begun by a key, shown, and found by the next query."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.results import Receipt
from engine.states import OutputCheck, Route
from t2itui.app import T2ITuiApp
from t2itui.screens.search.screen import SearchScreen
from t2itui.settings import AppSettings
from tests.t2itui.fakes import search_screen, until
from tests.t2itui.painting_app import PICTURES, fill, painting_app

SIZE = (120, 36)


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """A home whose library shows nothing but green."""
    folder = tmp_path / "home"
    await fill(folder)
    return folder


async def ask(pilot: Pilot[None], query: str) -> SearchScreen:
    """Ask a query and wait for its answer."""
    app = pilot.app
    assert isinstance(app, T2ITuiApp)
    screen = search_screen(app)
    await until(pilot, lambda: app.session.engine is not None and screen.collection.has_begun)
    screen.search_for(query)
    await until(pilot, lambda: query_of(screen) == query and not screen.is_waiting)
    return screen


def query_of(screen: SearchScreen) -> str:
    listing = screen.results.listing
    return "" if listing is None else listing.result.receipt.query


def total(screen: SearchScreen) -> int:
    return 0 if screen.results.listing is None else len(screen.results.listing)


def said(screen: SearchScreen) -> str:
    return str(screen.generation_line.content) if screen.generation_line.display else ""


async def receipts(app: T2ITuiApp) -> list[Receipt]:
    """All of them, the newest first."""
    assert app.session.engine is not None
    return await app.session.engine.history.entries(limit=9, offset=0)


async def test_what_nothing_shows_is_painted_on_a_key_and_then_found_in_the_grid(
    home: Path,
) -> None:
    app, models = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        models.generators.gate.is_open.clear()
        screen = await ask(pilot, "a red house")
        assert "Nothing passes" in said(screen) and "a red house" in said(screen)
        await pilot.press("g")
        await until(pilot, lambda: models.generators.running == 1)
        await until(pilot, lambda: "Being painted" in said(screen))
        models.generators.gate.is_open.set()
        await until(pilot, lambda: "Painted" in said(screen))
        assert total(screen) == PICTURES + 1
        assert screen.results.grid.position == 0
        await until(pilot, lambda: screen.results.grid.cards[0].name.startswith("painted"))
        assert "retrieve" in str(screen.route_line.content)
        noted = [each for each in await receipts(app) if each.job]
        assert noted[0].result is not None and noted[0].route == Route.GENERATE


async def test_a_query_that_was_answered_is_painted_too_and_the_receipt_says_against_what(
    home: Path,
) -> None:
    app, _ = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        screen = await ask(pilot, "a green door")
        assert said(screen) == ""
        await pilot.press("g")
        await until(pilot, lambda: "Painted" in said(screen))
        past = [each for each in await receipts(app) if each.job]
        assert [(each.route, each.override) for each in past] == [(Route.RETRIEVE, Route.GENERATE)]


async def test_no_thanks_takes_the_offer_away_and_is_kept(home: Path) -> None:
    app, models = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        screen = await ask(pilot, "a red house")
        await pilot.press("d")
        await until(pilot, lambda: said(screen) == "")
        await app.workers.wait_for_complete()
        assert (await receipts(app))[0].override == Route.RETRIEVE
        await pilot.press("r")
        await pilot.pause()
        await until(pilot, lambda: not screen.is_waiting)
        assert said(screen) == "", "it was declined"
        assert models.generators.seeds == []


async def test_by_the_setting_it_is_painted_at_once_or_never_offered(home: Path) -> None:
    app, models = painting_app(home, settings=AppSettings(generate="now"))
    async with app.run_test(size=SIZE) as pilot:
        screen = await ask(pilot, "a red house")
        await until(pilot, lambda: "Painted" in said(screen))
        screen.action_again()
        await until(pilot, lambda: not screen.is_waiting)
        assert len(models.generators.seeds) == 1
    app, models = painting_app(home, settings=AppSettings(generate="never"))
    async with app.run_test(size=SIZE) as pilot:
        screen = await ask(pilot, "a blue house")
        assert "generate" in str(screen.route_line.content)
        assert said(screen) == ""
        assert not screen.check_action("decline", ())


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (OutputCheck.BLACK, "it came out black"),
        (OutputCheck.NOT_FINITE, "computed no numbers"),
        (OutputCheck.BLOCKED, "checker blocked it"),
    ],
)
async def test_a_spoilt_picture_is_named_and_a_key_paints_with_another_seed(
    home: Path, verdict: OutputCheck, words: str
) -> None:
    app, models = painting_app(home)
    models.generators.checks = [verdict]
    async with app.run_test(size=SIZE) as pilot:
        screen = await ask(pilot, "a red house")
        await pilot.press("g")
        await until(pilot, lambda: "Not painted" in said(screen))
        assert words in said(screen) and "N another seed" in said(screen)
        await pilot.press("N")
        await until(pilot, lambda: "Painted: #1" in said(screen))
        assert len(set(models.generators.seeds)) == 2
        assert total(screen) == PICTURES + 1


async def test_the_key_for_another_seed_paints_beside_a_picture_that_was_kept(home: Path) -> None:
    app, models = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        screen = await ask(pilot, "a red house")
        await pilot.press("N")
        await pilot.pause()
        assert models.generators.seeds == [], "nothing was painted so far"
        await pilot.press("g")
        await until(pilot, lambda: "N another seed" in said(screen))
        models.generators.gate.is_open.clear()
        await pilot.press("N")
        await until(pilot, lambda: "Being painted" in said(screen))
        await pilot.press("N")
        models.generators.gate.is_open.set()
        await until(pilot, lambda: total(screen) == PICTURES + 2 and "Painted" in said(screen))
        assert len(set(models.generators.seeds)) == len(models.generators.seeds) == 2
        await pilot.press("2", "N")
        await until(pilot, lambda: len(models.generators.seeds) == 3)
        assert len([each for each in await receipts(app) if each.job]) == 1


async def test_cancelling_frees_the_screen_at_once_and_says_how_long_it_took(home: Path) -> None:
    app, models = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        models.generators.gate.is_open.clear()
        screen = await ask(pilot, "a red house")
        await pilot.press("g")
        await until(pilot, lambda: models.generators.running == 1)
        await until(pilot, lambda: "Being painted" in said(screen))
        await pilot.press("x")
        await until(pilot, lambda: "cancelled in" in said(screen) and " ms" in said(screen))
        assert models.generators.running == 0


async def test_painted_pictures_are_hidden_or_shown_alone_by_a_key(home: Path) -> None:
    app, _ = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        screen = await ask(pilot, "a red house")
        await pilot.press("g")
        await until(pilot, lambda: "Painted" in said(screen))
        await pilot.press("v")
        await until(pilot, lambda: total(screen) == PICTURES)
        assert "without painted" in str(screen.route_line.content)
        await pilot.press("v")
        await until(pilot, lambda: total(screen) == 1)
        assert "painted only" in str(screen.route_line.content)
        assert app.session.settings.synthetic == "only"
        await pilot.press("v")
        await until(pilot, lambda: total(screen) == PICTURES + 1)


async def test_a_click_on_the_offer_paints(home: Path) -> None:
    app, _ = painting_app(home)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ask(pilot, "a red house")
        assert screen.generation_line.region.right <= 80
        column = said(screen).index("paint it")
        await pilot.click(screen.generation_line, offset=(column + 2, 0))
        await until(pilot, lambda: "Painted" in said(screen))
