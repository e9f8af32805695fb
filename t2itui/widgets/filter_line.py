"""The line that narrows a list as one types."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class FilterLine(Input):
    """Down or Enter goes on to the list, Escape shows all of it again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,enter", "leave", "To the list", id="filter.to_list", show=False),
        Binding("escape", "drop", "All", id="filter.drop", show=False),
    ]

    class Left(Message):
        """The person goes on to the list."""

    def action_leave(self) -> None:
        self.post_message(self.Left())

    def action_drop(self) -> None:
        self.value = ""
        self.post_message(self.Left())
