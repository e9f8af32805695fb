"""A training at work: its stage in words, and below them what it watches as curves."""

from __future__ import annotations

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from engine.events import TrainingProgress
from engine.states import FitStage, JobState
from t2itui.screens.jobs.board import JobView
from t2itui.screens.jobs.views import TrainingView
from t2itui.text.plain import plain
from t2itui.text.plots import Plot, loss_plot, validation_plot
from t2itui.text.words import rate_words
from t2itui.widgets.plots import PlotRow

ROOM_FOR_BOTH = 64
"""Cells from which on both plots stand side by side."""


class TrainingPane(Vertical):
    """Follows one job."""

    DEFAULT_CSS = """
    TrainingPane {
        padding: 0 1;
        height: 1fr;
        & > Static { height: auto; text-wrap: nowrap; text-overflow: ellipsis; }
        & > PlotRow { height: 1fr; }
        & > PlotRow > PlotView { height: 1fr; max-height: 16; }
    }
    """

    stage = getters.query_one("#stage", Static)
    plots = getters.query_one(PlotRow)

    def __init__(self, *, in_letters: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self._in_letters = in_letters
        self._view: JobView | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="stage")
        yield PlotRow(2, in_letters=self._in_letters)

    def follow(self, view: JobView) -> None:
        """Show how far a job is by now."""
        if view is not self._view:
            self._view = view
            self._show()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        if self._view is None or not self.size.width:
            return
        lines = [Content(plain(line)) for line in stage_lines(self._view)]
        self.stage.update(Content("\n").join(lines))
        training = self._view.training
        if training.last is None:
            self.plots.show(())
        else:
            self.plots.show(training_plots(training, training.last, self.size.width))


def stage_lines(view: JobView) -> list[str]:
    """What a training does, in words."""
    training, progress = view.training, view.progress
    stopping = "stopping…  " if view.state is JobState.CANCELLING else ""
    if view.state is JobState.QUEUED:
        return ["waits until the training before it has ended"]
    stage = progress.stage if progress is not None else "starting"
    last = training.last
    if last is None or (progress is not None and progress.stage.startswith("measuring")):
        counted = (
            f": {progress.done:,} of {progress.total:,}" if progress and progress.total else ""
        )
        rate = rate_words(progress) if progress is not None else ""
        return [f"{stopping}{stage}{counted}  {rate}".rstrip()]
    loss = f"   loss {last.loss:.3f}" if last.loss else ""
    where = f"step {last.step:,} of {last.steps:,}"
    if last.stage is not FitStage.METRIC:
        where = f"epoch {min(last.epoch + 1, last.epochs)} of {last.epochs}, {where}"
    swaps = f", swaps {last.swap_auc:.3f}" if last.swap_auc else ""
    lines = [
        f"{stopping}{last.what}: {_words(last)}, {where}{loss}",
        f"validation mAP {last.average_precision:.3f} (best {last.best:.3f}),"
        f" recall@1 {last.recall:.3f}{swaps}{_stopping_words(last)}",
    ]
    if training.resumed_at:
        lines.append(f"goes on from epoch {training.resumed_at}, where it was stopped before")
    return lines


def _words(last: TrainingProgress) -> str:
    return "learning which directions count" if last.stage is FitStage.METRIC else "perceptron"


def _stopping_words(last: TrainingProgress) -> str:
    """How near the training is to an early end."""
    if last.stage is FitStage.METRIC or not last.patience:
        return ""
    return f"; no gain for {last.epochs_without_improvement} of {last.patience} epochs"


def training_plots(view: TrainingView, last: TrainingProgress, width: int) -> tuple[Plot, ...]:
    """Loss and validation, or validation alone where that is too narrow."""
    validation = validation_plot(view.precisions, view.recalls, last.steps)
    if width < ROOM_FOR_BOTH:
        return (validation,)
    return loss_plot(view.losses, last.steps), validation
