"""What the person should know about an answer: cut text, a language not read, a changed library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from t2itui.plain import plain

if TYPE_CHECKING:
    from engine.results import Note


class NotesLine(Static):
    """Shows notes, one a line; takes no room when there is none."""

    DEFAULT_CSS = """
    NotesLine {
        height: auto;
        max-height: 4;
        padding: 0 1;
        display: none;
        color: $text-warning;
        background: $warning-muted;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._notes: tuple[Note, ...] = ()
        self._offer = ""

    def show(self, notes: tuple[Note, ...]) -> None:
        """Show the notes of an answer; what was offered before is gone."""
        self._notes, self._offer = notes, ""
        self._show()

    def offer(self, text: str) -> None:
        """Show an offer beside the notes."""
        if text != self._offer:
            self._offer = text
            self._show()

    def _show(self) -> None:
        lines = [
            Content.assemble(("! ", "bold"), plain(note.message), " ", (plain(note.hint), "bold"))
            for note in self._notes
        ]
        lines += [Content.assemble(("↻ ", "bold"), self._offer)] if self._offer else []
        self.display = bool(lines)
        self.update(Content("\n").join(lines))
