"""The Evaluate screen: what is kept, its figures, what changed, and what can be done with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.errors import RequestError
from engine.evaluation.results import EncoderDifference
from engine.events import JobCancelled, JobFailed, JobFinished, JobNote, JobProgress
from engine.jobs.codec import request_to_json
from engine.requests import EvaluateRequest
from engine.results import JobRecord
from engine.states import Unit
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.common.paged import PAGE
from t2itui.screens.evaluate.form import EvaluateForm, SavePlot
from t2itui.screens.evaluate.screen import EvaluateScreen
from t2itui.screens.jobs.screen import JobsScreen
from t2itui.widgets.plots import PlotView
from tests.t2itui.fake_library import HostApp, settled
from tests.t2itui.fakes import until
from tests.t2itui.made_up_evaluations import EVIL, EvaluatingEngine, evaluation

SIZES = [(80, 24), (120, 36)]


@pytest.fixture
def engine() -> EvaluatingEngine:
    engine = EvaluatingEngine()
    engine.evaluator.kept = [
        evaluation(1, "storybook", cosine=0.3),
        evaluation(2, f"results{EVIL}"),
        evaluation(3, "storybook", cosine=0.35, match=0.7),
    ]
    return engine


async def ready(pilot: Pilot[None]) -> EvaluateScreen:
    return await settled(pilot, EvaluateScreen)


@asynccontextmanager
async def shown(
    engine: EvaluatingEngine, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Pilot[None], EvaluateScreen]]:
    """The screen over an engine, once it has read what it shows."""
    async with HostApp(engine, EvaluateScreen).run_test(size=size) as pilot:
        yield pilot, await ready(pilot)


def listed(screen: EvaluateScreen) -> list[str]:
    """The lines of the list, as they are drawn."""
    lines = [screen.listing.render_line(y).text for y in range(1, len(screen.listing.rows) + 1)]
    return [line for line in lines if line.strip()]


def figures(screen: EvaluateScreen) -> str:
    """What the detail says, plots apart."""
    detail = screen.detail
    return f"{detail.words.render()}\n{detail.tables.render()}"


def plots(screen: EvaluateScreen) -> list[str]:
    """The plots that are in sight."""
    return [str(view.render()) for view in screen.query(PlotView) if view.is_on_screen]


@pytest.mark.parametrize("size", SIZES)
async def test_evaluations_are_listed_the_newest_first_with_both_scorers(
    engine: EvaluatingEngine, size: tuple[int, int]
) -> None:
    async with shown(engine, size) as (pilot, screen):
        lines = listed(screen)
        assert [row.key for row in screen.listing.rows] == ["3", "2", "1"]
        assert "storybook" in lines[0] and "0.350 0.400" in lines[0] and "0.700 0.750" in lines[0]
        assert "\x1b" not in "".join(lines)
        assert "3 evaluations" in str(screen.query_one("#count", Static).render())
        assert "text -> picture: 5,000 queries" in figures(screen)
        assert "picture -> text" in figures(screen)
        assert "match - cosine, r@1: +0.350 (+0.330 to +0.370, p = 0.004)" in figures(screen)
        assert "0.330-0.370" in figures(screen)
        await pilot.press("down")
        await ready(pilot)
        assert "0.392-0.432" in figures(screen)


@pytest.mark.parametrize("size", SIZES)
async def test_the_tabs_show_swaps_routing_calibration_and_what_was_asked(
    engine: EvaluatingEngine, size: tuple[int, int]
) -> None:
    async with shown(engine, size) as (pilot, screen):
        await pilot.press("right")
        await until(pilot, lambda: any("c cosine, m match" in plot for plot in plots(screen)))
        assert "text -> picture: precision by recall" in plots(screen)[0]
        assert "match   0.700  0.140  0.070" in figures(screen)
        assert "0.97  0.94" in figures(screen)
        await pilot.press("right")
        await ready(pilot)
        assert "colour      30  0.900" in figures(screen)
        assert plots(screen) == []
        await pilot.press("right")
        await until(pilot, lambda: any("best" in plot for plot in plots(screen)))
        assert "cosine: best 0.310, accuracy 0.740" in plots(screen)[0]
        drawn = "".join(line for line in plots(screen)[0].splitlines() if line.endswith("│"))
        assert "best" in drawn
        assert all(letter in drawn for letter in "pra"), "lines differ without colour"
        assert "match     at 0.500      0.910   0.710  0.810" in figures(screen)
        assert "match   best 0.930      0.980   0.780  0.880" in figures(screen)
        await pilot.press("right")
        await until(pilot, lambda: any("by library size" in plot for plot in plots(screen)))
        assert "300  match          0.905  0.885-0.925    0.940" in figures(screen)
        assert "match: mean 0.895, drift 0.045" in figures(screen)
        await pilot.press("right")
        await until(pilot, lambda: any("calibration error 0.037" in plot for plot in plots(screen)))
        await pilot.press(*["left"] * 6)
        await ready(pilot)
        assert "5,000 texts, 1,000 pictures" in figures(screen)
        assert "3 texts are left out" in figures(screen) and "\x1b" not in figures(screen)


async def test_an_evaluation_of_an_older_version_says_why_it_has_no_sizes(
    engine: EvaluatingEngine,
) -> None:
    engine.evaluator.kept = [replace(evaluation(1), by_size=())]
    async with shown(engine) as (pilot, screen):
        await pilot.press(*["right"] * 4)
        await until(pilot, lambda: "r makes the evaluation again" in figures(screen))
        assert plots(screen) == []


async def test_an_evaluation_of_an_older_version_says_why_it_has_no_curves(
    engine: EvaluatingEngine,
) -> None:
    made = evaluation(1)
    old = tuple(replace(each, cuts=(), curve=()) for each in made.retrieval)
    engine.evaluator.kept = [replace(made, retrieval=old)]
    async with shown(engine) as (pilot, screen):
        assert "Rsum (r@1 + r@5 + r@10, both ways, of 600)" in figures(screen)
        await pilot.press("right")
        await until(pilot, lambda: "drew no precision-recall curves" in figures(screen))
        assert plots(screen) == []


async def test_every_plot_has_a_text_form(engine: EvaluatingEngine) -> None:
    async with shown(engine, (120, 36)) as (pilot, screen):
        await pilot.press("right", "right", "right")
        await until(pilot, lambda: len(plots(screen)) == 2)
        await until(pilot, lambda: all("best" in plot for plot in plots(screen)))
        assert not any(plot.isascii() for plot in plots(screen))
        await pilot.press("p")
        await until(pilot, lambda: all(plot.isascii() for plot in plots(screen)))
        plot = plots(screen)[1]
        assert "match: best 0.930" in plot and "p precision, r recall, a accuracy" in plot
        assert "ppp" in plot and "rrr" in plot, "lines are made of their letters"
        await pilot.press("right")
        await until(pilot, lambda: any("l label-free, m match" in plot for plot in plots(screen)))
        assert "lll" in plots(screen)[0] and "mmm" in plots(screen)[0]
        await pilot.press("right")
        await until(pilot, lambda: any("o observed" in plot for plot in plots(screen)))
        assert all(plot.isascii() for plot in plots(screen))
        assert "0.500     0.455" in figures(screen)
        await pilot.press("p")
        await until(pilot, lambda: not any(plot.isascii() for plot in plots(screen)))


async def test_two_marked_evaluations_are_compared_the_older_one_first(
    engine: EvaluatingEngine,
) -> None:
    async with shown(engine) as (pilot, screen):
        await pilot.press("space", "down", "down", "space", "c")
        await ready(pilot)
        assert [line.startswith(" ◆") for line in listed(screen)] == [True, False, True]
        assert "before: 1" in figures(screen) and "after: 3" in figures(screen)
        told = " ".join(figures(screen).split())
        assert "cosine, text -> picture, r@1 0.300 0.350 +0.050" in told
        await pilot.press("y")
        assert pilot.app.clipboard == "t2itui eval --compare 1 3"
        await pilot.press("space")
        await ready(pilot)
        assert screen.evaluations.marked == [3], "one mark is left; the cursor stands for the other"
        assert "before: 1" in figures(screen)
        await pilot.press("up")
        await ready(pilot)
        assert "before: 2" in figures(screen)


async def test_encoders_of_one_run_stand_side_by_side_in_the_tab_of_changes(
    engine: EvaluatingEngine,
) -> None:
    made = evaluation(1)
    difference = replace(made.paired[0], one="other/clip", other=made.encoder, measure="r@1")
    beside = EncoderDifference(
        scorer="match", one_value=0.634, other_value=0.412, paired=difference
    )
    engine.evaluator.kept = [replace(made, beside=(beside,))]
    async with shown(engine, (120, 36)) as (pilot, screen):
        await pilot.press("left", "left")
        await until(pilot, lambda: "beside openai/clip-vit-base-patch32" in figures(screen))
        told = " ".join(figures(screen).split())
        assert "match text -> picture, r@1 0.412 0.634 +0.222 +0.202 to +0.242 0.004" in told
        assert "other/clip" in told


async def test_a_third_mark_takes_the_first_one_away(engine: EvaluatingEngine) -> None:
    async with shown(engine) as (pilot, screen):
        await pilot.press("space", "down", "space", "down", "space")
        await ready(pilot)
        assert screen.evaluations.marked == [2, 1]


async def test_the_list_narrows_as_one_types(engine: EvaluatingEngine) -> None:
    async with shown(engine) as (pilot, screen):
        await pilot.press("slash", *"story")
        await ready(pilot)
        assert [row.key for row in screen.listing.rows] == ["3", "1"]
        await pilot.press("z")
        await ready(pilot)
        assert "No evaluation of such data." in screen.listing.render_line(2).text
        await pilot.press("escape")
        await ready(pilot)
        assert len(screen.listing.rows) == 3
        assert screen.focused is screen.listing


async def test_the_next_page_comes_at_the_last_line(engine: EvaluatingEngine) -> None:
    engine.evaluator.kept = [evaluation(number) for number in range(1, PAGE + 6)]
    async with shown(engine) as (pilot, screen):
        assert len(screen.listing.rows) == PAGE
        await pilot.press("end")
        await ready(pilot)
        assert len(screen.listing.rows) == PAGE + 5


async def test_deleting_asks_first(engine: EvaluatingEngine) -> None:
    async with shown(engine) as (pilot, screen):
        await pilot.press("space", "d")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        assert (
            str(pilot.app.screen.query_one("#command", Static).render()) == "t2itui eval --forget 3"
        )
        await pilot.press("enter")
        await ready(pilot)
        assert [row.key for row in screen.listing.rows] == ["2", "1"]
        assert screen.evaluations.marked == []


async def test_commands_are_copied(engine: EvaluatingEngine) -> None:
    async with shown(engine) as (pilot, _):
        await pilot.press("y")
        assert pilot.app.clipboard == "t2itui eval --show 3"
        await pilot.press("Y")
        await ready(pilot)
        assert pilot.app.clipboard == "t2itui eval storybook --threshold 0.5 --limit 3"


async def test_figures_are_drawn_into_a_file_whose_name_is_checked(
    engine: EvaluatingEngine, tmp_path: Path
) -> None:
    async with shown(engine) as (pilot, _):
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SavePlot))
        form = pilot.app.screen
        assert isinstance(form, SavePlot)
        form.target.take(str(tmp_path / "e.bmp"))
        await pilot.press("enter")
        await until(pilot, lambda: "no kind of figure" in str(form.problem.render()))
        form.target.take(str(tmp_path / "e.svg"))
        await until(pilot, lambda: "--show 3 --plot" in str(form.command_line.render()))
        await pilot.press("enter")
        await until(pilot, lambda: (tmp_path / "e.svg").exists())
        await ready(pilot)
        assert "<svg" in (tmp_path / "e.svg").read_text()[:1000]


async def test_enter_goes_to_the_figures_and_escape_back(engine: EvaluatingEngine) -> None:
    async with shown(engine) as (pilot, screen):
        await pilot.press("enter")
        assert screen.detail.pane.has_focus
        await pilot.press("end")
        await until(pilot, lambda: screen.detail.pane.scroll_offset.y > 0)
        await pilot.press("right", "right")
        await until(pilot, lambda: "told apart" in figures(screen))
        assert screen.detail.pane.has_focus
        assert screen.detail.pane.scroll_offset.y == 0
        await pilot.press("escape")
        assert screen.listing.has_focus


@pytest.mark.parametrize("size", SIZES)
async def test_without_any_it_explains_and_offers_the_storybook(size: tuple[int, int]) -> None:
    engine = EvaluatingEngine()
    async with shown(engine, size) as (pilot, screen):
        assert "n evaluate the storybook" in " ".join(figures(screen).split())
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, EvaluateForm))
        form = pilot.app.screen
        assert isinstance(form, EvaluateForm)
        assert form.query_one("#go").region.bottom < size[1]
        await pilot.press("enter")
        await ready(pilot)
        assert engine.asked == [EvaluateRequest(data="storybook")]


@pytest.mark.parametrize("size", SIZES)
async def test_a_running_evaluation_shows_how_far_it_is_and_its_result_when_it_is_done(
    engine: EvaluatingEngine, size: tuple[int, int]
) -> None:
    async with shown(engine, size) as (pilot, screen):
        await pilot.press("r")
        await ready(pilot)
        assert engine.asked == [EvaluateRequest(data="storybook", limit=3)]
        assert screen.listing.current is not None and screen.listing.current.key == "job 1"
        engine.jobs.tell(
            JobProgress(
                job_id=1, stage="scoring", done=30, total=120, unit=Unit.TEXTS, rate=9.5, eta_s=42.0
            )
        )
        engine.jobs.tell(JobNote(job_id=1, message=f"2 pictures are left out {EVIL}"))
        await ready(pilot)
        told = figures(screen)
        for part in ("▶ running", "scoring", "30 of 120 texts", "25 %", "42 s left", "━━━"):
            assert part in told
        assert "2 pictures are left out" in told and "\x1b" not in told
        assert "25 %" in listed(screen)[0] and "42 s left" in listed(screen)[0]
        await pilot.press("y")
        await ready(pilot)
        assert pilot.app.clipboard == "t2itui eval storybook --threshold 0.5 --limit 3"

        made = engine.found(1)
        engine.jobs.tell(JobFinished(job_id=1, message="done", seconds=1.0))
        await ready(pilot)
        assert [row.key for row in screen.listing.rows] == ["4", "3", "2", "1"]
        assert screen.current is not None and screen.current.id == made.id
        assert "text -> picture" in figures(screen)


async def test_a_result_that_could_not_be_kept_is_shown_all_the_same(
    engine: EvaluatingEngine,
) -> None:
    async with shown(engine) as (pilot, screen):
        await pilot.press("r")
        await ready(pilot)
        engine.found(1, keep=False)
        engine.jobs.tell(JobFinished(job_id=1, message="done", seconds=1.0))
        await ready(pilot)
        assert "made now" in listed(screen)[0]
        assert "text -> picture" in figures(screen)
        await pilot.press("right", "right")
        await until(pilot, lambda: "told apart" in figures(screen))
        await pilot.press("d", "space", "s")
        await pilot.pause()
        assert screen.evaluations.marked == [] and isinstance(pilot.app.screen, EvaluateScreen)


async def test_x_cancels_and_a_cancelled_evaluation_can_go_on(engine: EvaluatingEngine) -> None:
    async with shown(engine) as (pilot, screen):
        await pilot.press("r")
        await ready(pilot)
        await pilot.press("x")
        await ready(pilot)
        assert engine.jobs.jobs[1].cancels == 1
        assert "cancelling" in listed(screen)[0]
        engine.jobs.tell(JobCancelled(job_id=1, message="Stopped.", seconds=0.1))
        await ready(pilot)
        assert "◼ cancelled" in figures(screen) and "from where it was" in figures(screen)
        await pilot.press("r")
        await ready(pilot)
        assert engine.asked == 2 * [EvaluateRequest(data="storybook", limit=3)]
        assert [row.key for row in screen.listing.rows][:2] == ["job 2", "3"]


async def test_a_failed_evaluation_says_why_and_what_to_do_until_it_is_dismissed(
    engine: EvaluatingEngine,
) -> None:
    async with shown(engine) as (pilot, screen):
        await pilot.press("r")
        await ready(pilot)
        engine.jobs.tell(JobFailed(job_id=1, message="no text has an embedding", hint="Import."))
        await ready(pilot)
        assert "✖ failed" in figures(screen)
        assert "no text has an embedding" in figures(screen) and "Import." in figures(screen)
        await pilot.press("x")
        await ready(pilot)
        assert [row.key for row in screen.listing.rows] == ["3", "2", "1"]


async def test_one_that_the_end_of_the_program_cut_off_goes_on_from_the_jobs_screen() -> None:
    engine, request = EvaluatingEngine(), EvaluateRequest(data="storybook", limit=9)
    engine.jobs.earlier = [
        JobRecord(
            id=7,
            kind="evaluate",
            title="evaluate storybook",
            state="lost",
            request=request_to_json(request),
            message="",
            created_at=1.7e9,
            updated_at=1.7e9,
        )
    ]
    app = HostApp(engine, JobsScreen)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = app.screen
        assert isinstance(screen, JobsScreen)
        await until(pilot, lambda: screen.current is not None)
        await pilot.press("y", "r")
        await until(pilot, lambda: engine.asked == [request])
        assert app.clipboard == "t2itui eval storybook --threshold 0.5 --limit 9"


async def test_what_the_cache_cannot_read_is_told(engine: EvaluatingEngine) -> None:
    async with shown(engine) as (pilot, _):
        engine.evaluator.kept = []
        await pilot.press("down")
        await until(pilot, lambda: bool(pilot.app._notifications))
        (notice,) = pilot.app._notifications
        assert "no evaluation 2" in notice.message


async def test_the_form_says_what_the_engine_refuses_at_the_line(engine: EvaluatingEngine) -> None:
    async with shown(engine) as (pilot, _):
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, EvaluateForm))
        form = pilot.app.screen
        assert isinstance(form, EvaluateForm)
        assert form.query_one("#limit", Input).value == "3", "it begins with what was asked"
        for place, field, message in (
            ("threshold", "threshold", "7 is not between 0 and 1"),
            ("language", "language", "the storybook is not written in 'fr': en or zh"),
            ("by-words", "queries", "class words are looked for in captions"),
            ("limit", "limit", "less than 1"),
        ):
            engine.evaluator.refusal = RequestError(message, field=field)
            form.data.line.focus()
            await pilot.press("enter")
            await until(pilot, lambda m=message: m in str(form.problem.render()))  # type: ignore[misc]
            assert form.query_one(f"#{place}").has_focus, place
        form.query_one("#limit", Input).value = "many"
        await pilot.press("enter")
        await until(pilot, lambda: "no whole number" in str(form.problem.render()))
        form.query_one("#limit", Input).value = "7"
        for name in ("label-free", "cosine"):
            form.query_one(f"#by-{name}").focus()
            await pilot.press("space")
        await until(
            pilot, lambda: "--scorer match --scorer label-free" in str(form.command_line.render())
        )
        assert "[x] label-free" in str(form.query_one("#by-label-free").render())
        assert "[ ] cosine" in str(form.query_one("#by-cosine").render())
        engine.evaluator.refusal = None
        await pilot.press("enter")
        await ready(pilot)
        assert engine.asked == [
            EvaluateRequest(data="storybook", limit=7, scorers=("match", "label-free"))
        ]
