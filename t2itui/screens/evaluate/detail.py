"""What is under the cursor of the Evaluate screen: figures in tabs, or how far a job is."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static, Tab, Tabs

from engine.collections import BUILT_IN
from engine.states import JobState
from engine.untrusted.documents import parse_object
from t2itui.keys import bindings
from t2itui.screens.jobs.board import JobView
from t2itui.screens.jobs.line import MARKS, TONES, bar, figures
from t2itui.text.evaluations import (
    write_beside,
    write_by_size,
    write_calibration,
    write_change,
    write_curves,
    write_directions,
    write_routing,
    write_swaps,
)
from t2itui.text.plain import plain
from t2itui.text.plots import (
    Plot,
    precision_recall_plots,
    reliability_plot,
    routing_plots,
    size_plots,
)
from t2itui.text.tables import RichOutput
from t2itui.text.words import duration_words, when_words
from t2itui.widgets.plots import PlotRow

if TYPE_CHECKING:
    from engine.evaluation.results import Evaluation


BAR = 40
BUTTON = "$button-foreground on $surface"

NOTHING_YET = Content("\n\n").join(
    [
        Content.styled("How well do cosine and match find what a text describes?", "bold"),
        Content(
            "An evaluation asks data whose truth is known: captions, folders of classes, or the"
            f" built-in {BUILT_IN.name}, of whose pictures every attribute is known. It measures"
            " recall and mAP both ways, swapped captions, retrieve or generate at every threshold"
            " and library size, and calibration; the figures are kept, to compare."
        ),
        Content.assemble(
            (" n ", f"bold {BUTTON} @click=screen.new"),
            (f" evaluate the {BUILT_IN.name}, or data of your own", "@click=screen.new"),
        ),
    ]
)


def job_story(view: JobView) -> Content:
    """How far a job is, or how it ended, with what can be done."""
    tone = TONES.get(view.state, "$text-primary")
    lines = [
        Content.assemble(
            (f"{MARKS[view.state]} {view.state}", f"bold {tone}"), f"  {plain(view.title)}"
        ),
        Content(""),
        *(_progress(view) if view.is_active else _ended(view)),
        *(Content.styled(f"· {plain(note)}", "$foreground-muted") for note in view.warnings),
        Content(""),
        _keys(view),
    ]
    return Content("\n").join(lines)


def _progress(view: JobView) -> list[Content]:
    progress = view.progress
    if progress is None:
        return [Content("waits for its turn" if view.state is JobState.QUEUED else "begins")]
    lines = [Content("  ".join(plain(part.text) for part in figures(progress)))]
    if progress.total:
        lines.append(bar(progress.done / progress.total, BAR))
    if progress.detail:
        lines.append(Content.styled(plain(progress.detail), "$foreground-muted"))
    return lines


def _ended(view: JobView) -> list[Content]:
    return [Content(plain(text)) for text in (view.message, view.hint) if text]


def _keys(view: JobView) -> Content:
    if view.is_active:
        parts = [("x", "cancel; embeddings made so far are kept", "screen.cancel")]
    else:
        parts = [
            ("r", "again, from where it was", "screen.again"),
            ("e", "change what is asked", "screen.edit"),
            ("x", "take it out of sight", "screen.cancel"),
        ]
    pieces = [
        Content.assemble((f" {key} ", f"bold {BUTTON} @click={action}"), f" {words}   ")
        for key, words, action in parts
    ]
    return Content("").join(pieces)


class EvaluationTab(StrEnum):
    """A tab of the figures; its value is the id of the widget."""

    RETRIEVAL = "retrieval"
    CURVES = "curves"
    SWAPS = "swaps"
    ROUTING = "routing"
    SIZES = "sizes"
    CALIBRATION = "calibration"
    CHANGE = "change"
    ABOUT = "about"


NO_CURVES = "Older versions drew no precision-recall curves; r makes the evaluation again."
NO_SWAPS = "No caption was swapped: the evaluation was made without, or its texts are single words."
NO_CALIBRATION = "None of the scorers gives a probability: match and label-free do."
NO_SIZES = (
    "Routing was not measured by library size: of match and label-free it is, and was not by older"
    " versions; r makes the evaluation again."
)
HOW_TO_COMPARE = (
    "What changed from one evaluation to another: mark one with space, then a second one with space"
    " or the cursor."
)
MOST_PLOTS = 3
"""Scorers that can be told where to draw a line: cosine, match and label-free."""
HEADING_LINES = 3
"""What stands above plots in sight."""


class FiguresPane(VerticalScroll):
    """What a tab shows; scrolls by the keys once it has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("evaluate_figures")

    class FiguresLeft(Message):
        """The person goes back to the list."""

    def action_leave(self) -> None:
        self.post_message(self.FiguresLeft())


