"""A line for a folder's path, completed from the disk."""

from __future__ import annotations

import asyncio
import os
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.suggester import Suggester
from textual.widgets import Input


def complete(typed: str) -> str | None:
    """Return `typed` made longer by the first folder on disk whose path begins so.

    Hidden folders come only when their dot is typed. Blocks for one directory listing.
    """
    start, _, begun = os.path.expanduser(typed).rpartition("/")
    try:
        with os.scandir(f"{start}/" if start or typed.startswith("/") else ".") as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name.startswith(begun)
                and (begun or not entry.name.startswith("."))
                and entry.is_dir()
            )
    except (OSError, ValueError):
        return None
    if not names or not names[0].isprintable():
        return None
    return f"{typed[: len(typed) - len(begun)]}{names[0]}/"


class FolderSuggester(Suggester):
    """Suggests folders, read beside the event loop: a network disk may be slow."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        return await asyncio.to_thread(complete, value) if value else None


class FolderInput(Input):
    """Takes a folder; Tab accepts the completion."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "cursor_right_or_next", "Complete", id="folder.complete", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            placeholder="~/pictures   (Tab completes, Enter begins)",
            suggester=FolderSuggester(),
            id=id,
        )

    def action_cursor_right_or_next(self) -> None:
        """Accept the completion; where there is none, go to the next widget."""
        before = self.value
        if self._suggestion:
            self.cursor_position = len(self.value)
            self.action_cursor_right()
        if self.value == before:
            self.screen.focus_next()
