"""The decision in one line: the route, why, how long it took; or what is being waited for."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from t2itui.plain import plain

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class RouteLine(Static):
    """Says what became of the query."""

    DEFAULT_CSS = """
    RouteLine {
        height: 1;
        padding: 0 1;
        text-wrap: nowrap;
        color: $text-muted;
        background: $surface;
    }
    """

    def show_waiting(self, what: str, seconds: float) -> None:
        """Say what is being waited for, since when, and how to stop it."""
        spinner = SPINNER[int(seconds * 8) % len(SPINNER)]
        self.update(
            Content.assemble(
                (f"{spinner} {plain(what)}… ", "$accent"),
                f"{seconds:.0f} s   ",
                ("esc", "bold"),
                " cancels",
            ),
            layout=False,
        )

    def show_decision(self, route: str, reason: str, short: str, facts: str) -> None:
        """Show a route with its reason, or a shorter one, and facts about how it was found."""
        style = "bold $success" if route == "retrieve" else "bold $warning"
        sign = "✓" if route == "retrieve" else "✗"
        room = self.content_size.width - len(facts) - len(route) - 6
        text = plain(reason if len(reason) <= room else short)
        head = Content.assemble((f"{sign} {route}", style), ": ", (text, "$foreground"))
        self.update(
            Content.assemble(head, " " * max(2, room - len(text) + 2), facts),
            layout=False,
        )

    def show_hint(self, text: str) -> None:
        """Say something else."""
        self.update(Content(plain(text)), layout=False)
