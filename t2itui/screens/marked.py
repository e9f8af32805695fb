"""The marked pictures as a list of paths, to copy from."""

from __future__ import annotations

from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from t2itui.marks import Marks
from t2itui.plain import plain
from t2itui.widgets.key_line import KeyLine
from t2itui.wording import counted


class MarkedScreen(Screen[None]):
    """Lists the paths of marked pictures in the order they were marked."""

    DEFAULT_CSS = """
    MarkedScreen {
        & > #heading { height: 1; padding: 0 1; text-style: bold; color: $primary; }
        & > OptionList { height: 1fr; border: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "copy", "Copy all", id="marked.copy", tooltip="Copy paths, one a line"),
        Binding("space,delete", "unmark", "Unmark", id="marked.unmark", tooltip="Unmark this one"),
        Binding("c", "clear", "Clear", id="marked.clear", tooltip="Unmark all"),
        Binding("escape,M,q", "leave", "Back", id="marked.back", tooltip="Back to the pictures"),
    ]

    heading = getters.query_one("#heading", Static)
    paths = getters.query_one(OptionList)

    def __init__(self, marks: Marks) -> None:
        super().__init__()
        self._marks = marks

    def compose(self) -> ComposeResult:
        yield Static(id="heading")
        yield OptionList(markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._show()
        self.paths.focus()

    def _show(self) -> None:
        self.heading.update(
            f"{counted(len(self._marks), 'marked picture')}"
            if len(self._marks)
            else "No picture is marked: space marks the selected one"
        )
        at = self.paths.highlighted
        self.paths.set_options([Option(Content(plain(path))) for path in self._marks])
        if len(self._marks):
            self.paths.highlighted = min(at or 0, len(self._marks) - 1)

    def action_copy(self) -> None:
        """Copy all paths, one a line."""
        self.app.copy_to_clipboard("\n".join(self._marks))
        self.notify(f"{counted(len(self._marks), 'path')} copied")

    def action_unmark(self) -> None:
        """Unmark the highlighted picture."""
        if self.paths.highlighted is not None:
            self._marks.remove(self.paths.highlighted)
            self._show()

    def action_clear(self) -> None:
        """Unmark all."""
        self._marks.clear()
        self._show()

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss()
