"""The jobs strip follows the engine's events."""

from dataclasses import dataclass, replace

import pytest

from engine.events import (
    JobCancelled,
    JobFailed,
    JobFinished,
    JobNote,
    JobProgress,
    JobQueued,
    JobStarted,
)
from engine.states import JobKind, JobState, Unit
from t2itui.screens.jobs.board import SHOWN_S, JobBoard
from t2itui.screens.jobs.line import figures
from t2itui.screens.jobs.strip import JobsStrip
from tests.t2itui.fake_library import FakeEngine, HostApp


@dataclass
class Clock:
    """A clock that a test turns."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def lines(app: HostApp) -> list[str]:
    """What the strip shows, a string for each line."""
    strip = app.query_one(JobsStrip)
    return strip.render().plain.splitlines() if strip.display else []


def progress(job_id: int, done: int) -> JobProgress:
    return JobProgress(
        job_id=job_id,
        stage="indexing",
        done=done,
        total=5000,
        unit=Unit.PICTURES,
        rate=31.4,
        eta_s=125.0,
    )


async def test_a_quiet_strip_takes_no_line() -> None:
    app = HostApp(FakeEngine())
    async with app.run_test() as pilot:
        await pilot.pause()
        assert lines(app) == []
        assert app.query_one(JobsStrip).outer_size.height == 0


async def test_a_running_job_shows_how_far_it_is_how_fast_and_how_long_it_will_take() -> None:
    engine = FakeEngine()
    app = HostApp(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        job = engine.jobs.begin(JobKind.INDEX, "index ~/farm")
        engine.jobs.tell(progress(job.id, 1250))
        await pilot.pause()
        (line,) = lines(app)
        for part in ("index ~/farm", "1,250 of 5,000 pictures", "25 %", "31.4/s", "2 min left"):
            assert part in line
        assert "x cancel" in line
        assert app.query_one(JobsStrip).outer_size.height == 1


@pytest.mark.parametrize("width", [80, 60, 40, 24])
async def test_a_narrow_line_keeps_the_cancel_key_and_never_overflows(width: int) -> None:
    engine = FakeEngine()
    app = HostApp(engine)
    async with app.run_test(size=(width, 24)) as pilot:
        job = engine.jobs.begin(JobKind.INDEX, "index /very/long/folder/名前/of/pictures")
        engine.jobs.tell(progress(job.id, 1250))
        await pilot.pause()
        content = app.query_one(JobsStrip).render()
        assert content.cell_length <= width
        assert "x cancel" in content.plain
        if width >= 60:
            assert "25 %" in content.plain


@pytest.mark.parametrize("width", [24, 40, 80])
async def test_a_long_outcome_never_loses_its_state_or_overflows(width: int) -> None:
    engine = FakeEngine()
    app = HostApp(engine)
    async with app.run_test(size=(width, 24)) as pilot:
        job = engine.jobs.begin(JobKind.INDEX, "index /very/long/folder/of/pictures/名前/and/more")
        engine.jobs.tell(JobFinished(job_id=job.id, message="9 files: " + "new " * 30, seconds=1))
        await pilot.pause()
        content = app.query_one(JobsStrip).render()
        assert "✔ done" in content.plain
        assert content.cell_length <= max(width, 44)


async def test_the_key_cancels_the_one_job_that_runs_and_says_so_until_it_stops() -> None:
    engine = FakeEngine()
    app = HostApp(engine)
    async with app.run_test() as pilot:
        job = engine.jobs.begin(JobKind.INDEX, "index ~/farm")
        await pilot.pause()
        await pilot.press("x")
        assert job.cancels == 1
        assert "cancelling" in lines(app)[0]
        engine.jobs.tell(progress(job.id, 1300))
        engine.jobs.tell(JobCancelled(job_id=job.id, message="Stopped at 1,300.", seconds=0.1))
        await pilot.pause()
        assert "◼ cancelled  index ~/farm  Stopped at 1,300." in lines(app)[0]


async def test_a_click_cancels_the_job_whose_line_was_clicked() -> None:
    engine = FakeEngine()
    app = HostApp(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        first = engine.jobs.begin(JobKind.DOWNLOAD, "download a")
        second = engine.jobs.begin(JobKind.DOWNLOAD, "download b")
        await pilot.pause()
        await pilot.click(JobsStrip, offset=(116, 1))
        assert (first.cancels, second.cancels) == (0, 1)


async def test_many_jobs_or_a_low_terminal_make_one_line() -> None:
    engine = FakeEngine()
    app = HostApp(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        for name in "ab":
            engine.jobs.begin(JobKind.DOWNLOAD, f"download {name}")
        await pilot.pause()
        assert len(lines(app)) == 1
        assert "2 jobs: 2 running" in lines(app)[0]
        await pilot.resize_terminal(80, 40)
        await pilot.pause()
        assert len(lines(app)) == 2


async def test_a_failure_stays_with_its_hint_until_it_is_dismissed() -> None:
    engine = FakeEngine()
    app = HostApp(engine)
    async with app.run_test(size=(120, 36)) as pilot:
        job = engine.jobs.begin(JobKind.INDEX, "index ~/farm")
        engine.jobs.tell(
            JobFailed(
                job_id=job.id, message="The disk is full.", hint="Make room and run it again."
            )
        )
        await pilot.pause()
        assert (
            "✖ failed  index ~/farm  The disk is full. Make room and run it again." in lines(app)[0]
        )
        job.state = JobState.FAILED
        await pilot.press("x")
        assert lines(app) == []


def test_an_outcome_leaves_by_itself_and_a_failure_does_not() -> None:
    clock = Clock()
    board = JobBoard(clock)
    for job_id in (1, 2):
        board.apply(JobQueued(job_id=job_id, kind=JobKind.INDEX, title="index"))
        board.apply(JobStarted(job_id=job_id))
    board.apply(JobFinished(job_id=1, message="12 pictures.", seconds=2.0))
    board.apply(JobFailed(job_id=2, message="no"))
    assert [view.job_id for view in board.in_sight()] == [1, 2]
    assert board.next_change_s() == SHOWN_S
    clock.now = SHOWN_S
    assert [view.job_id for view in board.in_sight()] == [2]
    assert board.next_change_s() is None


def test_the_board_keeps_the_notes_of_a_job() -> None:
    board = JobBoard(Clock())
    board.apply(JobQueued(job_id=1, kind=JobKind.INDEX, title="index"))
    board.apply(JobNote(job_id=1, message="one"))
    board.apply(JobNote(job_id=1, message="two"))
    view = board.find(1)
    assert view is not None
    assert view.warnings == ("one", "two")


async def test_control_characters_of_a_file_name_never_reach_the_terminal() -> None:
    engine = FakeEngine()
    app = HostApp(engine)
    async with app.run_test() as pilot:
        engine.jobs.begin(JobKind.INDEX, "index \x1b[31m[bold]evil[/]")
        await pilot.pause()
        assert "\x1b" not in lines(app)[0]
        assert "[bold]evil" in lines(app)[0]


def test_slow_steps_are_told_by_what_one_takes() -> None:
    step = JobProgress(job_id=1, stage="painting", done=1, total=4, unit=Unit.STEPS, rate=0.25)
    assert "4 s/it" in [figure.text for figure in figures(step)]
    assert "2.5 it/s" in [figure.text for figure in figures(replace(step, rate=2.5))]
