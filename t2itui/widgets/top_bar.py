"""The top line: the name, the screens as tabs, and what the app works with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from engine.collections import BUILT_IN
from t2itui.keys import KEYS
from t2itui.status import Status
from t2itui.text.plain import plain

if TYPE_CHECKING:
    from t2itui.session import Session

TABS = tuple(
    (key.name, key.keys.partition(",")[0], key.label)
    for key in KEYS["app"]
    if key.action.startswith("go(")
)
"""Mode, key and label of each screen."""

NARROW = 90
"""Columns below which the status needs the room of the name."""


class ScreenTab(Static):
    """Goes to a screen when clicked; the one in front is marked."""

    def __init__(self, mode: str, key: str, label: str, *, is_front: bool) -> None:
        text = Content.assemble((f" {key} ", "dim"), f"{label} ")
        if is_front:
            text = Content.assemble((f"▌{key} ", "bold"), (f"{label} ", "bold"))
        super().__init__(text, classes="-front" if is_front else "")
        self.mode = mode
        self.tooltip = f"{label} screen (key {key})"

    async def on_click(self, event: events.Click) -> None:
        event.stop()
        await self.run_action(f"app.go('{self.mode}')")


class StatusText(Static):
    """Library, encoder, device and graphics, as many of them as there is room for.

    In the least room it is the number of pictures alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self._status = Status()

    def show(self, status: Status) -> None:
        """Show these figures."""
        self._status = status
        self.refresh()

    def render(self) -> Content:
        parts = self._parts()
        while len(parts) > 1 and sum(map(len, parts)) + 3 * len(parts) - 2 > self.size.width:
            parts.pop()
        text = " · ".join(parts)
        if len(text) >= self.size.width:
            count = self._status.pictures
            text = "…" if count is None else f"{count:,}"
        return Content(f"{text} ")

    def _parts(self) -> list[str]:
        """The most wanted first."""
        status = self._status
        count = "opening…" if status.pictures is None else f"{status.pictures:,} pictures"
        if status.is_built_in:
            count = f"{BUILT_IN.name} {status.pictures:,}"
        # Of a folder's encoder the name; the hash stands in every receipt.
        encoder = plain(status.encoder.rpartition("/")[2].partition("@")[0])
        device = status.device or ("no model loaded" if status.pictures is not None else "")
        return [part for part in (count, encoder, device, status.graphics) if part]


class TopBar(Horizontal):
    """Shows the app's status and switches between screens."""

    DEFAULT_CSS = """
    TopBar {
        dock: top;
        height: 1;
        background: $panel;
        color: $foreground;
        & > #name { width: auto; padding: 0 1; text-style: bold; color: $primary; }
        & > ScreenTab { width: auto; color: $text-muted; }
        & > ScreenTab:hover { background: $boost; color: $foreground; text-style: underline; }
        & > ScreenTab.-front { color: $foreground; background: $surface; }
        &.-narrow > #name { display: none; }
        & > StatusText { width: 1fr; text-align: right; color: $text-muted; text-wrap: nowrap; }
    }
    """

    def __init__(self, front: str, session: Session) -> None:
        super().__init__()
        self._front = front
        self._session = session
        self._unsubscribe: Callable[[], None] = lambda: None

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < NARROW, "-narrow")

    def compose(self) -> ComposeResult:
        yield Static("t2itui", id="name")
        for mode, key, label in TABS:
            yield ScreenTab(mode, key, label, is_front=mode == self._front)
        yield StatusText()

    def on_mount(self) -> None:
        text = self.query_one(StatusText)
        text.show(self._session.status)
        self._unsubscribe = self._session.status_changed.subscribe(text.show)

    def on_unmount(self) -> None:
        self._unsubscribe()
