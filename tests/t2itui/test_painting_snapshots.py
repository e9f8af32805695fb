"""How the screen of a painting job is laid out, and the strip's small preview."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.events import (
    GeneratedPicture,
    GenerationProgress,
    JobFinished,
    JobPreview,
    JobQueued,
    JobStarted,
    MemoryFallback,
    PictureScored,
    PictureStored,
    PromptScore,
    RetrievedPicture,
)
from engine.generation.generation import GenerationDetails
from engine.generation.request import GenerateRequest, GenerationSpec, resolve
from engine.settings import EngineSettings
from engine.states import GenerationPhase, JobKind, JobState, Unit
from t2itui.app import T2ITuiApp
from t2itui.screens.generate.screen import GenerationScreen
from t2itui.screens.jobs.board import as_ppm
from t2itui.screens.jobs.strip import JobsStrip
from tests.engine.generation.studio import ColourGenerators
from tests.t2itui.fakes import FakeEngine, FakeGeneration, fake_app, search_screen, until

Compare = Callable[..., bool]
SPEC = GenerationSpec(
    request=GenerateRequest(prompt="a purple elephant in the snow", seed=7), drawn=1, library=""
)


class OneGeneration(FakeGeneration):
    """Knows what the one job was asked."""

    def __init__(self, generators: ColourGenerators) -> None:
        self._generators = generators

    async def details(self, job_id: int) -> GenerationDetails:
        info = await self._generators.describe("made-up/painter")
        return GenerationDetails(
            job_id=job_id,
            title="paint a purple elephant in the snow",
            state=JobState.RUNNING,
            message="",
            spec=SPEC,
            source="made-up/painter",
            parameters=resolve(SPEC.request, info),
            pictures=(),
        )


class PaintingEngine(FakeEngine):
    """An engine with one painting job, which reports what the test makes up."""

    def __init__(self) -> None:
        super().__init__(40, passing=0)
        self.generators = ColourGenerators(EngineSettings(home=Path("/nowhere")))
        self.generation = OneGeneration(self.generators)


def preview(red: int) -> JobPreview:
    """A picture that turns from blue to red from the left to the right."""
    pixels = [(min(255, red * x // 8), 60, 255 - red * x // 8) for _ in range(8) for x in range(8)]
    return JobPreview(
        job_id=1, rgb=bytes(value for pixel in pixels for value in pixel), width=8, height=8
    )


def step(done: int) -> GenerationProgress:
    return GenerationProgress(
        job_id=1,
        phase=GenerationPhase.STEP,
        stage="painting",
        done=done,
        total=20,
        unit=Unit.STEPS,
        rate=2.1,
        eta_s=3.0,
        picture=1,
        pictures=1,
        seconds_a_step=0.48,
    )


async def begin(pilot: Pilot[None], engine: PaintingEngine) -> T2ITuiApp:
    """Report a job in the middle of its steps."""
    app = pilot.app
    assert isinstance(app, T2ITuiApp)
    await until(pilot, lambda: search_screen(app).collection.has_begun)
    engine.jobs.report(JobQueued(job_id=1, kind=JobKind.GENERATE, title="paint a purple elephant"))
    engine.jobs.report(JobStarted(job_id=1))
    engine.jobs.report(MemoryFallback(job_id=1, message="attention in slices", what="attention"))
    engine.jobs.report(step(1))
    engine.jobs.report(step(14))
    engine.jobs.report(preview(200))
    await until(pilot, lambda: app.session.board.latest_generation is not None)
    return app


async def open_screen(pilot: Pilot[None], app: T2ITuiApp) -> GenerationScreen:
    app.action_watch()
    await until(pilot, lambda: isinstance(app.screen, GenerationScreen))
    screen = app.screen
    assert isinstance(screen, GenerationScreen)
    await until(pilot, lambda: screen.details is not None)
    return screen


def test_a_job_in_the_middle_at_80x24(snap_compare: Compare) -> None:
    engine = PaintingEngine()

    async def before(pilot: Pilot[None]) -> None:
        screen = await open_screen(pilot, await begin(pilot, engine))
        await until(pilot, lambda: screen.painted.picture.reason is None)

    assert snap_compare(fake_app(engine), terminal_size=(80, 24), run_before=before)


def test_a_finished_job_beside_the_best_hit_at_120x36(
    snap_compare: Compare, tmp_path: Path
) -> None:
    from PIL import Image

    engine = PaintingEngine()
    path = tmp_path / "painted.png"
    Image.linear_gradient("L").convert("RGB").save(path)

    async def before(pilot: Pilot[None]) -> None:
        screen = await open_screen(pilot, await begin(pilot, engine))
        picture = GeneratedPicture(
            picture_id=41,
            path=str(path),
            sha256="ab" * 32,
            seed=7,
            width=256,
            height=256,
            seconds=9.6,
            cached=False,
        )
        best = RetrievedPicture(
            picture_id=4, path="/photos/set/picture_0004.jpg", cosine=0.22, match=0.18
        )
        score = PromptScore(
            encoder_id="clip", matcher="label-free", cosine=0.31, match=0.93, best=best
        )
        engine.jobs.report(PictureStored(job_id=1, index=1, count=1, picture=picture))
        engine.jobs.report(
            PictureScored(job_id=1, picture=replace(picture, score=score), score=score)
        )
        engine.jobs.report(
            JobFinished(job_id=1, message="painted 1 picture in 9.6 s, match 0.93", seconds=9.6)
        )
        await until(
            pilot,
            lambda: (
                screen.best.display
                and screen.best.picture.reason is None
                and screen.painted.picture.reason is None
            ),
        )

    assert snap_compare(fake_app(engine), terminal_size=(120, 36), run_before=before)


@pytest.mark.parametrize(("size", "lines"), [((120, 36), 3), ((80, 24), 2), ((50, 20), 0)])
async def test_the_strip_has_a_small_preview_where_there_is_room(
    size: tuple[int, int], lines: int
) -> None:
    engine = PaintingEngine()
    app = fake_app(engine)
    async with app.run_test(size=size) as pilot:
        await begin(pilot, engine)
        strip = app.screen.query_one(JobsStrip)
        picture = strip.picture
        await until(pilot, lambda: picture.display == bool(lines))
        line = strip.render().plain
        assert "x cancel" in line
        if lines:
            await until(pilot, lambda: picture.reason is None)
            assert strip.size.height == picture.size.height == lines
            assert "step 14/20" in line and "2.1 it/s" in line and "3.0 s left" in line
            area = picture.size.region
            first = picture.render_lines(area)
            picture.show_next(as_ppm(preview(20)))
            assert picture.reason is None
            assert picture.render_lines(area) == first, "it stays until the next one is drawn"
            await until(pilot, lambda: picture.render_lines(area) != first)
            assert picture.reason is None
        engine.jobs.report(JobFinished(job_id=1, message="painted", seconds=1.0))
        await until(pilot, lambda: not picture.display and strip.size.height == 1)
