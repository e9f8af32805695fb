"""Containers that cost next to nothing to paint."""

from __future__ import annotations

import re
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.color import Color
from textual.containers import Middle, VerticalScroll
from textual.content import Content
from textual.filter import LineFilter
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Checkbox, Static

from t2itui.keys import bindings
from t2itui.text.plain import plain

_STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


class NoControls(LineFilter):
    """Takes what would steer the terminal out of every line that is drawn, whoever drew it.

    The last resort for what was drawn without `plain`; a line stays as wide as it was.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(segment.text.isprintable() for segment in segments):
            return segments
        return [
            Segment(_STEERING.sub(_as_wide, text), style, control)
            for text, style, control in segments
        ]


def _as_wide(match: re.Match[str]) -> str:
    return "\N{REPLACEMENT CHARACTER}" * cell_len(match[0])


class Backdrop(Widget):
    """Paints nothing but its background, all of it one strip; for containers without a border.

    Name it last among the bases: stylesheet and keys are those of the first.

    Every container is painted wherever its children are, and each of its lines is cut where they
    begin and end. With lines of their own, a handful of nested containers takes longer than what
    they hold. (Textual's own BLANK passes by the filters, which a terminal without colour needs.)
    """

    def render_lines(self, crop: Region) -> list[Strip]:
        """As many times the same strip."""
        background = self.background_colors[1]
        strip = Strip.blank(crop.width, Style(bgcolor=background.rich_color))
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, background)
        return [strip] * crop.height


class Tick(Checkbox, inherit_bindings=False):
    """Shows without colour whether it is ticked; Enter is left to the form."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("tick")

    def __init__(self, label: str | Content, ticked: bool, *, id: str) -> None:
        super().__init__(label, ticked, compact=True, id=id)

    @property
    def _button(self) -> Content:
        mark = "x" if self.value else " "
        return Content.assemble("[", (mark, self.get_visual_style("toggle--button")), "]")


class Panel(Middle):
    """A few centred lines."""

    DEFAULT_CSS = """
    Panel {
        width: 100%;
        align: center middle;
        & > VerticalScroll {
            width: 80%;
            max-width: 84;
            height: auto;
            max-height: 100%;
            padding: 0 2;
        }
        &.-error > VerticalScroll { border-left: thick $error; }
        &.-plain > VerticalScroll { border-left: thick $primary; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = Static()

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield self._text

    def show_error(self, title: str, message: str, hint: str, keys: str = "") -> None:
        """Say what is wrong, what to do, and which keys do it."""
        self.set_classes("-error")
        parts = [Content.styled(f"✗ {title}", "bold $error"), Content(_lines(message))]
        if hint:
            parts.append(Content.assemble(("what to do  ", "bold"), _lines(hint)))
        if keys:
            parts.append(Content.styled(keys, "$foreground-muted"))
        self._text.update(Content("\n\n").join(parts))

    def show_text(self, title: str, lines: tuple[str, ...]) -> None:
        """Say something that is no error."""
        self.set_classes("-plain")
        body = Content("\n").join([Content(_lines(line)) for line in lines])
        self._text.update(Content("\n\n").join([Content.styled(title, "bold $primary"), body]))


def _lines(text: str) -> str:
    return "\n".join(plain(line) for line in text.split("\n"))
