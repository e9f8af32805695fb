"""The screen of one painting job: live, finished beside the best hit, and its keys."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from engine.generation.request import GenerateRequest
from engine.local.where import WordFinder
from engine.models.generators import MemoryUse, Unloaded
from engine.states import JobKind, OutputCheck
from t2itui.app import T2ITuiApp
from t2itui.screens.generate.form import GenerateForm
from t2itui.screens.generate.screen import GenerationScreen
from t2itui.screens.jobs.screen import JobsScreen
from t2itui.screens.jobs.strip import JobsStrip
from t2itui.session import StartGeneration
from t2itui.widgets.key_line import KeyLine
from tests.t2itui.fakes import FakeWords, search_screen, until
from tests.t2itui.painting_app import fill, painting_app

SIZE = (120, 36)
RED = GenerateRequest(prompt="a red house", seed=7)


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """A home whose library shows nothing but green."""
    folder = tmp_path / "home"
    await fill(folder)
    return folder


async def open_job(pilot: Pilot[None], request: GenerateRequest = RED) -> GenerationScreen:
    """Start a job from the form's way and return the screen that shows it."""
    app = pilot.app
    assert isinstance(app, T2ITuiApp)
    await until(pilot, lambda: search_screen(app).collection.has_begun)
    app.session.send(StartGeneration(request))
    await until(pilot, lambda: isinstance(app.screen, GenerationScreen))
    screen = app.screen
    assert isinstance(screen, GenerationScreen)
    await until(pilot, lambda: screen.details is not None)
    return screen


def text(screen: GenerationScreen, name: str) -> str:
    return str(screen.query_one(f"#{name}").render())


def words(screen: GenerationScreen, side: str) -> str:
    return str(screen.query_one(f"#{side} > #about").render())


def rows(screen: GenerationScreen) -> str:
    """All that stands on the screen."""
    return "\n".join(strip.text for strip in screen._compositor.render_strips())


async def finished(pilot: Pilot[None], screen: GenerationScreen) -> None:
    await until(pilot, lambda: screen.state == "done" and screen.best.display)


async def test_a_job_shows_its_preview_then_its_picture_beside_the_best_hit(home: Path) -> None:
    app, models = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        models.generators.gate.is_open.clear()
        screen = await open_job(pilot)
        assert "a red house" in text(screen, "parameters") and "seed 7" in text(
            screen, "parameters"
        )
        models.generators.gate.is_open.set()
        await finished(pilot, screen)
        assert "done" in text(screen, "heading")
        assert "painted" in words(screen, "painted") and "seed 7" in words(screen, "painted")
        assert "match" in words(screen, "painted") and "✓ passes" in words(screen, "painted")
        assert "best retrieved" in words(screen, "best") and "· below" in words(screen, "best")
        assert "kept after 1.2 s" in text(screen, "events")
        await until(pilot, lambda: screen.painted.picture.reason is None)


async def test_progress_stands_once_and_a_click_there_cancels(home: Path) -> None:
    app, models = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        screen = await open_job(pilot)
        await finished(pilot, screen)
        models.generators.gate.is_open.clear()
        await pilot.press("n")
        await until(pilot, lambda: screen.state == "running" and "loading unet" in rows(screen))
        line = text(screen, "how")
        assert line.endswith("x cancel ") and len(line) == SIZE[0] - 2, "it fills the screen"
        assert "━" in line and "50 %" in line
        assert rows(screen).count("50 %") == 1
        assert sum("━" in row for row in rows(screen).splitlines()) == 1
        strip = screen.query_one(JobsStrip)
        assert "▶" not in strip.render().plain, "of other jobs it tells still"
        how = screen.how
        assert await pilot.click(how, offset=(how.size.width - 3, 0))
        await until(pilot, lambda: screen.state == "cancelled")


async def test_another_seed_and_more_steps_are_jobs_of_their_own(home: Path) -> None:
    app, models = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        screen = await open_job(pilot)
        await finished(pilot, screen)
        first = screen.job_id
        await pilot.press("plus")
        await until(pilot, lambda: screen.job_id != first and screen.details is not None)
        await finished(pilot, screen)
        assert screen.details is not None
        assert (screen.details.spec.request.steps, screen.details.spec.request.seed) == (8, 7)
        await pilot.press("n")
        await until(pilot, lambda: len(models.generators.seeds) == 3)
        assert models.generators.seeds[2] != 7


async def test_a_spoilt_picture_is_no_success_and_a_key_tries_another_seed(home: Path) -> None:
    app, models = painting_app(home)
    models.generators.checks = [OutputCheck.BLACK]
    async with app.run_test(size=SIZE) as pilot:
        screen = await open_job(pilot)
        await until(pilot, lambda: screen.state == "failed")
        assert "came out black; n tries another seed" in words(screen, "painted")
        assert "failed" in text(screen, "heading")
        await pilot.press("n")
        await finished(pilot, screen)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is search_screen(app))
        app.screen.set_focus(None)  # The query line would take the letter.
        await pilot.press("j")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen) and len(app.screen.jobs) == 2)
        assert "New seed" in str(app.screen.query_one(KeyLine).render())
        await pilot.press("end", "n")
        await until(pilot, lambda: isinstance(app.screen, GenerationScreen))
        await until(pilot, lambda: len(set(models.generators.seeds)) == 3)


async def test_a_variation_starts_from_the_picture_in_the_form(home: Path) -> None:
    app, _ = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        screen = await open_job(pilot)
        await finished(pilot, screen)
        assert screen.picture is not None
        path = Path(screen.picture.path)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, GenerateForm))
        form = app.screen
        assert isinstance(form, GenerateForm)
        form.query_one("#strength", Input).value = "0.3"
        request = form.read()
        assert (request.start_picture, request.strength, request.seed) == (path, 0.3, None)


