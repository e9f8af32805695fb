"""A plot that is drawn beside the screen and anew whenever its room or the theme changes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.color import Color, ColorParseError
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.theme import Theme
from textual.widgets import Static, Tab, Tabs

from engine.states import JobState
from t2itui.screens.jobs.board import JobView
from t2itui.screens.jobs.line import MARKS, TONES, bar, figures
from t2itui.text.evaluations import (
    write_calibration,
    write_change,
    write_directions,
    write_routing,
    write_swaps,
)
from t2itui.text.plain import plain
from t2itui.text.plots import COLOURS, Plot, Rgb, draw, reliability_plots, routing_plots
from t2itui.text.rich_output import Written
from t2itui.text.words import duration_words, when_words

if TYPE_CHECKING:
    from rich.text import Text

    from engine.evaluation.results import Evaluation


LEAST_WIDTH, LEAST_HEIGHT = 24, 7


class PlotView(Static):
    """Shows a plot in all the room that it has."""

    ALLOW_SELECT = False

    class Drawn(Message, bubble=False):
        """The plot was drawn."""

        def __init__(self, text: Text) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__()
        self.plot: Plot | None = None

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, self._take_theme)

    def _take_theme(self, theme: Theme) -> None:
        self.call_after_refresh(self.draw_anew)

    def show(self, plot: Plot) -> None:
        """Show another plot."""
        if plot != self.plot:
            self.plot = plot
            self.draw_anew()

    def on_resize(self) -> None:
        self.draw_anew()

    def draw_anew(self) -> None:
        """Draw, where there is something to draw and room for it."""
        width, height = self.size
        if self.plot is not None and width >= LEAST_WIDTH and height >= LEAST_HEIGHT:
            self._draw(self.plot, width, height, self._colours())

    def _colours(self) -> dict[str, Rgb]:
        """The colours of the theme that plots are drawn with."""
        background = self.background_colors[1]
        colours = {"background": background.rgb}
        for name in COLOURS:
            try:
                colour = Color.parse(self.app.theme_variables.get(name, ""))
            except ColorParseError:
                colour = background.get_contrast_text()
            colours[name] = background.blend(colour, colour.a).rgb
        return colours

    @work(exclusive=True, group="plot")
    async def _draw(self, plot: Plot, width: int, height: int, colours: dict[str, Rgb]) -> None:
        text = await asyncio.to_thread(draw, plot, width, height, colours)
        self.post_message(self.Drawn(text))

    @on(Drawn)
    def take_drawn(self, message: Drawn) -> None:
        self.update(message.text)


BAR = 40
BUTTON = "$button-foreground on $surface"

NOTHING_YET = Content("\n\n").join(
    [
        Content.styled("How well do cosine and match find what a text describes?", "bold"),
        Content(
            "An evaluation asks data whose truth is known: captions, folders of classes, or the"
            " built-in storybook, of whose pictures every attribute is known. It measures recall"
            " and mAP both ways, swapped captions, retrieve or generate at every threshold, and"
            " calibration; the figures are kept, to compare."
        ),
        Content.assemble(
            (" n ", f"bold {BUTTON} @click=screen.new"),
            (" evaluate the storybook, or data of your own", "@click=screen.new"),
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
        *(Content.styled(f"· {plain(note)}", "$foreground-muted") for note in view.notes),
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


TABS = {
    "retrieval": "Retrieval",
    "swaps": "Swaps",
    "routing": "Routing",
    "calibration": "Calibration",
    "change": "Change",
    "about": "About",
}
NO_SWAPS = "No caption was swapped: the evaluation was made without, or its texts are single words."
NO_CALIBRATION = "None of the scorers gives a probability: match and label-free do."
HOW_TO_COMPARE = (
    "What changed from one evaluation to another: mark one with space, then a second one with space"
    " or the cursor."
)
MOST_PLOTS = 3
"""Scorers that can be told where to draw a line: cosine, match and label-free."""
PLOT_HEIGHT = 16
LEAST_PLOT_HEIGHT = 9


class Pane(VerticalScroll):
    """What a tab shows; scrolls by the keys once it has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "To the list", id="evaluate.to_list", tooltip="To the list"),
        Binding("left", "screen.tab(-1)", "Tab left", show=False),
        Binding("right", "screen.tab(1)", "Tab right", show=False),
        Binding(
            "shift+left",
            "scroll_left",
            "Sideways",
            id="evaluate.scroll_left",
            show=False,
            tooltip="Scroll wide tables to the left",
        ),
        Binding(
            "shift+right",
            "scroll_right",
            "Sideways",
            id="evaluate.scroll_right",
            show=False,
            tooltip="Scroll wide tables to the right",
        ),
    ]

    class Left(Message):
        """The person goes back to the list."""

    def action_leave(self) -> None:
        self.post_message(self.Left())


