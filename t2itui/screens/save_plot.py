"""Asks for a file that the figures of an evaluation are drawn into."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual import on, work
from textual.content import Content
from textual.message import Message

from engine.errors import EngineError
from t2itui.evaluation_twins import show_command
from t2itui.screens.file_form import WriteFile
from t2itui.screens.form import FormError


class Checked(Message, bubble=False):
    """A figure can be drawn into the file, or cannot."""

    def __init__(self, path: Path, error: EngineError | None) -> None:
        super().__init__()
        self.path = path
        self.error = error


class SavePlot(WriteFile):
    """A file name that is not taken yet."""

    HEADING = "Draw the figures into a file"
    GO = "Draw (enter)"
    HELP = "recall with intervals, routing curves and reliability diagrams; .png, .svg or .pdf"

    def __init__(self, evaluation_id: int, *, home: Path | None) -> None:
        super().__init__(home, Path(f"~/evaluation_{evaluation_id}.png"))
        self._evaluation_id = evaluation_id

    def command(self, answer: Path) -> str:
        return show_command(self._home, self._evaluation_id, plot=answer)

    def accept(self, answer: Path) -> None:
        """Find out whether it can be drawn before leaving: the library takes a while to load."""
        self.problem.update(Content("preparing…"))
        self._check(answer)

    @work(exclusive=True, group="check")
    async def _check(self, path: Path) -> None:
        from engine.evaluation.plots import check_plots

        try:
            await asyncio.to_thread(check_plots, [path])
        except EngineError as error:
            self.post_message(Checked(path, error))
        else:
            self.post_message(Checked(path, None))

    @on(Checked)
    def take_checked(self, message: Checked) -> None:
        if message.error is None:
            self.dismiss(message.path)
        else:
            error = message.error
            self.show_problem(FormError(f"{error.message}. {error.hint}".strip()))
