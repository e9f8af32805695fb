"""y and n on results: kept, shown in words, undone, and what they do to `match`."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from t2itui.screens.search.screen import SearchScreen
from tests.t2itui.fakes import answered, until
from tests.t2itui.real_library import make_library, real_app

SIZES = [(80, 24), (120, 36)]


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """The home folder of a small library."""
    await make_library(tmp_path / "home", tmp_path)
    return tmp_path / "home"


async def judging(pilot: Pilot[None]) -> SearchScreen:
    """Begin to judge the answer on the screen."""
    screen = await answered(pilot)
    await pilot.press("l")
    await until(pilot, lambda: screen.labels.is_labelling)
    return screen


async def kept(screen: SearchScreen) -> list[tuple[str, bool]]:
    engine = screen.session.engine
    assert engine is not None
    return [(each.text, each.fits) for each in await engine.searcher.labels.entries()]


def line(screen: SearchScreen) -> str:
    return str(screen.label_line.content)


def first_line(screen: SearchScreen, card: int) -> str:
    return "".join(screen.results.grid.cards[card].caption(30)[0])


@pytest.mark.parametrize("size", SIZES)
async def test_y_and_n_label_one_picture_after_the_other_and_calibrate_match(
    home: Path, size: tuple[int, int]
) -> None:
    app = real_app(home, start_query="something green")
    async with app.run_test(size=size) as pilot:
        screen = await judging(pilot)
        before = screen.results.listing
        assert before is not None
        assert ("something green" in line(screen)) is (size[0] >= 100)
        assert "no labels yet" in line(screen)
        await pilot.press("y", "n")
        assert screen.results.grid.position == 2
        told = "2 labels, 1 fit; match calibrated by 2"
        told = told if size[0] >= 100 else "2 labels, calibrated"
        await until(pilot, lambda: told in line(screen))
        assert screen.label_line.region.height == 1
        assert "[fits]" in first_line(screen, 0)
        assert "[not]" in first_line(screen, 1)
        await pilot.press("escape")
        await until(pilot, lambda: screen.results.listing is not before)
        assert not screen.labels.is_labelling
        assert not screen.label_line.display
        listing = screen.results.listing
        assert listing is not None
        assert listing.result.receipt.matcher.endswith(", calibrated by 2 labels")
        await until(pilot, lambda: "[fits]" in first_line(screen, 0))
        assert await kept(screen) == [("something green", True), ("something green", False)]


async def test_undo_takes_the_last_judgement_back_and_returns_to_its_picture(home: Path) -> None:
    app = real_app(home, start_query="something green")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await judging(pilot)
        await pilot.press("y", "home", "n", "u")
        assert screen.results.grid.position == 0
        await until(pilot, lambda: "1 label, 1 fit" in line(screen))
        assert await kept(screen) == [("something green", True)]
        facts = str(screen.results.detail.query_one("#facts", Static).content)
        assert "you: fits" in facts
        await pilot.press("backspace")
        await until(pilot, lambda: "no labels yet" in line(screen))
        assert await kept(screen) == []
        await pilot.press("u")
        assert await kept(screen) == []


async def test_the_keys_of_judging_mean_what_they_always_do_outside_of_it(home: Path) -> None:
    app = real_app(home, start_query="something green")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await answered(pilot)
        await pilot.press("y")
        assert app.clipboard.endswith("'something green'")
        await pilot.press("l")
        await until(pilot, lambda: screen.labels.is_labelling)
        before = app.clipboard
        await pilot.press("y")
        assert app.clipboard == before
        await until(pilot, lambda: "1 label" in line(screen))
        await pilot.press("Y")
        assert "label --yes --encoder made-up/colours -- 'something green' /" in app.clipboard
        descriptions = [place.description for place in screen.query_one("KeyLine").places]  # type: ignore[attr-defined]
        assert "Does not" in descriptions
        assert "Copy" not in descriptions


async def test_pictures_and_mixes_are_not_judged_by(home: Path) -> None:
    app = real_app(home, start_query='"something red" + 0.5*"something blue"')
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        screen = await answered(pilot)
        await pilot.press("l")
        await until(pilot, lambda: bool(app._notifications))
        assert "plain description" in next(iter(app._notifications)).message
        assert not screen.labels.is_labelling
