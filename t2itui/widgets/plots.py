"""Plots that are drawn beside the screen, and anew whenever their room or the theme changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.color import Color, ColorParseError
from textual.containers import Horizontal
from textual.theme import Theme
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from t2itui.text.plots import COLOURS, Plot, Rgb, draw

if TYPE_CHECKING:
    from rich.text import Text


LEAST_WIDTH, LEAST_HEIGHT = 24, 7
"""Cells below which there is no room for a plot."""
ROOM_BESIDE = 42
"""Cells that each of several plots needs to stand beside the others."""
MOST_LINES, FEWEST_LINES = 16, 9
"""Of a plot among other things."""


class PlotView(Static):
    """Shows a plot in all the room that it has."""

    ALLOW_SELECT = False

    def __init__(self, *, in_letters: bool) -> None:
        super().__init__()
        self._in_letters = in_letters
        self._is_rendering = False
        self._is_due = False
        """There is something newer than what is being drawn."""
        self.plot: Plot | None = None

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, self._take_theme)

    def _take_theme(self, theme: Theme) -> None:
        self.call_after_refresh(self.draw_anew)

    def show(self, plot: Plot, *, in_letters: bool) -> None:
        """Show another plot, or the same in another way."""
        if (plot, in_letters) != (self.plot, self._in_letters):
            self.plot, self._in_letters = plot, in_letters
            self.draw_anew()

    def on_resize(self) -> None:
        self.draw_anew()

    def draw_anew(self) -> None:
        """Draw, where there is something to draw and room for it; one drawing at a time."""
        width, height = self.size
        if self.plot is None or width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return
        if self._is_rendering:
            self._is_due = True
            return
        self._is_rendering = True
        self._draw(self.plot, width, height, None if self._in_letters else self._colours())

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

    @work(group="plot")
    async def _draw(
        self, plot: Plot, width: int, height: int, colours: Mapping[str, Rgb] | None
    ) -> None:
        text = await asyncio.to_thread(draw, plot, width, height, colours)
        self.call_later(self.take_rendered, text)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self._is_rendering = False

    def take_rendered(self, text: Text) -> None:
        self.update(text, layout=False)
        self._is_rendering = False
        if self._is_due:
            self._is_due = False
            self.draw_anew()


class PlotRow(Horizontal):
    """Shows a few plots side by side, or one below the other where that is too narrow."""

    DEFAULT_CSS = """
    PlotRow {
        height: auto;
        display: none;
        &.-shown { display: block; }
        & PlotView { width: 1fr; max-width: 100; height: 12; display: none; }
        & PlotView.-shown { display: block; }
        &.-stacked { layout: vertical; }
        &.-stacked PlotView { width: 100%; }
    }
    """

    def __init__(self, most: int, *, in_letters: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self._most = most
        self.in_letters = in_letters
        """Lines are made of letters without colours, for terminals and eyes that want text."""

    def compose(self) -> ComposeResult:
        for _ in range(self._most):
            yield PlotView(in_letters=self.in_letters)

    def show(self, plots: Sequence[Plot]) -> None:
        """Show these plots, or nothing."""
        self.set_class(bool(plots), "-shown")
        for index, view in enumerate(self.query(PlotView)):
            view.set_class(index < len(plots), "-shown")
            if index < len(plots):
                view.show(plots[index], in_letters=self.in_letters)

    def fit(self, width: int, height: int) -> None:
        """Take no more room than that, as far as plots can be read in it."""
        views = list(self.query(PlotView))
        shown = sum(view.has_class("-shown") for view in views)
        self.set_class(shown > 1 and width < ROOM_BESIDE * shown, "-stacked")
        for view in views:
            view.styles.height = max(FEWEST_LINES, min(MOST_LINES, height))
