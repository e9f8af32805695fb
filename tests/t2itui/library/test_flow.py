"""Library, History and jobs in the real app, on a real engine with a small CLIP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static, Tabs
from textual.worker import WorkerCancelled

from engine.engine import Engine
from engine.events import JobCancelled, JobFinished
from engine.jobs.jobs import Job, Outcome
from engine.library.shards import read_manifest
from engine.requests import IndexRequest
from engine.settings import EngineSettings
from t2itui.app import T2ITuiApp
from t2itui.graphics.detection import HALF_CELLS
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.history.screen import HistoryScreen
from t2itui.screens.jobs.screen import JobsScreen
from t2itui.screens.jobs.strip import JobsStrip
from t2itui.screens.library.forms import AddFolder, ImportVectors
from t2itui.screens.library.screen import LibraryScreen
from t2itui.session import Session
from t2itui.widgets.rows import RowList
from tests.engine.library.pictures import fill
from tests.t2itui.fakes import answered, search_screen, until
from tests.t2itui.painted_library import DemoLibrary, paint
from tests.tiny_models import save_tiny_clip


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> DemoLibrary:
    return paint(tmp_path_factory.mktemp("painted"), 12)


@pytest.fixture(scope="module")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield save_tiny_clip(tmp_path_factory.mktemp("models") / "small")


def app_of(home: Path, encoder: str = "") -> T2ITuiApp:
    settings = EngineSettings(home=home, decoders=1)
    if encoder:
        settings = EngineSettings(home=home, decoders=1, encoder=encoder)

    @asynccontextmanager
    async def open_engine() -> AsyncIterator[Engine]:
        async with Engine.open(settings) as engine:
            await engine.collection.leave_out()
            yield engine

    return T2ITuiApp(open_engine, Session(graphics=HALF_CELLS, home=home))


async def library(pilot: Pilot[None]) -> LibraryScreen:
    """Go to the Library screen and wait for its first reading."""
    app = pilot.app
    assert isinstance(app, T2ITuiApp)
    await until(pilot, lambda: app.session.engine is not None)
    await pilot.press("f6")
    await until(pilot, lambda: isinstance(app.screen, LibraryScreen))
    screen = app.screen
    assert isinstance(screen, LibraryScreen)
    await until(pilot, lambda: screen.state is not None)
    return screen


async def ended(pilot: Pilot[None], job: Job) -> Outcome:
    """Wait for the end of a job and until the screens took notice."""
    outcome = await job.wait()
    with suppress(WorkerCancelled):
        await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    return outcome


def last_job(app: T2ITuiApp) -> Job:
    assert app.session.engine is not None
    return app.session.engine.jobs.list()[-1]


def lines(listing: RowList) -> list[str]:
    return [listing.render_line(y).text for y in range(1, 1 + len(listing.rows))]


async def test_imported_vectors_are_listed_searched_and_replayed_without_a_model(
    tmp_path: Path, painted: DemoLibrary
) -> None:
    app = app_of(tmp_path / "home")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await library(pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ImportVectors))
        form = app.screen
        assert isinstance(form, ImportVectors)
        form.encoder.value = painted.request.encoder_id
        form.pictures.take(str(painted.pictures))
        form.texts.take(str(painted.texts))
        form.root.take(str(painted.folder / "pictures"))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        assert isinstance(await ended(pilot, last_job(app)), JobFinished)
        await until(
            pilot, lambda: "12 pictures" in str(screen.query_one("#counts", Static).content)
        )
        assert str(painted.folder / "pictures") in lines(screen.listing)[0]
        screen.query_one(Tabs).active = "encoders"
        await until(pilot, lambda: screen.listing.id == "encoders")
        mine = next(line for line in lines(screen.listing) if painted.request.encoder_id in line)
        assert mine.split()[1:3] == ["no", "12"]
        assert "label-free" in mine

        await pilot.press("f2")
        search_screen(app).search_for("a dog")
        search = await answered(pilot)
        assert search.results.listing is not None
        asked = search.results.listing.result.receipt

        await pilot.press("f7")
        await until(pilot, lambda: isinstance(app.screen, HistoryScreen))
        history = app.screen
        assert isinstance(history, HistoryScreen)
        await until(pilot, lambda: len(history.listing.rows) == 1)
        await until(pilot, lambda: bool(str(history.detail.results.content)))
        assert asked.reason in str(history.detail.summary.content)
        await pilot.press("enter")
        search = await answered(pilot)
        assert search.results.listing is not None
        assert search.results.listing.result.receipt == asked
        assert app.session.engine is not None
        assert all(not state.device for state in app.session.engine.encoders.state())


async def test_a_cancelled_job_runs_again_and_the_library_follows_what_happens_on_disk(
    tmp_path: Path, painted: DemoLibrary, small_clip: Path
) -> None:
    folder = farm(tmp_path / "farm", painted)
    app = app_of(tmp_path / "home")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await library(pilot)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, AddFolder))
        form = app.screen
        assert isinstance(form, AddFolder)
        form.folder.take(str(folder))
        form.encoder.value = str(small_clip)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("x")
        assert isinstance(await ended(pilot, last_job(app)), JobCancelled)

        await pilot.press("j")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
        jobs = app.screen
        assert isinstance(jobs, JobsScreen)
        await until(pilot, lambda: jobs.current is not None and jobs.current.can_run_again)
        assert "cancelled" in lines(jobs.listing)[0]
        await pilot.press("r")
        await until(pilot, lambda: len(jobs.listing.rows) == 2)
        outcome = await ended(pilot, last_job(app))
        assert isinstance(outcome, JobFinished), outcome
        await until(pilot, lambda: "✔ done" in lines(jobs.listing)[0])
        await pilot.press("escape")

        await until(pilot, lambda: app.screen is screen)
        await until(pilot, lambda: "6 pictures" in str(screen.query_one("#counts", Static).content))
        assert len(screen.query_one("#failures", RowList).rows) == 1
        assert "bad.jpg" in screen.query_one("#failures", RowList).rows[0].key

        (folder / "bad.jpg").unlink()
        next(folder.iterdir()).unlink()
        # The configured encoder is not on this machine; the folder is scanned with its own.
        assert app.session.engine is not None
        request = IndexRequest(folders=(folder,), encoder=str(small_clip))
        assert isinstance(await ended(pilot, app.session.engine.index(request)), JobFinished)
        await until(pilot, lambda: len(screen.query_one("#vanished", RowList).rows) == 1)
        assert len(screen.query_one("#failures", RowList).rows) == 0


def farm(folder: Path, painted: DemoLibrary) -> Path:
    """Six painted pictures and a file that is none."""
    folder.mkdir()
    for picture in sorted((painted.folder / "pictures").iterdir())[:6]:
        (folder / picture.name).write_bytes(picture.read_bytes())
    (folder / "bad.jpg").write_bytes(b"\xff\xd8 no picture")
    return folder


async def test_an_absent_model_fails_the_job_with_the_way_out(
    tmp_path: Path, painted: DemoLibrary
) -> None:
    app = app_of(tmp_path / "home", encoder="nobody/nothing")
    async with app.run_test(size=(200, 50)) as pilot:
        screen = await library(pilot)
        assert app.session.engine is not None
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, AddFolder))
        form = app.screen
        assert isinstance(form, AddFolder)
        form.folder.take(str(painted.folder))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        await ended(pilot, last_job(app))
        await until(pilot, lambda: "failed" in screen.query_one(JobsStrip).render().plain)
        assert "t2itui models get nobody/nothing" in screen.query_one(JobsStrip).render().plain


async def test_a_folder_of_shards_is_attached_listed_and_detached(
    tmp_path: Path, small_clip: Path
) -> None:
    pictures, out = tmp_path / "pictures", tmp_path / "shards"
    fill(pictures, 3)
    settings = EngineSettings(home=tmp_path / "maker", decoders=1, encoder=str(small_clip))
    async with Engine.open(settings) as engine:
        request = IndexRequest(folders=(pictures,), shards=out)
        assert isinstance(await engine.index(request).wait(), JobFinished)
    app = app_of(tmp_path / "home", str(tmp_path / "no encoder"))
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await library(pilot)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, AddFolder))
        form = app.screen
        assert isinstance(form, AddFolder)
        form.folder.take(str(out))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        assert isinstance(await ended(pilot, last_job(app)), JobFinished)
        await until(pilot, lambda: bool(screen.listing.rows))
        await until(pilot, lambda: "shards: 1" in lines(screen.listing)[0])
        assert "3" in screen.listing.rows[0].cells
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("enter")
        await until(pilot, lambda: not screen.listing.rows)
    assert read_manifest(out) is not None
