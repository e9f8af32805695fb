"""Text that scrolls, laid out for the width there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import BindingsMap, BindingType
from textual.content import Content
from textual.dom import DOMNode
from textual.geometry import Region, Size
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from t2itui.keys import bindings, title_of
from t2itui.text.plain import plain
from t2itui.widgets.basics import Backdrop
from t2itui.widgets.key_line import KeyLine

if TYPE_CHECKING:
    from t2itui.session import Session


Compose = Callable[[int], Sequence[Content]]
"""Takes a width in cells and returns lines that fit into it."""


class LongText(ScrollView):
    """Scrolls lines that are drawn only where they are in sight."""

    DEFAULT_CSS = """
    LongText { height: 1fr; }
    """
    ALLOW_SELECT = False
    PADDING = 2
    """Cells left free on either side."""

    def __init__(self, compose_lines: Compose) -> None:
        super().__init__()
        self._compose_lines = compose_lines
        self._lines: Sequence[Content] = ()
        self._width = 0

    def on_resize(self) -> None:
        width = self.scrollable_content_region.width
        if width != self._width:
            self._width = width
            self._lines = [Content(""), *self._compose_lines(width - 2 * self.PADDING)]
            self.virtual_size = Size(width, len(self._lines))
            self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Strips of the lines in sight."""
        top, style = self.scroll_offset.y, self.rich_style
        background = self.background_colors[1]
        blank = Segment(" " * self.PADDING, style)
        strips = []
        for line in self._lines[top + crop.y : top + crop.bottom]:
            strip = Strip([blank, *line.render_segments(self.visual_style)])
            strip = strip.extend_cell_length(crop.width, style)
            for line_filter in self.get_line_filters():
                strip = strip.apply_filter(line_filter, background)
            strips.append(strip)
        rest = Strip.blank(crop.width, style)
        strips += [rest] * (crop.height - len(strips))
        return strips


KEY_WIDTH = 10
ROOM_FOR_TWO = 96
"""Cells from which on there are two columns of keys."""
GAP = 2
"""Cells between columns, and between a key and its meaning."""

SCORES = """\
match is the probability that the picture fits the description; the threshold applies to it.
By chance: of texts that the library does not show, half come out below the figure in the route \
line and nine tenths below the end of the band under the histogram.
Uncertain: the best match lies between .27 and .73, so the odds that the library shows it are near \
even.
cosine is the angle between the encoder's vectors, as it is: good pairs of real CLIP lie near 0.3. \
Its bar runs from the lowest to the highest cosine of the answer.
✓ at or above the threshold, · below it, ◆ marked."""


class HelpScreen(Screen[None], Backdrop):
    """Lists the keys of the screen it was called from, with what each does."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("help")

    def __init__(self, front: DOMNode, session: Session) -> None:
        super().__init__()
        self._session = session
        self._sections = gather(front)

    def compose(self) -> ComposeResult:
        yield LongText(self._lines)
        yield KeyLine()

    def _lines(self, width: int) -> list[Content]:
        """The keys, in two columns where there is room, and what the figures mean."""
        if width >= ROOM_FOR_TWO:
            half = width // 2
            columns = _columns(self._sections, half - GAP)
            pairs = zip_longest(*columns, fillvalue=Content(""))
            lines = [left.pad_right(half - left.cell_length) + right for left, right in pairs]
        else:
            lines = _stacked([_section(*each, width) for each in self._sections.items()])
        for note in (*SCORES.split("\n"), *self._about()):
            lines += [Content(""), *Content.styled(note, "$foreground-muted").wrap(max(1, width))]
        return lines

    def _about(self) -> list[str]:
        graphics, home = self._session.graphics, self._session.home
        terminal = f" in {graphics.terminal}" if graphics.terminal else ""
        lines = [f"Pictures: {graphics.protocol}{terminal}; {graphics.reason}."]
        if home is not None:
            lines.append(f"Library and settings: {home}")
        return [plain(line) for line in lines]


def _columns(sections: dict[str, list[tuple[str, str]]], width: int) -> list[list[Content]]:
    """Set the first section and as many more in the left column as keep both about equal."""
    blocks = [_section(title, keys, width) for title, keys in sections.items()]
    heights = [len(block) + 1 for block in blocks]
    left = 1
    while left < len(blocks) and sum(heights[: left + 1]) <= sum(heights) / 2 + 2:
        left += 1
    return [_stacked(blocks[:left]), _stacked(blocks[left:])]


def _stacked(blocks: list[list[Content]]) -> list[Content]:
    return [line for block in blocks for line in (*block, Content(""))][:-1]


def _section(title: str, keys: list[tuple[str, str]], width: int) -> list[Content]:
    """A title, and below it each key with its meaning in as many lines as that takes."""
    rows = [Content.styled(title, "bold $primary")]
    for key, meaning in keys:
        first, *others = wrap(meaning, max(1, width - KEY_WIDTH - GAP)) or [""]
        rows.append(Content.assemble((f"{key:>{KEY_WIDTH}}", "bold $accent"), " " * GAP, first))
        rows += [Content(" " * (KEY_WIDTH + GAP) + other) for other in others]
    return rows


def gather(front: DOMNode) -> dict[str, list[tuple[str, str]]]:
    """Collect the documented bindings of a screen, of the widgets it shows, and of the app.

    A binding's group is the first part of its id. A key that means something else to the screen is
    not listed again for the app, which never gets it there.
    """
    shown = (widget for widget in front.query(Widget) if widget.is_on_screen)
    nodes: list[DOMNode] = [front, *shown, front.app]
    sections: dict[str, list[tuple[str, str]]] = {}
    seen: set[str] = set()
    of_screen = set(_awake(front).key_to_bindings)
    for node in nodes:
        for pressed, binding in _awake(node):
            if not binding.tooltip or not binding.id or binding.id in seen:
                continue
            if node is front.app and pressed in of_screen:
                continue
            seen.add(binding.id)
            key = front.app.get_key_display(binding)
            sections.setdefault(title_of(binding.id), []).append((key, binding.tooltip))
    return sections


def _awake(node: DOMNode) -> BindingsMap:
    """The bindings of a node under the keys that a person gave them."""
    bindings = node._bindings.copy()
    bindings.apply_keymap(node.app._keymap)
    return bindings
