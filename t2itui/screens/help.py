"""Every key of a screen, gathered from its bindings."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer, Static

from t2itui.plain import plain

if TYPE_CHECKING:
    from t2itui.app import T2ITuiApp

KEY_WIDTH = 10

TITLES = {"search": "This answer", "grid": "Pictures", "query": "Query line", "app": "Everywhere"}

SCORES = """\
match is the probability that the picture fits the description; the threshold applies to it.
cosine is the angle between the encoder's vectors, as it is: good pairs of real CLIP lie near 0.3. \
Its bar runs from the lowest to the highest cosine of the answer.
✓ at or above the threshold, · below it, ◆ marked."""


class HelpScreen(Screen[None]):
    """Lists the keys of the screen it was called from, with what each does."""

    DEFAULT_CSS = """
    HelpScreen {
        & > VerticalScroll { padding: 1 2 0 2; }
        & Horizontal { height: auto; }
        & .column { width: 1fr; height: auto; margin-right: 2; }
        & .about { margin-bottom: 1; color: $foreground-muted; }
        &.-narrow Horizontal { layout: vertical; }
    }
    """
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (100, "-wide"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "app.pop_screen", "Back", id="help.back", tooltip="Back")
    ]

    def __init__(self, front: DOMNode) -> None:
        super().__init__()
        self._sections = gather(front)

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            with Horizontal():
                for column in _columns(self._sections):
                    yield Static(column, classes="column")
            yield Static(Content(SCORES), classes="about")
            yield Static(Content(self._about()), classes="about")
        yield Footer(show_command_palette=False, compact=True)

    def _about(self) -> str:
        app = cast("T2ITuiApp", self.app)
        graphics = app.graphics
        terminal = f" in {graphics.terminal}" if graphics.terminal else ""
        lines = [f"Pictures: {graphics.protocol}{terminal}; {graphics.reason}."]
        if app.home is not None:
            lines.append(f"Library and settings: {app.home}")
        return "\n".join(plain(line) for line in lines)


def _columns(sections: dict[str, list[tuple[str, str]]]) -> tuple[Content, Content]:
    """Set the first section and as many more in the left column as keep both about equal."""
    blocks = [_section(title, lines) for title, lines in sections.items()]
    heights = [len(lines) + 2 for lines in sections.values()]
    left = 1
    while left < len(blocks) and sum(heights[: left + 1]) <= sum(heights) / 2 + 2:
        left += 1
    gap = Content("\n\n")
    return gap.join(blocks[:left]) + "\n", gap.join(blocks[left:]) + "\n"


def _section(title: str, lines: list[tuple[str, str]]) -> Content:
    rows = [Content.styled(title, "bold $primary")]
    rows += [
        Content.assemble((f"{keys:>{KEY_WIDTH}}", "bold $accent"), f"  {meaning}")
        for keys, meaning in lines
    ]
    return Content("\n").join(rows)


def gather(front: DOMNode) -> dict[str, list[tuple[str, str]]]:
    """Collect the documented bindings of a screen, of the widgets it shows, and of the app.

    A binding's group is the first part of its id; keys that do the same stand in one line.
    """
    shown = (widget for widget in front.query(Widget) if widget.is_on_screen)
    nodes: list[DOMNode] = [front, *shown, front.app]
    sections: dict[str, list[tuple[str, str]]] = {}
    seen: set[str] = set()
    for node in nodes:
        for _key, binding in node._bindings:
            if not binding.tooltip or not binding.id or binding.id in seen:
                continue
            seen.add(binding.id)
            group = binding.id.partition(".")[0]
            key = front.app.get_key_display(binding)
            sections.setdefault(TITLES.get(group, group.capitalize()), []).append(
                (key, binding.tooltip)
            )
    return sections
