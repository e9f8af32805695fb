"""How the Train screen is laid out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from engine.events import JobFinished
from engine.requests import TrainRequest
from engine.training.run import TrainedMatcher
from t2itui.screens.train.form import TrainForm
from t2itui.screens.train.screen import TrainScreen
from t2itui.widgets.plots import PlotView
from tests.t2itui.fake_library import HostApp
from tests.t2itui.fakes import until
from tests.t2itui.made_up_trainings import CLIP, TrainingEngine, fit, matcher, training_report

Compare = Callable[..., bool]
SIZES = [(80, 24), (120, 36)]
CHINESE = "OFA-Sys/chinese-clip-vit-base-patch16"
REQUEST = TrainRequest(data="/photos/results.token", encoder=CLIP)


def with_matchers() -> TrainingEngine:
    engine = TrainingEngine()
    engine.training.kept = [
        matcher(1, training_report(0.6)),
        matcher(2, training_report(0.63)),
        matcher(3, training_report(0.7), CHINESE),
    ]
    return engine


async def ready(pilot: Pilot[None]) -> TrainScreen:
    """Wait until matchers and trainings were read and are shown."""
    screen = pilot.app.screen
    assert isinstance(screen, TrainScreen)
    await until(pilot, lambda: screen.state is not None)
    for _ in range(2):
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    return screen


async def fitted(pilot: Pilot[None], engine: TrainingEngine) -> TrainScreen:
    """Begin a training, tell of its fit, and go to its row."""
    screen = await ready(pilot)
    job = engine.train(REQUEST)
    for event in fit(job.id):
        engine.jobs.tell(event)
    await ready(pilot)
    await pilot.press("home")
    await until(pilot, lambda: screen.below.current == "pane")
    drawn = screen.pane.query(PlotView)
    await until(pilot, lambda: all("┤" in str(view.render()) for view in drawn))
    return await ready(pilot)


@pytest.mark.parametrize("size", SIZES)
def test_without_a_matcher(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await ready(pilot)

    app = HostApp(TrainingEngine(), TrainScreen)
    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_the_form(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await ready(pilot)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrainForm))
        form = pilot.app.screen
        assert isinstance(form, TrainForm)
        form.data.take("storybook")
        await until(pilot, lambda: "train storybook" in str(form.command_line.content))
        form.query_one("#go").focus()  # A line's cursor blinks.
        await pilot.pause()

    app = HostApp(with_matchers(), TrainScreen)
    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_the_report_of_a_matcher(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await ready(pilot)

    app = HostApp(with_matchers(), TrainScreen)
    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_loss_and_validation_of_a_training(snap_compare: Compare, size: tuple[int, int]) -> None:
    engine = with_matchers()

    async def before(pilot: Pilot[None]) -> None:
        await fitted(pilot, engine)

    app = HostApp(engine, TrainScreen)
    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
async def test_the_report_of_another_row_is_read_from_its_beginning(size: tuple[int, int]) -> None:
    app = HostApp(with_matchers(), TrainScreen)
    async with app.run_test(size=size) as pilot:
        screen = await ready(pilot)
        report = screen.report
        await pilot.press("tab", "end")
        await until(pilot, lambda: report.scroll_y > 0 and report.scroll_y == report.max_scroll_y)
        await pilot.press("tab", "down")
        await until(pilot, lambda: "Kept as matcher 2" in str(screen.report.words.content))
        await until(pilot, lambda: report.scroll_y == 0)


@pytest.mark.parametrize("size", SIZES)
async def test_every_figure_that_is_drawn_is_said_in_words_or_stands_in_a_table(
    size: tuple[int, int],
) -> None:
    engine = with_matchers()
    app = HostApp(engine, TrainScreen)
    async with app.run_test(size=size) as pilot:
        screen = await fitted(pilot, engine)
        told = str(screen.pane.stage.content)
        assert "epoch 4 of 10, step 157 of 400   loss 0.196" in told
        assert "validation mAP 0.650 (best 0.650), recall@1 0.557" in told
        assert "no gain for 2 of 3 epochs" in told
        drawn = [str(view.render()) for view in screen.pane.query(PlotView)]
        assert "l loss" in drawn[0] and "validation: m mAP, r recall@1" in drawn[1]

        engine.training.by_job[1] = TrainedMatcher(
            id=None, weights=b"", report=training_report(0.5)
        )
        engine.jobs.tell(JobFinished(job_id=1, message="done", seconds=1.0))
        await until(pilot, lambda: "Not kept" in str(screen.report.words.content))
        report = " ".join(str(screen.report.words.content).split())
        for part in (
            "match 0.500 0.600 0.700 2 0.550 0.480-0.520",
            "text to picture: match - label-free, r@1: -0.070 (-0.090 to -0.050, p = 0.004)",
            "match 0.910 0.890-0.930 0.950",
            "match at 0.500 0.910 0.710 0.810",
            "match best 0.930 0.980 0.780 0.880",
            "expected calibration error 0.037, Brier 0.061",
            "0.500 0.455 50",
        ):
            assert part in report, part
