"""Every key of a screen, gathered from its bindings."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Footer, Static


class HelpScreen(Screen[None]):
    """Lists the keys of the screen it was called from, with what each does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "app.pop_screen", "Back", id="help.back", tooltip="Back")
    ]

    def __init__(self, front: Screen[object]) -> None:
        super().__init__()
        self._sections = gather(front)

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            for title, lines in self._sections:
                yield Static(Content.styled(title, "bold $primary"))
                for keys, description in lines:
                    yield Static(
                        Content.assemble((f"{keys:>16}", "bold $accent"), f"  {description}")
                    )
                yield Static()
        yield Footer(show_command_palette=False)


def gather(front: Screen[object]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Collect the documented bindings of a screen, of what has the focus in it, and of the app."""
    nodes: list[DOMNode] = [*front.query("*").results(), front, front.app]
    sections: dict[str, list[tuple[str, str]]] = {}
    seen: set[str] = set()
    for node in nodes:
        for bindings in node._bindings.key_to_bindings.values():
            for binding in bindings:
                if not binding.tooltip or not binding.id or binding.id in seen:
                    continue
                seen.add(binding.id)
                sections.setdefault(binding.id.partition(".")[0], []).append(
                    (front.app.get_key_display(binding), binding.tooltip)
                )
    return [(name.capitalize(), lines) for name, lines in sections.items()]
