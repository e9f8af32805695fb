"""The Train screen in the real app, on imported vectors and a real trainer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from cache.matchers import add_matcher
from engine.engine import Engine
from engine.evaluation.embeddings import EmbeddedData
from engine.evaluation.measure import Measuring
from engine.events import JobFinished, JobProgress
from engine.jobs.jobs import Job
from engine.models.messages import Reply
from engine.requests import TrainRequest
from engine.settings import EngineSettings
from engine.training.report import RoutedTexts, TrainingReport, make_report
from engine.training.split import SplitSizes
from t2itui.app import T2ITuiApp
from t2itui.graphics.detection import HALF_CELLS
from t2itui.screens.common.dialogs import Confirm
from t2itui.screens.train.detail import TrainingPane, outcome
from t2itui.screens.train.form import ExportMatcher, ImportMatcher, TrainForm
from t2itui.screens.train.screen import TrainScreen
from t2itui.session import Session
from tests.engine.evaluation.libraries import ENCODER, opened, write_data
from tests.engine.matchers import random_matcher
from tests.t2itui.fakes import until
from tests.t2itui.made_up_evaluations import interval
from tests.t2itui.made_up_trainings import training_report

SIZES = [(80, 24), (120, 36)]


def app_of(folder: Path) -> T2ITuiApp:
    settings = EngineSettings(home=folder / "home", decoders=1)

    @asynccontextmanager
    async def open_engine() -> AsyncIterator[Engine]:
        async with Engine.open(settings) as engine:
            await engine.collection.leave_out()
            yield engine

    return T2ITuiApp(open_engine, Session(graphics=HALF_CELLS, home=folder / "home"))


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """Captions of thirty pictures whose vectors are in the library below `tmp_path`."""
    written = write_data(tmp_path)
    async with opened(tmp_path):
        pass
    return written


async def train_screen(pilot: Pilot[None]) -> TrainScreen:
    """Go to the Train screen and wait for its first reading."""
    app = pilot.app
    assert isinstance(app, T2ITuiApp)
    await until(pilot, lambda: app.session.engine is not None)
    await pilot.press("f5")
    await until(pilot, lambda: isinstance(app.screen, TrainScreen))
    screen = app.screen
    assert isinstance(screen, TrainScreen)
    await until(pilot, lambda: screen.state is not None)
    return screen


def engine_of(screen: TrainScreen) -> Engine:
    assert screen.engine is not None
    return screen.engine


def last_job(screen: TrainScreen) -> Job:
    return engine_of(screen).jobs.list()[-1]


def rows(screen: TrainScreen) -> list[str]:
    return [screen.listing.render_line(y + 1).text for y in range(len(screen.listing.rows))]


def report(screen: TrainScreen) -> str:
    return str(screen.report.words.content)


def in_force(screen: TrainScreen) -> str:
    return str(screen.query_one("#in-force", Static).content)


def said(screen: TrainScreen) -> str:
    assert screen.below.current == "pane"
    return str(screen.query_one(TrainingPane).stage.content)


async def form(pilot: Pilot[None]) -> TrainForm:
    await pilot.press("n")
    await until(pilot, lambda: isinstance(pilot.app.screen, TrainForm))
    assert isinstance(pilot.app.screen, TrainForm)
    return pilot.app.screen


@pytest.mark.parametrize("size", SIZES)
async def test_without_matchers_the_screen_says_what_they_are_and_which_match_is_used(
    tmp_path: Path, data: Path, size: tuple[int, int]
) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=size) as pilot:
        screen = await train_screen(pilot)
        assert in_force(screen) == "match of clip: no matcher (label-free)"
        assert "n trains one" in report(screen)
        assert "n trains one" in screen.listing.empty
        assert not screen.check_action("delete", ())
        await pilot.press("y")
        assert app.clipboard.endswith(" models")


@pytest.mark.parametrize("size", SIZES)
async def test_the_form_refuses_what_cannot_be_and_shows_the_command(
    tmp_path: Path, data: Path, size: tuple[int, int]
) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=size) as pilot:
        await train_screen(pilot)
        asked = await form(pilot)
        await pilot.press("enter")
        assert "name the data" in str(asked.problem.content)
        asked.data.take("/nowhere/x.token")
        await pilot.press("enter")
        assert "/nowhere/x.token is not there" in str(asked.problem.content)
        asked.data.take("storybook")
        for place, value, told in (
            ("epochs", "many", "no whole number"),
            ("hidden", "2", "at least 4"),
            ("queries", "songs", "none of captions, words"),
            ("force", "perhaps", "none of yes, no"),
        ):
            field = asked.query_one(f"#{place}", Input)
            before, field.value = field.value, value
            await pilot.press("enter")
            assert told in str(asked.problem.content)
            field.value = before
        asked.query_one("#epochs", Input).value = "3"
        asked.query_one("#force", Input).value = "yes"
        await pilot.pause()
        if size[1] >= 36:
            assert str(asked.command_line.content).endswith("train --epochs 3 --force storybook")
        assert asked.query_one("#go").region.bottom <= size[1]
        await pilot.press("escape")
        assert isinstance(app.screen, TrainScreen)


async def test_a_training_is_followed_kept_exported_deleted_and_taken_in_again(
    tmp_path: Path, data: Path
) -> None:
    """One process for several claims: it takes seconds to import what it trains with."""
    app = app_of(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await train_screen(pilot)
        asked = await form(pilot)
        asked.data.take(str(data))
        asked.query_one("#hidden", Input).value = "8"
        asked.query_one("#epochs", Input).value = "2"
        asked.query_one("#force", Input).value = "yes"
        await pilot.press("enter")
        await until(pilot, lambda: screen.training is not None and screen.training.is_active)
        assert "running" in rows(screen)[0] or "queued" in rows(screen)[0]
        await until(pilot, lambda: screen.below.current == "pane")
        assert isinstance(await last_job(screen).wait(), JobFinished)
        view = app.session.board.views[-1]
        assert len(view.training.losses) >= 2
        await until(pilot, lambda: screen.matcher is not None)
        kept = screen.matcher
        assert kept is not None
        assert kept.is_in_force
        assert in_force(screen) == f"match of clip: matcher {kept.id}"
        assert "✔ in force" in rows(screen)[0]
        text = report(screen)
        assert text.startswith(f"Kept as matcher {kept.id}")
        for part in ("cosine", "label-free", "fusion", "95 %", "match - label-free", "calibration"):
            assert part in text
        assert "retrieve or generate by library size: all queries" in text
        assert "match - label-free, routing: " in text
        await pilot.press("y")
        assert app.clipboard.endswith(f"train --hidden 8 --epochs 2 --force {data}")

        target = tmp_path / "m.safetensors"
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportMatcher))
        dialog = app.screen
        assert isinstance(dialog, ExportMatcher)
        dialog.target.take(str(target))
        await pilot.press("enter")
        await until(pilot, target.is_file)

        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert f"models remove {kept.id}" in str(app.screen.query_one("#command", Static).content)
        await pilot.press("enter")
        await until(pilot, lambda: not screen.listing.rows)
        assert "label-free" in in_force(screen)

        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ImportMatcher))
        source = app.screen
        assert isinstance(source, ImportMatcher)
        source.target.take(str(target))
        await pilot.press("enter")
        await until(pilot, lambda: screen.matcher is not None)
        assert report(screen).startswith("Kept as matcher")


async def test_a_cancelled_training_says_that_r_goes_on_and_does(
    tmp_path: Path, data: Path
) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await train_screen(pilot)
        screen.start(TrainRequest(data=str(data), hidden=8, epochs=2))
        job = last_job(screen)
        app.session.engine.jobs.subscribe(  # type: ignore[union-attr]
            lambda event: (
                job.cancel()
                if isinstance(event, JobProgress) and event.stage == "starting the trainer"
                else None
            )
        )
        await job.wait()
        await until(pilot, lambda: "◼ cancelled" in "".join(rows(screen)))
        await until(pilot, lambda: "r goes on" in report(screen))
        assert screen.check_action("again", ())
        await pilot.press("r")
        again = last_job(screen)
        assert again is not job
        await until(pilot, lambda: len(screen.listing.rows) == 1 and screen.training is not None)
        assert screen.training is not None
        assert screen.training.is_active, "the stopped one is this one now"
        await pilot.press("x")
        await again.wait()


def test_a_matcher_kept_by_force_says_what_it_does_worse() -> None:
    found = training_report(match=0.63, free=0.57)
    assert outcome(found, 4) == (
        "Kept as matcher 4: better than the match without labels, mAP 0.680 against 0.620,"
        " routing 0.895 against 0.865 on 100 held-out pictures."
    )
    (some, *_) = found.against_label_free
    worse = replace(some, measure="routing", difference=interval(-0.1), p=0.01)
    forced = replace(found, is_better=False, against_label_free=(worse,))
    assert outcome(forced, 4).startswith(
        "Kept as matcher 4 by force: it routes worse than the match without labels, mAP"
    )


async def test_what_did_no_better_is_not_kept_until_k_keeps_it(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_better(
        request: TrainRequest,
        held_out: EmbeddedData,
        sizes: SplitSizes,
        fitted: Reply,
        measuring: Measuring,
        routed: RoutedTexts,
        seconds: float,
    ) -> TrainingReport:
        made = make_report(request, held_out, sizes, fitted, measuring, routed, seconds)
        return replace(made, is_better=False)

    monkeypatch.setattr("engine.training.run.make_report", no_better)
    app = app_of(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await train_screen(pilot)
        screen.start(TrainRequest(data=str(data), hidden=8, epochs=0))
        await last_job(screen).wait()
        await until(pilot, lambda: screen.below.current == "report")
        await until(pilot, lambda: report(screen).startswith("Not kept"))
        assert "· not kept" in rows(screen)[0]
        await pilot.press("k")
        await until(pilot, lambda: screen.matcher is not None)
        assert in_force(screen).startswith("match of clip: matcher ")


async def test_the_report_of_a_matcher_made_elsewhere_is_what_its_maker_measured(
    tmp_path: Path, data: Path
) -> None:
    async with opened(tmp_path) as engine:
        told = '{"calibration_error": 0.0149, "routing": {"accuracy": 0.96}}'
        await engine.cache.write(add_matcher, ENCODER, random_matcher(ENCODER, 48), told)
        await engine.cache.write(add_matcher, ENCODER, random_matcher(ENCODER, 48), "{}")
    app = app_of(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await train_screen(pilot)
        await pilot.press("down")
        assert "· replaced" in rows(screen)[1]
        assert "calibration error 0.015" in report(screen)
        assert "routing: accuracy 0.960" in report(screen)
        await pilot.press("tab", "tab", "d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("escape")
        assert len(screen.listing.rows) == 2


async def test_a_matcher_that_was_kept_wrongly_once_is_shown_with_its_reason_and_deleted(
    tmp_path: Path, data: Path
) -> None:
    async with opened(tmp_path) as engine:
        await engine.cache.write(add_matcher, ENCODER, random_matcher(ENCODER, 48), "{}")
        lacking = '{"version": 1, "retrieval": []}'
        await engine.cache.write(add_matcher, ENCODER, random_matcher(ENCODER, 48), lacking)
    app = app_of(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await train_screen(pilot)
        assert "! unreadable" in rows(screen)[0]
        assert "its report is incomplete" in report(screen)
        await pilot.press("tab", "tab", "d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("enter")
        await until(pilot, lambda: "✔ in force" in rows(screen)[0])


async def test_all_labels_of_an_encoder_are_forgotten_if_the_person_is_sure(
    tmp_path: Path, data: Path
) -> None:
    async with opened(tmp_path) as engine:
        await engine.cache.write(add_matcher, ENCODER, random_matcher(ENCODER, 48), "{}")
        for number in range(3):
            text = f"a red thing {number} of kind 0"
            await engine.searcher.labels.put(text, number + 1, fits=True, encoder_id=ENCODER)
    app = app_of(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await train_screen(pilot)
        labels = engine_of(screen).searcher.labels
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert "3 pictures" in str(app.screen.query(Static).first().content)
        assert f"label --forget --encoder {ENCODER}" in str(
            app.screen.query_one("#command", Static).content
        )
        await pilot.press("escape")
        assert (await labels.state(ENCODER)).count == 3
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("enter")
        await until(pilot, lambda: not screen.check_action("forget_labels", ()))
        assert (await labels.state(ENCODER)).count == 0
