"""An error that nobody foresaw costs what was being done, and nothing else."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.app import ComposeResult, RenderResult
from textual.events import Key
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import WorkerFailed

from engine.events import JobQueued
from engine.states import JobKind
from t2itui.app import T2ITuiApp
from t2itui.boundary import is_of_drawing
from t2itui.screens.search.grid import ResultGrid
from t2itui.screens.search.screen import SearchScreen
from tests.t2itui.fakes import FakeEngine, answered, fake_app, search_screen, until

SIZE = (120, 36)
ERRORS = [
    ValueError("bad \x1b[31m name"),
    RecursionError("too deep"),
    OverflowError("int too large to convert to float"),
    OSError(errno.EACCES, "Permission denied", "/secret"),
    MemoryError(),
]


@pytest.fixture(autouse=True)
def unforeseen_errors_end_the_app() -> None:
    """Here they do not."""


@asynccontextmanager
async def running(
    home: Path, engine: FakeEngine | None = None, query: str = "a dog"
) -> AsyncIterator[Pilot[None]]:
    app = fake_app(engine or FakeEngine(60), start_query=query)
    app.session.home = home
    async with app.run_test(size=SIZE) as pilot:
        yield pilot


def told(pilot: Pilot[None]) -> list[str]:
    """What was said of unexpected errors."""
    return [each.message for each in pilot.app._notifications if "unexpected" in each.title]


async def works_on(pilot: Pilot[None], engine: FakeEngine | None = None) -> None:
    """Keys, handlers of widgets, jobs and searches do what they always do."""
    screen = search_screen(pilot.app)
    listing = screen.results.listing
    assert listing is not None
    before = listing.threshold
    screen.results.grid.focus()
    await pilot.press("right_square_bracket")
    assert listing.threshold == pytest.approx(before + 0.01)
    selected = screen.results.grid.selected
    await pilot.press("right")
    assert screen.results.grid.selected != selected
    if engine is not None:
        engine.jobs.report(JobQueued(job_id=9, kind=JobKind.INDEX, title="photos"))
        await until(pilot, lambda: screen.session.board.find(9) is not None)
    assert pilot.app.is_running and pilot.app.return_code is None


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_an_action_that_raises_fails_with_a_message_and_the_app_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(self: SearchScreen) -> None:
        raise error

    monkeypatch.setattr(SearchScreen, "action_hide", fail)
    engine = FakeEngine(60)
    async with running(tmp_path, engine) as pilot:
        await answered(pilot)
        await pilot.press("h")
        (words,) = told(pilot)
        log = tmp_path / "logs" / "crash.log"
        assert words.startswith(type(error).__name__)
        assert f"The traceback is in {log}" in words
        assert "\x1b" not in words
        assert "in fail" in log.read_text()
        await works_on(pilot, engine)


async def test_a_widget_whose_handler_raises_goes_on_to_handle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: ResultGrid, event: Key) -> None:
        if event.key == "f9":
            raise ValueError("no such key")

    monkeypatch.setattr(ResultGrid, "on_key", fail, raising=False)
    async with running(tmp_path) as pilot:
        await answered(pilot)
        await pilot.press("f9")
        assert told(pilot)
        await works_on(pilot)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_a_search_that_fails_in_an_unforeseen_way_is_waited_for_no_more(
    tmp_path: Path, error: Exception
) -> None:
    engine = FakeEngine(60)
    async with running(tmp_path, engine) as pilot:
        screen = await answered(pilot)
        answer, engine.searcher.error = screen.results.listing, error  # type: ignore[assignment]
        screen.search_for("a cat")
        await until(pilot, lambda: bool(told(pilot)))
        await until(pilot, lambda: not screen.is_waiting)
        assert screen.results.listing is answer
        engine.searcher.error = None
        screen.search_for("a cat")
        await until(pilot, lambda: screen.results.listing is not answer)
        await answered(pilot)
        await works_on(pilot, engine)


async def test_a_timer_that_raises_again_and_again_is_told_once(tmp_path: Path) -> None:
    calls = []

    def fail() -> None:
        calls.append(1)
        raise OverflowError("date value out of range")

    async with running(tmp_path) as pilot:
        screen = await answered(pilot)
        screen.set_interval(0.01, fail)
        await until(pilot, lambda: len(calls) > 5)
        assert len(told(pilot)) == 1
        assert (tmp_path / "logs" / "crash.log").read_text().count("--- ") == 1
        await works_on(pilot)


async def test_what_fails_again_later_is_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: SearchScreen) -> None:
        raise ValueError("bad")

    monkeypatch.setattr(SearchScreen, "action_hide", fail)
    async with running(tmp_path) as pilot:
        await answered(pilot)
        for seconds, times in ((0.0, 1), (9.0, 1), (11.0, 2), (19.0, 2), (22.0, 3)):
            monkeypatch.setattr("t2itui.boundary.monotonic", lambda at=seconds: at)
            await pilot.press("h")
            assert len(told(pilot)) == times


async def test_what_was_to_be_done_later_may_raise(tmp_path: Path) -> None:
    def fail() -> None:
        raise KeyError("later")

    def fail_after() -> None:
        raise KeyError("after")

    async with running(tmp_path) as pilot:
        screen = await answered(pilot)
        pilot.app.call_later(fail)
        screen.call_after_refresh(fail_after)
        await until(pilot, lambda: len(told(pilot)) == 2)
        await works_on(pilot)


async def test_an_engine_that_does_not_open_is_said_in_the_answers_place(tmp_path: Path) -> None:
    app = fake_app(FakeEngine(60))
    app.session.home = tmp_path

    def refuse() -> None:
        raise OSError(errno.ENAMETOOLONG, "File name too long")

    app._open_engine = refuse  # type: ignore[assignment]
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: bool(told(pilot)))
        panel = search_screen(app).panel
        await until(pilot, lambda: "the library did not open" in panel_text(panel))


def panel_text(panel: Widget) -> str:
    return "\n".join(str(each.render()) for each in panel.query("*"))


class Undrawable(Widget):
    """A part of the screen that cannot be drawn."""

    def render(self) -> RenderResult:
        raise ValueError("nothing to see")


class Uncomposable(Screen[None]):
    """A screen that cannot be put together."""

    def compose(self) -> ComposeResult:
        yield from ()
        raise ValueError("nothing to show")


async def test_a_screen_that_cannot_be_drawn_ends_the_app(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to see"):
        async with running(tmp_path) as pilot:
            screen = await answered(pilot)
            await screen.results.mount(Undrawable())
            await pilot.pause(0.1)


async def test_a_screen_that_cannot_be_put_together_ends_the_app(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to show"):
        async with running(tmp_path) as pilot:
            await answered(pilot)
            pilot.app.push_screen(Uncomposable())
            await pilot.pause(0.1)


async def test_an_app_that_cannot_speak_any_more_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mute(*_: object, **__: object) -> None:
        raise RuntimeError("mute")

    async def fail() -> None:
        raise ValueError("bad")

    monkeypatch.setattr(T2ITuiApp, "notify", mute)
    with pytest.raises(WorkerFailed, match="bad"):
        async with running(tmp_path) as pilot:
            await answered(pilot)
            pilot.app.run_worker(fail())
            await pilot.pause(0.1)


def test_an_error_of_ones_own_is_none_of_drawing() -> None:
    assert not is_of_drawing(ValueError("never raised"))


def test_what_fails_while_the_app_leaves_does_not_change_why_it_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(T2ITuiApp, "is_headless", False)
    app = fake_app(FakeEngine(1))
    app.session.home = tmp_path
    app._exit, app._return_code = True, 129
    app._handle_exception(ValueError("late"))
    assert app.return_code == 129
    assert app._last_words == (), "nobody is told of an error"
    assert "ValueError: late" in (tmp_path / "logs" / "crash.log").read_text(encoding="utf-8")
    app._exit = False
    app._handle_exception(ValueError("early"))
    assert app.return_code == 3
