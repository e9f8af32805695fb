"""A plot that is drawn beside the screen and anew whenever its room or the theme changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import on, work
from textual.color import Color, ColorParseError
from textual.message import Message
from textual.theme import Theme
from textual.widgets import Static

from t2itui.evaluation_plots import COLOURS, Plot, Rgb, draw

if TYPE_CHECKING:
    from rich.text import Text

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