async def test_the_picture_is_saved_and_never_over_another(home: Path, tmp_path: Path) -> None:
    app, _ = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        screen = await open_job(pilot)
        await finished(pilot, screen)
        target = tmp_path / "mine.png"
        for _ in range(2):
            await pilot.press("s")
            await until(pilot, lambda: type(app.screen).__name__ == "SavePicture")
            app.screen.target.take(str(target))  # type: ignore[attr-defined]
            await pilot.press("enter")
            await pilot.pause()
            await app.workers.wait_for_complete()
        assert screen.picture is not None
        assert target.read_bytes() == Path(screen.picture.path).read_bytes()
        assert "there already" in str(app.screen.problem.content)  # type: ignore[attr-defined]


async def test_the_command_paints_the_same_and_a_click_on_the_strip_leads_to_the_job(
    home: Path,
) -> None:
    app, _ = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        screen = await open_job(pilot)
        await pilot.press("y")
        assert app.clipboard == f"t2itui --home {home} generate --seed 7 'a red house'"
        await until(pilot, lambda: screen.state == "done")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is search_screen(app))
        assert [each.title for each in app.get_system_commands(app.screen)].count(
            "Watch painting  (W)"
        ) == 1
        await pilot.click(JobsStrip, offset=(12, 0))
        await until(pilot, lambda: isinstance(app.screen, GenerationScreen))


async def test_unloading_says_what_it_gave_back_and_waits_for_no_picture(home: Path) -> None:
    app, models = painting_app(home)
    unloaded = Unloaded(
        before=MemoryUse(process=2_100_000_000, device=0, free=5_000_000_000),
        after=MemoryUse(process=0, device=0, free=7_100_000_000),
    )
    async with app.run_test(size=SIZE) as pilot:
        screen = await open_job(pilot)
        await finished(pilot, screen)
        models.generators.unloads = unloaded
        await pilot.press("U")
        await until(pilot, lambda: bool(app._notifications))
        (notice,) = app._notifications
        assert notice.message == (
            "model process: 2.1 GB before, 0 B after\nfree memory: 5.0 GB before, 7.1 GB after"
        )


async def test_waiting_jobs_change_places(home: Path) -> None:
    app, models = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        models.generators.gate.is_open.clear()
        await open_job(pilot)
        await open_job(pilot, GenerateRequest(prompt="a blue door"))
        screen = await open_job(pilot, GenerateRequest(prompt="a blue car"))
        assert app.session.engine is not None
        queue = app.session.engine.jobs.waiting(JobKind.GENERATE)
        assert queue[-1] == screen.job_id and len(queue) == 2
        await until(pilot, lambda: "number 2 of 2" in text(screen, "how"))
        await pilot.press("K")
        await until(pilot, lambda: "number 1 of 2" in text(screen, "how"))
        assert app.session.engine.jobs.waiting(JobKind.GENERATE) == queue[::-1]


async def test_what_the_end_of_the_program_stopped_is_run_again_or_asked_of_no_more(
    home: Path,
) -> None:
    app, models = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        models.generators.gate.is_open.clear()
        await open_job(pilot)
        await open_job(pilot, GenerateRequest(prompt="a blue door", seed=3))
    app, models = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        await until(
            pilot,
            lambda: app.session.engine is not None and search_screen(app).collection.has_begun,
        )
        assert app.session.engine is not None
        await pilot.press("escape", "j")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen) and bool(app.screen.jobs))
        await pilot.press("home", "enter")
        await until(pilot, lambda: isinstance(app.screen, GenerationScreen))
        screen = app.screen
        assert isinstance(screen, GenerationScreen)
        await until(pilot, lambda: "Not finished" in text(screen, "how"))
        assert "a blue door" in text(screen, "parameters")
        await pilot.press("d")
        await until(pilot, lambda: screen.state == "cancelled")
        left = await app.session.engine.generation.unfinished()
        assert [record.title for record in left] == ["paint a red house"]
        screen.follow_job(left[0].id)
        await until(pilot, lambda: "Not finished" in text(screen, "how"))
        await pilot.press("r")
        await finished(pilot, screen)
        assert await app.session.engine.generation.unfinished() == []
        assert models.generators.seeds == [7]


async def test_w_shows_where_the_words_of_the_prompt_are_in_the_painted_picture(home: Path) -> None:
    app, _ = painting_app(home)
    async with app.run_test(size=SIZE) as pilot:
        screen = await open_job(pilot)
        await finished(pilot, screen)
        finder, engine = FakeWords(), app.session.engine
        assert engine is not None and screen.picture is not None
        engine.words = cast("WordFinder", finder)
        bars = screen.painted.bars
        await pilot.press("w", "w")
        await until(pilot, lambda: "2/3 red .94 at row 1" in str(bars.content))
        assert [(each.picture, each.text) for each in finder.asked] == [
            (screen.picture.path, "a red house")
        ]
        assert screen.painted.picture.overlay is not None and screen.best.picture.overlay is None
        finder.gate = asyncio.Event()
        await pilot.press("n")
        await until(pilot, lambda: screen.state == "done" and bars.display is False)
        assert screen.painted.picture.overlay is None, "the map was of another picture"
        await pilot.press("w")
        await until(pilot, lambda: "esc stops" in str(bars.content))
        await pilot.press("escape")
        await until(pilot, lambda: finder.cancelled == 1)
        assert app.screen is screen
