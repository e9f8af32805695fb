"""What there is to read about a row of the Train screen: a report, or how a training ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import getters
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.collections import BUILT_IN
from engine.states import JobState, QuerySet, ScorerKind
from t2itui.screens.train.list import ListedMatcher, ListedTraining
from t2itui.text.plain import plain
from t2itui.text.plots import Plot, reliability_plot, routing_plots, size_plots
from t2itui.text.tables import RichOutput
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
    lines = [
        Content.styled(f"Matcher {matcher.id} for {plain(matcher.encoder_id)}", "bold"),
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
        values = json.loads(text)
    except ValueError:
        return []
    lines: list[str] = []
    for name, value in values.items() if isinstance(values, dict) else ():
        if isinstance(value, dict):
            lines += _figures(json.dumps(value), f"{start}{name}: ")
        elif isinstance(value, float):
            # Counts are written as 120.0; a share of 1.0 is none.
            shown = f"{value:,.0f}" if value > 1 and value.is_integer() else f"{value:.3f}"
            lines.append(f"{start}{name} {shown}".replace("_", " "))
        elif isinstance(value, int | str) and not isinstance(value, bool):
            lines.append(f"{start}{name} {value}".replace("_", " "))
    return lines
