"""What stands beside the list of the Train screen: a training at work, its report, its end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.collections import BUILT_IN
from engine.events import TrainingProgress
from engine.states import FitStage, JobState, QuerySet, ScorerKind
from engine.untrusted.documents import parse_object
from t2itui.screens.jobs.board import JobView, TrainingView
from t2itui.screens.train.list import ListedMatcher, ListedTraining
from t2itui.text.plain import plain
from t2itui.text.plots import (
    Plot,
    loss_plot,
    reliability_plot,
    routing_plots,
    size_plots,
    validation_plot,
)
from t2itui.text.tables import RichOutput
from t2itui.text.words import rate_words
from t2itui.widgets.plots import PlotRow

if TYPE_CHECKING:
    from engine.training.report import TrainingReport


ABOUT = (
    "A matcher learns, on embeddings that stay as they are, which texts belong to which pictures."
    " It is kept where it beats the match without labels on pictures held out, and search uses it"
    " from then on.\n\n"
    f"n trains one on captions, folders of classes, or the {BUILT_IN.name}; i takes one in from a"
    " file."
    " Without data, y and n on results do a little of the same: l on the Search screen."
)
MOST_PLOTS = 7
"""Of a report: by library size, and of three scorers two each, by threshold and by probability."""


_COMPARED = (ScorerKind.MATCH, ScorerKind.LABEL_FREE)


class ReportView(VerticalScroll):
    """Shows what there is to read about the row under the cursor."""

    words = getters.query_one(Static)
    plots = getters.query_one(PlotRow)

    def __init__(self, *, in_letters: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self._in_letters = in_letters

    def compose(self) -> ComposeResult:
        yield Static()
        yield PlotRow(MOST_PLOTS, in_letters=self._in_letters)

    def show(self, words: Content | str, plots: Sequence[Plot] = ()) -> None:
        """Show something else, from its beginning."""
        self.words.update(words)
        self.plots.show(plots)
        self.on_resize()
        self.scroll_home(animate=False)

    def on_resize(self) -> None:
        self.plots.fit(self.size.width, self.size.height)


def outcome(report: TrainingReport, matcher_id: int | None) -> str:
    """Whether a matcher was kept, and why, in a sentence."""
    match, free = (report.of(n).average_precision.value for n in _COMPARED)
    routed = {each.scorer: each.mean for each in report.by_size if each.queries == QuerySet.ALL}
    routing = ""
    if routed:
        own, other = (routed[name] for name in _COMPARED)
        routing = f", routing {own:.3f} against {other:.3f}"
    figures = f"mAP {match:.3f} against {free:.3f}{routing} on {report.pictures[2]:,}"
    figures += " held-out pictures"
    if matcher_id is None:
        return f"Not kept: it {report.shortfall}, {figures}. k keeps it all the same."
    if report.is_better:
        return f"Kept as matcher {matcher_id}: better than the match without labels, {figures}."
    return f"Kept as matcher {matcher_id} by force: it {report.shortfall}, {figures}."


def matcher_detail(matcher: ListedMatcher) -> Content:
    """The report of a matcher."""
    if matcher.report is not None:
        return report_content(matcher.report, outcome(matcher.report, matcher.id))
    title = Content.styled(f"Matcher {matcher.id} for {plain(matcher.encoder_id)}", "bold")
    if matcher.trouble:
        advice = "Search cannot use it. d deletes it; the one kept before it is in force then."
        return Content("\n").join([title, Content(plain(matcher.trouble)), Content(advice)])
    lines = [
        title,
        Content("It came with the program or from a file; what its maker measured:"),
        *(Content(f"  {plain(line)}") for line in _figures(matcher.other_report)),
    ]
    return Content("\n").join(lines)


def report_content(report: TrainingReport, sentence: str) -> Content:
    """What came of a training in a sentence, and the figures below it."""
    from t2itui.text.evaluations import write_training_report

    output = RichOutput()
    output.line(sentence, bold=True)
    write_training_report(report, output, with_plots=False)
    return output.content


def report_plots(report: TrainingReport | None) -> tuple[Plot, ...]:
    """Routes by library size and at every threshold, and how often a probability is right."""
    if report is None:
        return ()
    curves = [each for each in report.by_size if each.queries == QuerySet.ALL]
    return (
        *size_plots(curves)[:1],
        *routing_plots(report.routing),
        *map(reliability_plot, report.calibration),
    )


def training_detail(training: ListedTraining) -> Content:
    """What there is to say of a training that does not run."""
    if training.trained is not None:
        return report_content(
            training.trained.report, outcome(training.trained.report, training.trained.id)
        )
    view = training.view
    said = [view.message, view.hint] if view is not None else []
    if training.state is JobState.LOST:
        said = ["The program ended before it was done."]
    if training.can_go_on:
        said.append("r goes on, from the last whole epoch if there was one.")
    return Content("\n").join([Content(plain(line)) for line in said if line])


def _figures(text: str, start: str = "") -> list[str]:
    """The numbers of a report of another make, a line each."""
    try:
        values = parse_object(text)
    except ValueError:
        return []
    lines: list[str] = []
    for name, value in values.items():
        if isinstance(value, dict):
            lines += _figures(json.dumps(value), f"{start}{name}: ")
        elif isinstance(value, float):
            # Counts are written as 120.0; a share of 1.0 is none.
            shown = f"{value:,.0f}" if value > 1 and value.is_integer() else f"{value:.3f}"
            lines.append(f"{start}{name} {shown}".replace("_", " "))
        elif isinstance(value, int | str) and not isinstance(value, bool):
            lines.append(f"{start}{name} {value}".replace("_", " "))
    return lines


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
    return "learning which directions count" if last.stage is FitStage.METRIC else "pairs"


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