class EvaluationDetail(Vertical):
    """Shows an evaluation, what changed between two, or words that stand for neither."""

    DEFAULT_CSS = """
    EvaluationDetail {
        & FiguresPane { height: 1fr; padding: 0 1; overflow: auto auto; scrollbar-size: 1 1; }
        & FiguresPane > Static { width: auto; min-width: 100%; }
        & FiguresPane > #words { width: 100%; }
    }
    """
    tabs = getters.query_one(Tabs)
    pane = getters.query_one(FiguresPane)
    words = getters.query_one("#words", Static)
    tables = getters.query_one("#tables", Static)
    plots = getters.query_one(PlotRow)

    class TabShown(Message):
        """Another tab came to the front."""

    def __init__(self, *, in_letters: bool) -> None:
        super().__init__()
        self._in_letters = in_letters
        self.evaluation: Evaluation | None = None
        self.pair: tuple[Evaluation, Evaluation] | None = None
        """What the Change tab compares, the earlier one first."""

    def compose(self) -> ComposeResult:
        yield Tabs(*(Tab(tab.capitalize(), id=tab) for tab in EvaluationTab))
        with FiguresPane():
            yield Static(id="words")
            yield PlotRow(MOST_PLOTS, in_letters=self._in_letters)
            yield Static(id="tables")

    @property
    def tab(self) -> EvaluationTab:
        """The tab in front."""
        return EvaluationTab(self.tabs.active or EvaluationTab.RETRIEVAL)

    def show(self, found: Evaluation, pair: tuple[Evaluation, Evaluation] | None) -> None:
        """Show an evaluation, and what there is to compare."""
        is_other = self.evaluation is None or self.evaluation.id != found.id
        self.evaluation, self.pair = found, pair
        self._refresh(from_top=is_other)

    def show_words(self, words: Content) -> None:
        """Show words in place of an evaluation."""
        self.evaluation = self.pair = None
        self.tabs.display = False
        self.plots.show(())
        self._say(words)
        self.tables.update("")

    def _say(self, words: Content) -> None:
        self.words.update(words)
        self.words.display = bool(words.plain)

    def turn(self, tabs: int) -> None:
        """Bring the next or the previous tab to the front."""
        names = list(EvaluationTab)
        self.tabs.active = names[(names.index(self.tab) + tabs) % len(names)]

    def toggle_plots(self) -> bool:
        """Draw plots in colours, or of letters; returns whether they are of letters now."""
        self.plots.in_letters = not self.plots.in_letters
        self._refresh(from_top=True)
        return self.plots.in_letters

    @on(Tabs.TabActivated)
    def _turned(self, message: Tabs.TabActivated) -> None:
        message.stop()
        self._refresh(from_top=True)
        self.post_message(self.TabShown())

    def on_resize(self) -> None:
        self._fit_plots()

    def _refresh(self, *, from_top: bool) -> None:
        found = self.evaluation
        if found is None:
            return
        self.tabs.display = True
        output = RichOutput()
        match self.tab:
            case EvaluationTab.RETRIEVAL:
                write_directions(found, output)
            case EvaluationTab.CURVES:
                write_curves(found.retrieval, output, with_plots=False)
            case EvaluationTab.SWAPS:
                write_swaps(found, output)
            case EvaluationTab.ROUTING:
                write_routing(found, output, with_plots=False)
            case EvaluationTab.SIZES:
                write_by_size(found, found.paired, output, with_plots=False)
            case EvaluationTab.CALIBRATION:
                write_calibration(found, output, with_plots=False)
            case EvaluationTab.CHANGE if self.pair is not None:
                write_change(*self.pair, output)
            case EvaluationTab.CHANGE:
                write_beside(found.beside, output)
        self._say(self._said(found))
        self.plots.show(self._plots(found))
        self._fit_plots()
        self.tables.update(output.content)
        if from_top:
            self.pane.scroll_home(animate=False)

    def _plots(self, found: Evaluation) -> tuple[Plot, ...]:
        match self.tab:
            case EvaluationTab.CURVES:
                return precision_recall_plots(found.retrieval)
            case EvaluationTab.ROUTING:
                return routing_plots(found.routing)
            case EvaluationTab.SIZES:
                return size_plots(found.by_size)
            case EvaluationTab.CALIBRATION:
                return tuple(map(reliability_plot, found.calibration))
        return ()

    def _said(self, found: Evaluation) -> Content:
        """The words of a tab that has no tables, or none for this evaluation."""
        match self.tab:
            case EvaluationTab.ABOUT:
                return about(found)
            case EvaluationTab.CURVES if not any(each.curve for each in found.retrieval):
                return Content(NO_CURVES)
            case EvaluationTab.SWAPS if not found.swaps:
                return Content(NO_SWAPS)
            case EvaluationTab.SIZES if not found.by_size:
                return Content(NO_SIZES)
            case EvaluationTab.CALIBRATION if not found.calibration:
                return Content(NO_CALIBRATION)
            case EvaluationTab.CHANGE if self.pair is None and not found.beside:
                return Content(HOW_TO_COMPARE)
        return Content("")

    def _fit_plots(self) -> None:
        """Never higher than what is in sight at once."""
        self.plots.fit(self.size.width, self.size.height - HEADING_LINES)


def about(found: Evaluation) -> Content:
    """What an evaluation was made on, and how."""
    rows = [
        (
            "data",
            f"{found.data} ({found.kind}): {found.texts:,} texts, {found.pictures:,} pictures",
        ),
        ("encoder", found.encoder),
        ("match", found.match),
        ("made", f"{when_words(found.created_at)}, in {duration_words(found.seconds)}"),
        *(("note", note) for note in found.warnings),
        *(("asked", f"{name} {value}") for name, value in _asked(found.request)),
    ]
    lines = [
        Content.assemble((f"{name:<9}", "$foreground-muted"), plain(text)) for name, text in rows
    ]
    return Content("\n").join(lines)


def _asked(request: str) -> list[tuple[str, object]]:
    """The fields of a request that say something."""
    try:
        values = parse_object(request, with_names=True)
        return [(name, value) for name, value in values.items() if value]
    except ValueError:
        return []
