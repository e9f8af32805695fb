"""What a half-typed path can go on with, from what lies on the disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from engine import disk
from t2itui.keys import bindings
from t2itui.text.plain import plain

OFFERED = 200
"""Continuations returned at most; more letters make the list shorter."""


def completions(text: str, *, folders_only: bool, suffixes: Sequence[str] = ()) -> list[str]:
    """Return the paths that continue `text`, sorted, folders with a slash at their end.

    Files are offered where their name ends in one of `suffixes`, hidden names once a dot was
    typed. A folder that cannot be read has none.
    """
    parent, slash, beginning = text.rpartition("/")
    if text == "~":
        return ["~/"]
    try:
        with os.scandir(disk.expanded(parent + slash or ".")) as entries:
            found = [
                f"{parent}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
                for entry in entries
                if entry.name.startswith(beginning)
                and (not entry.name.startswith(".") or beginning.startswith("."))
                and (entry.is_dir() or (not folders_only and entry.name.endswith(tuple(suffixes))))
            ]
    except (OSError, ValueError):
        return []
    return sorted(found)[:OFFERED]


def agreed(found: Sequence[str]) -> str:
    """Return the longest beginning that all continuations share."""
    if not found:
        return ""
    first, last = min(found), max(found)
    for index, character in enumerate(first):
        if index >= len(last) or last[index] != character:
            return first[:index]
    return first


def as_path(text: str) -> Path | None:
    """Return the absolute path that was typed; None where nothing was."""
    if not text.strip():
        return None
    return Path(os.path.normpath(disk.from_root(disk.expanded(text))))


class PathLine(Input):
    """The line itself; Tab completes as far as all continuations agree, like a shell's."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("path")

    class Wanted(Message):
        """Something is wanted of the list of continuations."""

        def __init__(self, *, choose: bool) -> None:
            self.choose = choose
            """Go into the list, rather than complete."""
            super().__init__()

    def action_complete(self) -> None:
        self.post_message(self.Wanted(choose=False))

    def action_choose(self) -> None:
        self.post_message(self.Wanted(choose=True))


class Completions(OptionList, can_focus=False):
    """The list of continuations."""


class PathInput(Vertical):
    """A path line, and below it what the path can go on with while it has the focus."""

    DEFAULT_CSS = """
    PathInput {
        height: auto;
        & > Completions {
            display: none;
            height: auto;
            max-height: 5;
            border: none;
            padding: 0 1;
            background: $boost;
        }
        &.-open > Completions.-filled { display: block; }
    }
    """

    line = getters.query_one(PathLine)
    options = getters.query_one(Completions)

    class PathMessage(Message):
        """Base of what the widget tells."""

        def __init__(self, path_input: PathInput) -> None:
            self.path_input = path_input
            super().__init__()

        @property
        def control(self) -> PathInput:
            return self.path_input

    class Changed(PathMessage):
        """The path is another one."""

    class Submitted(PathMessage):
        """Enter was pressed in the line."""

    def __init__(
        self,
        value: str = "",
        *,
        placeholder: str,
        folders_only: bool,
        suffixes: Sequence[str] = (),
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._first = value
        self._placeholder = placeholder
        self._folders_only = folders_only
        self._suffixes = tuple(suffixes)
        self._offered: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        yield PathLine(
            self._first, placeholder=self._placeholder, compact=True, select_on_focus=False
        )
        yield Completions(markup=False, compact=True)

    @property
    def path(self) -> Path | None:
        """The absolute path in the line; None where there is none."""
        return as_path(self.line.value)

    def take(self, value: str) -> None:
        """Put a path into the line, the cursor behind it."""
        self.line.value = value
        self.line.cursor_position = len(value)

    def on_descendant_focus(self) -> None:
        self.set_class(True, "-open")

    def on_descendant_blur(self) -> None:
        self.set_class(False, "-open")

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        message.stop()
        self.look_up(message.value)
        self.post_message(self.Changed(self))

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.post_message(self.Submitted(self))

    @work(exclusive=True, group="completions")
    async def look_up(self, value: str) -> None:
        """List what continues `value`; a slow disk is waited for beside the screen."""
        found = await asyncio.to_thread(
            completions, value, folders_only=self._folders_only, suffixes=self._suffixes
        )
        if not self.query(Completions):
            return  # The form was closed meanwhile.
        self._offered = tuple(found) if value else ()
        self.options.set_options([Option(Content(plain(path))) for path in self._offered])
        self.options.set_class(bool(self._offered) and list(self._offered) != [value], "-filled")

    @on(PathLine.Wanted)
    def _wanted(self, message: PathLine.Wanted) -> None:
        message.stop()
        completed = agreed(self._offered)
        if message.choose:
            if self.options.display:
                # Tab passes the list by; only this key goes into it.
                self.options.can_focus = True
                self.options.highlighted = 0
                self.options.focus()
        elif len(completed) > len(self.line.value):
            self.take(completed)
        else:
            self.screen.focus_next()

    @on(OptionList.OptionSelected)
    def _chosen(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.take(self._offered[message.option_index])
        self.line.focus()
        self.options.can_focus = False