class EvaluationDetail(Vertical):
    """Shows an evaluation, what changed between two, or words that stand for neither."""

    DEFAULT_CSS = """
    EvaluationDetail {
        & Pane { height: 1fr; padding: 0 1; overflow: auto auto; scrollbar-size: 1 1; }
        & Pane > Static { width: auto; min-width: 100%; }
        & Pane > #words { width: 100%; }
        & #plots { height: auto; display: none; }
        & #plots.-shown { display: block; }
        & PlotView { width: 1fr; max-width: 100; height: 12; display: none; }
        & PlotView.-shown { display: block; }
        & #plots.-stacked { layout: vertical; }
        & #plots.-stacked PlotView { width: 100%; }
    }
    """
    ROOM_BESIDE = 84
    """Cells from which on two plots stand beside each other."""

    tabs = getters.query_one(Tabs)
    pane = getters.query_one(Pane)
    words = getters.query_one("#words", Static)
    tables = getters.query_one("#tables", Static)
    plots = getters.query_one("#plots", Horizontal)

    class TabShown(Message):
        """Another tab came to the front."""

    def __init__(self, *, drawn: bool) -> None:
        super().__init__()
        self.drawn = drawn
        """Plots are drawn; else they are text."""
        self.evaluation: Evaluation | None = None
        self.pair: tuple[Evaluation, Evaluation] | None = None
        """What the Change tab compares, the earlier one first."""

    def compose(self) -> ComposeResult:
        yield Tabs(*(Tab(label, id=name) for name, label in TABS.items()))
        with Pane():
            yield Static(id="words")
            with Horizontal(id="plots"):
                for _ in range(MOST_PLOTS):
                    yield PlotView()
            yield Static(id="tables")

    @property
    def tab(self) -> str:
        """The tab in front."""
        return self.tabs.active or "retrieval"

    def show(self, found: Evaluation, pair: tuple[Evaluation, Evaluation] | None) -> None:
        """Show an evaluation, and what there is to compare."""
        is_other = self.evaluation is None or self.evaluation.id != found.id
        self.evaluation, self.pair = found, pair
        self._refresh(from_top=is_other)

    def show_words(self, words: Content) -> None:
        """Show words in place of an evaluation."""
        self.evaluation = self.pair = None
        self.tabs.display = False
        self.plots.set_class(False, "-shown")
        self._say(words)
        self.tables.update("")

    def _say(self, words: Content) -> None:
        self.words.update(words)
        self.words.display = bool(words.plain)

    def turn(self, places: int) -> None:
        """Bring the next or the previous tab to the front."""
        names = list(TABS)
        self.tabs.active = names[(names.index(self.tab) + places) % len(names)]

    def toggle_plots(self) -> None:
        """Draw plots, or give them as text."""
        self.drawn = not self.drawn
        self._refresh(from_top=True)

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
        drawn = self._plots(found) if self.drawn else ()
        written = Written()
        match self.tab:
            case "retrieval":
                write_directions(found, written)
            case "swaps":
                write_swaps(found, written)
            case "routing":
                write_routing(found, written, with_curves=not drawn)
            case "calibration":
                write_calibration(found, written, with_diagrams=not drawn)
            case "change" if self.pair is not None:
                write_change(*self.pair, written)
        self._say(self._said(found))
        self._show_plots(drawn)
        self.tables.update(written.content)
        if from_top:
            self.pane.scroll_home(animate=False)

    def _plots(self, found: Evaluation) -> tuple[Plot, ...]:
        match self.tab:
            case "routing":
                return routing_plots(found)
            case "calibration":
                return reliability_plots(found)
        return ()

    def _said(self, found: Evaluation) -> Content:
        """The words of a tab that has no tables, or none for this evaluation."""
        match self.tab:
            case "about":
                return about(found)
            case "swaps" if not found.swaps:
                return Content(NO_SWAPS)
            case "calibration" if not found.calibration:
                return Content(NO_CALIBRATION)
            case "change" if self.pair is None:
                return Content(HOW_TO_COMPARE)
        return Content("")

    def _show_plots(self, drawn: tuple[Plot, ...]) -> None:
        self.plots.set_class(bool(drawn), "-shown")
        for index, view in enumerate(self.plots.query(PlotView)):
            view.set_class(index < len(drawn), "-shown")
            if index < len(drawn):
                view.show(drawn[index])
        self._fit_plots()

    def _fit_plots(self) -> None:
        """Side by side where there is room; never higher than what is in sight at once."""
        shown = sum(view.has_class("-shown") for view in self.plots.query(PlotView))
        self.plots.set_class(self.size.width < self.ROOM_BESIDE / 2 * shown, "-stacked")
        height = max(LEAST_PLOT_HEIGHT, min(PLOT_HEIGHT, self.size.height - 3))
        for view in self.plots.query(PlotView):
            view.styles.height = height


def about(found: Evaluation) -> Content:
    """What an evaluation was made on, and how."""
    facts = [
        (
            "data",
            f"{found.data} ({found.kind}): {found.texts:,} texts, {found.pictures:,} pictures",
        ),
        ("encoder", found.encoder),
        ("match", found.match),
        ("made", f"{when_words(found.created_at)}, in {duration_words(found.seconds)}"),
        *(("note", note) for note in found.notes),
        *(("asked", f"{name} {value}") for name, value in _asked(found.request)),
    ]
    lines = [
        Content.assemble((f"{name:<9}", "$foreground-muted"), plain(text)) for name, text in facts
    ]
    return Content("\n").join(lines)


def _asked(request: str) -> list[tuple[str, object]]:
    """The fields of a request that say something."""
    try:
        return [(name, value) for name, value in json.loads(request).items() if value]
    except (ValueError, AttributeError):
        return []
