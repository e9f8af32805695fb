"""A first start with an empty library: it explains itself and begins on a key."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Static

from engine.events import JobFailed, LibraryChanged
from t2itui.screens.library.forms import ImportVectors
from t2itui.screens.search.first_start import FirstStart
from t2itui.screens.search.screen import SearchScreen
from t2itui.widgets.basics import Panel
from t2itui.widgets.path_input import PathLine
from tests.t2itui.fakes import FakeEngine, fake_app, search_screen, until

SIZE = (80, 24)


async def test_naming_a_folder_starts_to_index_it(tmp_path: Path) -> None:
    engine = FakeEngine(0)
    app = fake_app(engine)
    async with app.run_test(size=SIZE) as pilot:
        screen = search_screen(app)
        await opened(pilot, screen)
        screen.first_start.folder.take(str(tmp_path))
        await pilot.press("enter")
        assert [request.folders for request in engine.indexed] == [(tmp_path,)]
        assert "Indexing" in outcome(screen.first_start)


async def test_the_first_pictures_open_the_way_to_searching(tmp_path: Path) -> None:
    engine = FakeEngine(0)
    app = fake_app(engine)
    async with app.run_test(size=SIZE) as pilot:
        screen = search_screen(app)
        await until(pilot, lambda: screen.body.current == "first-start")
        engine.library.pictures = 32
        engine.jobs.report(LibraryChanged(job_id=1, added=32))
        await until(pilot, lambda: screen.body.current == "panel")
        assert "32 pictures" in str(screen.query_one(Panel).query_one(Static).content)
        assert screen.query_line.input.has_focus


async def test_a_path_that_is_no_folder_is_refused_by_name(tmp_path: Path) -> None:
    engine = FakeEngine(0)
    app = fake_app(engine)
    async with app.run_test(size=SIZE) as pilot:
        screen = search_screen(app)
        await opened(pilot, screen)
        screen.first_start.folder.take(str(tmp_path / "nothing"))
        screen.first_start.folder.line.focus()
        await pilot.press("enter")
        assert "is no folder" in outcome(screen.first_start)
        assert not engine.indexed


async def test_a_missing_encoder_is_downloaded_on_a_key_and_the_folder_indexed(
    tmp_path: Path,
) -> None:
    engine = FakeEngine(0)
    engine.encoders.folder = None
    app = fake_app(engine)
    async with app.run_test(size=SIZE) as pilot:
        screen = search_screen(app)
        await opened(pilot, screen)
        screen.first_start.folder.take(str(tmp_path))
        screen.first_start.folder.line.focus()
        await pilot.press("enter")
        assert not engine.indexed
        assert f"t2itui models get {engine.settings.encoder}" in outcome(screen.first_start)
        await pilot.press("ctrl+g")
        await until(pilot, lambda: bool(engine.indexed))
        assert engine.downloaded == [engine.settings.encoder]


async def test_a_failed_job_says_why_and_what_to_do() -> None:
    engine = FakeEngine(0)
    app = fake_app(engine)
    async with app.run_test(size=SIZE) as pilot:
        screen = search_screen(app)
        await until(pilot, lambda: screen.body.current == "first-start")
        engine.jobs.report(JobFailed(job_id=1, message="the disk is full", hint="make room"))
        await until(pilot, lambda: "make room" in outcome(screen.first_start))
        assert "the disk is full" in outcome(screen.first_start)


async def test_vectors_can_be_imported_instead() -> None:
    app = fake_app(FakeEngine(0))
    async with app.run_test(size=SIZE) as pilot:
        screen = search_screen(app)
        await opened(pilot, screen)
        screen.first_start.folder.line.focus()
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, ImportVectors))


async def opened(pilot: Pilot[None], screen: SearchScreen) -> None:
    """Wait until a folder can be named."""
    await until(pilot, lambda: isinstance(screen.focused, PathLine))
    assert screen.body.current == "first-start"


def outcome(first_start: FirstStart) -> str:
    """What is said of the last attempt."""
    return str(first_start.outcome.content)
