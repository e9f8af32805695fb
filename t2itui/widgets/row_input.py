"""The line in which a description is written, laid over its row of the heatmap."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.widgets import Input


class RowInput(Input):
    """Takes a text; Enter or going elsewhere keeps it, Escape does not."""

    DEFAULT_CSS = """
    RowInput {
        display: none;
        layer: edit;
        height: 1;
        border: none;
        padding: 0;
        background: $boost;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "drop", "Leave", id="row.drop", tooltip="Leave the text as it was"),
        Binding("up,down", "keep", "Keep", id="row.keep", show=False),
    ]

    class Done(Message):
        """The text is to be kept, or with None to be left as it was."""

        def __init__(self, text: str | None) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(compact=True, select_on_focus=False, placeholder="a description")
        self.is_open = False

    def open(self, text: str, place: Region) -> None:
        """Begin to write, at a place in the container."""
        self.is_open = True
        self.value = text
        self.cursor_position = len(text)
        self.styles.width = place.width
        self.styles.offset = place.offset
        self.display = True
        self.focus()

    def _close(self, text: str | None) -> None:
        if self.is_open:
            self.is_open = False
            self.display = False
            self.post_message(self.Done(text))

    def action_drop(self) -> None:
        self._close(None)

    def action_keep(self) -> None:
        self._close(self.value)

    async def action_submit(self) -> None:
        self._close(self.value)

    def on_blur(self) -> None:
        self._close(self.value)
