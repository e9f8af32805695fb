"""The line for a path, apart from the forms it stands in."""

import threading
from pathlib import Path

import pytest
from textual.app import App, ComposeResult

from t2itui.widgets import path_input
from t2itui.widgets.path_input import PathInput


class _Form(App[None]):
    def compose(self) -> ComposeResult:
        yield PathInput(placeholder="", folders_only=True)


async def test_completions_that_come_after_the_form_was_closed_are_let_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    disk_answers, asked = threading.Event(), threading.Event()

    def slowly(value: str, **_: object) -> list[str]:
        asked.set()
        disk_answers.wait(10)
        return [f"{value}/"]

    monkeypatch.setattr(path_input, "completions", slowly)
    app = _Form()
    async with app.run_test() as pilot:
        line = app.query_one(PathInput)
        worker = line.look_up(str(tmp_path))
        while not asked.is_set():
            await pilot.pause(0.01)
        await line.options.remove()
        disk_answers.set()
        await worker.wait()
        assert not worker.error
