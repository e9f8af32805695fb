"""The colours of cards, worked out once instead of for every line."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.css.styles import RenderStyles
from textual.strip import Strip
from textual.widget import Widget

from t2itui.graphics.drawing import Ground

BOLD = Style(bold=True)
Parts = tuple[str, str, str]
"""Of a line of a caption: bold text, plain text, a bar."""


class CardLooks:
    """What cards look like in one theme, on a grid that has the focus or has not."""

    COMPONENTS = frozenset(
        {"card--caption", "card--below", "card--match", "card--cosine"}
        | {"card--selected", "card--selected-edge", "card--focused", "card--focused-edge"}
    )
    """What the grid's stylesheet gives colours to."""

    def __init__(self, grid: Widget, *, focused: bool) -> None:
        background = grid.background_colors[1]
        self.ground = Ground(background=background, words=grid.rich_style)
        self._filters = tuple(grid.get_line_filters())
        styles = grid.get_component_styles
        chosen = styles("card--focused" if focused else "card--selected").background
        self._grounds = (background, background + chosen)
        texts = (styles("card--caption"), styles("card--below"))
        self._texts = {
            (below, selected): _style(texts[below], self._grounds[selected])
            for below in (False, True)
            for selected in (False, True)
        }
        self._bars = [
            [
                Style(color=_over(ground, styles(name)).rich_color)
                for name in ("card--caption", "card--match", "card--cosine")
            ]
            for ground in self._grounds
        ]
        edge = styles("card--focused-edge" if focused else "card--selected-edge")
        self._edges = (
            self._filtered([Segment(" ", Style(bgcolor=background.rich_color))], background),
            self._filtered([Segment("█", _style(edge, background))], background),
        )
        for strip in self._edges:
            strip.render(grid.app.console)

    def edge(self, *, selected: bool) -> Strip:
        """The left edge of a line of a card."""
        return self._edges[selected]

    def caption(self, lines: list[Parts], *, below: bool, selected: bool) -> list[Strip]:
        """The lines of a caption in the colours of the card's state."""
        text = self._texts[below, selected]
        return [
            self._filtered(
                [
                    Segment(bold, text + BOLD),
                    Segment(plain, text),
                    Segment(bar, text + self._bars[selected][number]),
                ],
                self._grounds[selected],
            )
            for number, (bold, plain, bar) in enumerate(lines)
        ]

    def _filtered(self, segments: list[Segment], background: Color) -> Strip:
        strip = Strip([segment for segment in segments if segment.text])
        for line_filter in self._filters:
            strip = strip.apply_filter(line_filter, background)
        return strip


def _style(styles: RenderStyles, ground: Color) -> Style:
    """The style of text on a ground."""
    colors = Style(color=_over(ground, styles).rich_color, bgcolor=ground.rich_color)
    return colors + styles.text_style


def _over(ground: Color, styles: RenderStyles) -> Color:
    """The colour of text on a ground."""
    if styles.auto_color:
        return ground + ground.get_contrast_text(styles.color.a)
    return ground + styles.color
