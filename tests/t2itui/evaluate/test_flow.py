"""The Evaluate screen over the real engine: from the form to figures that the shell shows too."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from textual.pilot import Pilot
from textual.widgets import Input

from t2itui.screens.evaluate.form import EvaluateForm
from t2itui.screens.evaluate.screen import EvaluateScreen
from tests.engine.evaluation.libraries import opened, write_data
from tests.t2itui.fake_library import FakeEngine, HostApp
from tests.t2itui.fakes import until


async def opened_form(pilot: Pilot[None], key: str) -> EvaluateForm:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, EvaluateForm))
    form = pilot.app.screen
    assert isinstance(form, EvaluateForm)
    return form


def shows(screen: EvaluateScreen, *parts: str) -> bool:
    told = f"{screen.detail.words.render()}\n{screen.detail.tables.render()}"
    return all(part in told for part in parts)


async def test_data_is_evaluated_kept_shown_and_compared(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    async with opened(tmp_path) as engine:
        app = HostApp(cast(FakeEngine, engine), EvaluateScreen)
        async with app.run_test(size=(120, 36)) as pilot:
            screen = app.screen
            assert isinstance(screen, EvaluateScreen)
            await until(pilot, lambda: shows(screen, "evaluate the storybook"))
            form = await opened_form(pilot, "n")
            form.data.take(str(tmp_path / "none.token"))
            await pilot.press("enter")
            await until(pilot, lambda: "no file or folder" in str(form.problem.render()))
            assert form.data.line.has_focus
            form.data.take(str(data))
            form.query_one("#limit", Input).value = "20"
            await pilot.press("enter")
            await until(pilot, lambda: shows(screen, "text -> picture: 60 queries, 20 candidates"))
            assert screen.current is not None and screen.current.id == 1

            form = await opened_form(pilot, "e")
            assert form.query_one("#limit", Input).value == "20"
            form.query_one("#limit", Input).value = ""
            await pilot.press("enter")
            await until(pilot, lambda: shows(screen, "90 queries, 30 candidates"))
            await pilot.press("space", "down", "c")
            await until(pilot, lambda: shows(screen, "before: 1", "60 x 20", "after: 2", "90 x 30"))
            kept = await engine.evaluator.heads(9)
            assert [head.id for head in kept] == [2, 1]
