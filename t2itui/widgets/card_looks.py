"""The colours of cards, worked out once instead of for every line."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.css.styles import RenderStyles
from textual.filter import LineFilter
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
        filters = tuple(grid.get_line_filters())
        styles = grid.get_component_styles
        chosen = styles("card--focused" if focused else "card--selected").background
        grounds = (background, background + chosen)
        texts = (styles("card--caption"), styles("card--below"))
        bars = [styles(name) for name in ("card--caption", "card--match", "card--cosine")]
        self._lines: dict[tuple[bool, bool], list[tuple[Style, Style, Style]]] = {}
        for below, selected in product((False, True), repeat=2):
            ground = grounds[selected]
            text = _style(texts[below], ground)
            self._lines[below, selected] = [
                (
                    _filtered(text + BOLD, ground, filters),
                    _filtered(text, ground, filters),
                    _filtered(text + Style(color=_over(ground, bar).rich_color), ground, filters),
                )
                for bar in bars
            ]
        edge = styles("card--focused-edge" if focused else "card--selected-edge")
        plain, chosen_edge = Style(bgcolor=background.rich_color), _style(edge, background)
        self._edges = [
            Strip([Segment(text, _filtered(style, background, filters))], 1)
            for text, style in ((" ", plain), ("█", chosen_edge))
        ]
        for strip in self._edges:
            strip.render(grid.app.console)

    def edge(self, *, selected: bool) -> Strip:
        """The left edge of a line of a card."""
        return self._edges[selected]

    def caption(self, lines: list[Parts], *, below: bool, selected: bool) -> list[Strip]:
        """The lines of a caption in the colours of the card's state."""
        return [
            Strip([Segment(text, style) for text, style in zip(parts, styles, strict=True) if text])
            for parts, styles in zip(lines, self._lines[below, selected], strict=True)
        ]


def _filtered(style: Style, ground: Color, filters: Iterable[LineFilter]) -> Style:
    """A style as the app's filters leave it; once for all, and not for every line."""
    segments = [Segment("x", style)]
    for line_filter in filters:
        segments = line_filter.apply(segments, ground)
    return segments[0].style or style


def _style(styles: RenderStyles, ground: Color) -> Style:
    """The style of text on a ground."""
    colors = Style(color=_over(ground, styles).rich_color, bgcolor=ground.rich_color)
    return colors + styles.text_style


def _over(ground: Color, styles: RenderStyles) -> Color:
    """The colour of text on a ground."""
    if styles.auto_color:
        return ground + ground.get_contrast_text(styles.color.a)
    return ground + styles.color
