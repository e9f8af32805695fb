"""The colours of cards, worked out once instead of for every line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.css.styles import RenderStyles
from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from engine.picture_names import file_name
from t2itui.graphics.art import UncachedStrip
from t2itui.graphics.drawing import Drawing, DrawingHolder, DrawingStyle
from t2itui.text.plain import plain
from t2itui.widgets.score_bar import bar, head

if TYPE_CHECKING:
    from engine.results import Shown
    from t2itui.screens.search.listing import ThirdScore


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
        self.style = DrawingStyle(background=background, words=grid.rich_style)
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


CAPTION_ROWS = 3
EDGE = 1
"""Cells at the left of a card that show whether it is selected."""
DISOWNED = -1
"""The index of a card that still shows a picture of an earlier answer."""
SAID = {None: "", True: "[fits] ", False: "[not] "}
"""What a person said, before the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardScores:
    """The figures on a card; they are known before its picture is."""

    rank: int
    match: float
    cosine: float
    cosine_share: float
    """Where the cosine lies between the lowest and the highest of the answer, 0 to 1."""
    passes: bool
    third: ThirdScore | None = None
    """What else ranks, shown in the place of the cosine."""
    marked: bool = False
    fits: bool | None = None
    """What a person said; None for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardContent:
    """What has to be fetched for a card."""

    shown: Shown
    thumbnail: bytes | None


class Card:
    """A picture with its caption; the grid moves it from result to result.

    No widget: dozens of them, each with its styles and children, would hold up every key.
    """

    def __init__(self, slot: int, holder: DrawingHolder, repaint: Callable[[Card], None]) -> None:
        """`repaint` is called whenever the lines have changed."""
        self.slot = slot
        """Place among the visible cards, in reading order."""
        self.index: int | None = None
        """Of the picture in the arrays of scores; None while the card is empty, and DISOWNED."""
        self.is_filled = False
        """The card shows the picture of its index, not only the figures."""
        self.name = ""
        """Of the file; empty until it was fetched."""
        self.picture = Drawing(holder, lambda: repaint(self))
        self._repaint = repaint
        self._scores: CardScores | None = None
        self._is_selected = False
        self._lines: tuple[list[Strip], tuple[object, ...], list[Strip]] | None = None

    @property
    def is_marked(self) -> bool:
        """The card shows a marked picture."""
        return self._scores is not None and self._scores.marked

    @property
    def is_below(self) -> bool:
        """The card shows a picture below the threshold."""
        return self._scores is not None and not self._scores.passes

    @property
    def is_selected(self) -> bool:
        """The card shows the selected picture."""
        return self._is_selected

    @is_selected.setter
    def is_selected(self, selected: bool) -> None:
        if selected != self._is_selected:
            self._is_selected = selected
            self._repaint(self)

    def disown(self) -> None:
        """Say that what the card shows belongs to an earlier answer; it stays for the moment."""
        if self.index is not None:
            self.index = DISOWNED
        self.is_filled = False

    def assign(self, index: int | None) -> bool:
        """Give the card another picture, to be filled later, or none; returns whether it was."""
        if index == self.index:
            return False
        self.index = index
        self.is_filled = False
        self.name = ""
        self.picture.show(None, alt="")
        if index is None:
            self.show_scores(None)
        return True

    def show_scores(self, scores: CardScores | None) -> None:
        """Show figures; nothing is repainted when they are the ones shown already."""
        if scores != self._scores:
            self._scores = scores
            self.picture.dim = self.is_below
            self._repaint(self)

    def fill(self, content: CardContent) -> None:
        """Show the fetched picture and name."""
        self.is_filled = True
        painted = "painted " if content.shown.synthetic else ""
        gone = "" if content.shown.present else "✗ "
        self.name = gone + painted + plain(file_name(content.shown.path))
        self.picture.show(content.thumbnail, alt=self.name, dim=self.is_below)
        self._repaint(self)

    def caption(self, width: int) -> list[Parts]:
        """What stands under the picture, in lines of `width` cells."""
        scores = self._scores
        if scores is None:
            return [("", " " * width, "")] * CAPTION_ROWS
        sign = f"{'✓' if scores.passes else '·'}{scores.rank}{'◆' if scores.marked else ' '}"[
            :width
        ]
        match, share = head("match", scores.match)[:width], scores.cosine_share
        cosine = head("cos  ", scores.cosine)[:width]
        if scores.third is not None:
            cosine, share = head("sim  ", scores.third.score)[:width], scores.third.share
        return [
            (sign, _cut(f" {SAID[scores.fits]}{self.name}", width - len(sign)), ""),
            ("", match, bar(scores.match, width - len(match))),
            ("", cosine, bar(share, width - len(cosine))),
        ]

    def lines(self, width: int, height: int, looks: CardLooks) -> list[Strip]:
        """The card in `height` strips of `width` cells; the same list while nothing changed."""
        rows = max(0, height - CAPTION_ROWS)
        picture = self.picture.lines(Size(max(0, width - EDGE), rows), looks.style)
        key = (width, height, looks, self._is_selected, self._scores, self.name)
        if self._lines is None or self._lines[0] is not picture or self._lines[1] != key:
            edge = looks.edge(selected=self._is_selected)
            below = looks.caption(
                self.caption(max(0, width - EDGE)), below=self.is_below, selected=self._is_selected
            )
            lines: list[Strip] = [
                UncachedStrip.join((edge, line)) for line in (*picture[:rows], *below)
            ]
            self._lines = (picture, key, lines[:height])
        return self._lines[2]


def _cut(text: str, width: int) -> str:
    """A text in exactly `width` cells, with an ellipsis where it was too long."""
    if width < 1 or cell_len(text) <= width:
        return set_cell_size(text, max(0, width))
    return f"{set_cell_size(text, width - 1)}…"


class CardColumn(Widget):
    """Draws the cards that stand below each other.

    Columns and not one widget, since a change to a card then rewrites no other column's pictures;
    and not a widget for each card, whose styles and layout would cost more than its drawing.
    """

    ALLOW_SELECT = False

    class Clicked(Message):
        """A card was clicked; twice opens the picture."""

        def __init__(self, number: int, row: int, *, twice: bool) -> None:
            super().__init__()
            self.number = number
            self.row = row
            self.twice = twice

    def __init__(
        self, number: int, cards: Callable[[int], Sequence[Card]], looks: Callable[[], CardLooks]
    ) -> None:
        """`cards` gives the cards of a column, the top one first."""
        super().__init__()
        self.number = number
        """From the left."""
        self._cards = cards
        self._looks = looks
        self.card_height = 1

    def repaint(self, row: int) -> None:
        """Paint the card of one row anew."""
        self.refresh(Region(0, row * self.card_height, self.size.width, self.card_height))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Strips of the visible part."""
        (width, height), looks = self.size, self._looks()
        cards = self._cards(self.number) if width > EDGE else ()
        lines = [line for card in cards for line in card.lines(width, self.card_height, looks)]
        lines += [Strip.blank(width, looks.style.words)] * (height - len(lines))
        lines = lines[crop.y : crop.bottom]
        if crop.column_span == (0, width):
            return lines
        return [line.crop(crop.x, crop.right) for line in lines]

    def on_click(self, event: events.Click) -> None:
        row = event.y // self.card_height
        if row < len(self._cards(self.number)):
            self.post_message(self.Clicked(self.number, row, twice=event.chain > 1))
