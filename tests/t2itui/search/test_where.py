"""Where the words of the query are: in the detail and on the large picture, and really found."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot

from t2itui.graphics.detection import Graphics, GraphicsProtocol
from t2itui.screens.common.word_maps import WordBars
from t2itui.screens.search.viewer import Viewer
from tests.t2itui.fakes import FakeEngine, answered, fake_app, until
from tests.t2itui.real_library import real_app

SIZE = (120, 36)
PATIENCE_S = 120.0
"""An encoder's process may take so long to start on a machine at work."""
QUERY = "brown nowhere"


def said(bars: WordBars) -> str:
    return str(bars.content) if bars.display else ""


async def viewer_of(pilot: Pilot[None]) -> Viewer:
    app: App[None] = pilot.app
    await until(pilot, lambda: isinstance(app.screen, Viewer))
    assert isinstance(app.screen, Viewer)
    return app.screen


async def test_w_lays_each_word_over_the_detail_and_leaves_it_plain_again() -> None:
    engine = FakeEngine(60)
    async with fake_app(engine, start_query=QUERY).run_test(size=SIZE) as pilot:
        detail = (await answered(pilot)).results.detail
        await pilot.press("w")
        await until(
            pilot, lambda: "1/2 brown .95 at row 1 of 3, column 1 of 4" in said(detail.bars)
        )
        content = detail.content
        assert content is not None
        request = engine.words.asked[0]
        assert (request.picture, request.text) == (content.shown.path, QUERY)
        assert detail._picture.overlay is not None
        assert detail._picture.overlay.strengths[:2] == pytest.approx((0.95, 0.05))
        await pilot.press("w")
        await until(pilot, lambda: "nowhere is nowhere: .10; by chance .50" in said(detail.bars))
        assert "brown" in said(detail.bars), "the strengths of all words stay in sight"
        await pilot.press("w")
        await until(pilot, lambda: not detail.bars.display)
        assert detail._picture.overlay is None


async def test_the_next_picture_is_looked_at_too() -> None:
    engine = FakeEngine(60)
    async with fake_app(engine, start_query=QUERY).run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        await pilot.press("w")
        await until(pilot, lambda: "brown" in said(screen.results.detail.bars))
        await pilot.press("right")
        await until(pilot, lambda: len({each.picture for each in engine.words.asked}) == 2)
        await until(pilot, lambda: screen.results.detail._picture.overlay is not None)


async def test_the_large_picture_goes_on_with_the_words_and_copies_their_command() -> None:
    engine = FakeEngine(60)
    app = fake_app(engine, start_query=QUERY)
    async with app.run_test(size=SIZE) as pilot:
        await answered(pilot)
        await pilot.press("w", "enter")
        viewer = await viewer_of(pilot)
        await until(pilot, lambda: "1/2 brown" in said(viewer.bars))
        await pilot.press("w")
        await until(pilot, lambda: "nowhere is nowhere" in said(viewer.bars))
        await pilot.press("y")
        path = engine.words.asked[-1].picture
        assert app.clipboard == (
            f"t2itui where --encoder openai/clip-vit-base-patch32 {path} '{QUERY}'"
        )
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not viewer)


async def test_escape_stops_waiting_and_stays_where_it_is() -> None:
    engine = FakeEngine(60)
    engine.words.gate = asyncio.Event()
    app = fake_app(engine, start_query=QUERY)
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        await pilot.press("w")
        bars = screen.results.detail.bars
        await until(pilot, lambda: "looking for the words… 0 s  esc stops" in said(bars))
        await pilot.press("escape")
        await until(pilot, lambda: engine.words.cancelled == 1 and not bars.display)
        await pilot.press("enter", "w")
        viewer = await viewer_of(pilot)
        await until(pilot, lambda: "esc stops" in said(viewer.bars))
        await pilot.press("escape")
        await until(pilot, lambda: engine.words.cancelled == 2)
        assert app.screen is viewer
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)


async def test_a_narrow_screen_without_a_detail_shows_the_words_on_the_large_picture() -> None:
    async with fake_app(FakeEngine(60), start_query=QUERY).run_test(size=(66, 24)) as pilot:
        await answered(pilot)
        await pilot.press("w")
        viewer = await viewer_of(pilot)
        await until(pilot, lambda: "1/2 brown" in said(viewer.bars))


async def test_numbers_stand_in_the_place_of_a_picture_that_cannot_be_drawn() -> None:
    engine = FakeEngine(60)
    app = fake_app(engine, start_query=QUERY)
    app.session.graphics = app.graphics = Graphics(protocol=GraphicsProtocol.TEXT, reason="a test")
    async with app.run_test(size=SIZE) as pilot:
        await answered(pilot)
        await pilot.press("enter", "w")
        viewer = await viewer_of(pilot)
        await until(pilot, lambda: "1/2 brown" in said(viewer.bars))
        assert ["9", ".", ".", "."] in rows_of(viewer)
        await pilot.press("w")
        await until(pilot, lambda: ["1", "."] not in rows_of(viewer))
        assert [".", "1", ".", "."] in rows_of(viewer)


async def test_a_key_shows_numbers_on_any_terminal() -> None:
    async with fake_app(FakeEngine(60), start_query=QUERY).run_test(size=SIZE) as pilot:
        await answered(pilot)
        await pilot.press("enter", "number_sign")
        viewer = await viewer_of(pilot)
        await until(pilot, lambda: ["9", ".", ".", "."] in rows_of(viewer))
        await pilot.press("number_sign")
        await until(pilot, lambda: ["9", ".", ".", "."] not in rows_of(viewer))
        assert viewer.picture.overlay is not None


def rows_of(viewer: Viewer) -> list[list[str]]:
    """What stands in the picture's place, line by line."""
    return [strip.text.split() for strip in viewer.picture.render_lines(viewer.picture.size.region)]


async def test_a_query_by_picture_alone_has_no_word_to_look_for() -> None:
    engine = FakeEngine(60)
    async with fake_app(engine, start_query='"/photos/a.jpg"').run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        await pilot.press("w")
        await pilot.pause()
        assert not screen.results.detail.bars.display
        assert engine.words.asked == []


@dataclass(frozen=True)
class RealWords:
    """What the app shows of the storybook's first example."""

    said: str
    strengths: tuple[float, ...]
    """Of the last word."""
    models: int
    """Model processes that took part."""


async def real_words(home: Path) -> RealWords:
    """Look for all words of the first example in its best picture."""
    app = real_app(home)
    async with app.run_test(size=SIZE) as pilot:
        screen = await answered(pilot)
        bars = screen.results.detail.bars
        screen.results.grid.focus()
        await pilot.press("w")
        async with asyncio.timeout(PATIENCE_S):
            while screen.results.detail._picture.overlay is None:
                await pilot.pause(0.1)
        await pilot.press("w", "w", "w")
        await until(pilot, lambda: "4/4 grass is nowhere" in said(bars))
        overlay, engine = screen.results.detail._picture.overlay, app.session.engine
        assert overlay is not None and engine is not None
        return RealWords(said(bars), overlay.strengths, len(engine.encoders.state()))


async def test_the_storybook_is_really_looked_at_and_then_from_the_cache(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = await real_words(home)
    assert [word in first.said for word in ("brown", "horse", "eating")] == [True] * 3
    assert (len(first.strengths), first.models) == (36, 1)
    assert await real_words(home) == RealWords(first.said, first.strengths, models=0)
