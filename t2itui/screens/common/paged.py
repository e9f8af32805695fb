"""The line that narrows a list as one types."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from t2itui.keys import bindings
from t2itui.screens.common.base import AppScreen
from t2itui.text.words import counted
from t2itui.widgets.jump_line import JumpLine
from t2itui.widgets.rows import RowList


class FilterLine(JumpLine):
    """Down or Enter goes on to the list, Escape shows all of it again."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("filter")

    class FilterLeft(Message):
        """The person goes on to the list."""

    def action_leave(self) -> None:
        self.post_message(self.FilterLeft())

    def action_drop(self) -> None:
        self.value = ""
        self.post_message(self.FilterLeft())


PAGE = 200
"""Entries read at a time; the next ones come when the cursor reaches the last."""


class PagedScreen(AppScreen):
    """A list below the line that narrows it."""

    DEFAULT_CSS = """
    PagedScreen {
        & #filter { height: 1; padding: 0 1; }
        & #filter > Static { width: auto; color: $text-muted; }
        & #filter > FilterLine { width: 1fr; margin: 0 1; }
    }
    """
    NOUN: ClassVar[str]
    """What one entry is called."""
    EMPTY: ClassVar[str]
    """Said in place of entries."""
    NOTHING_FOUND: ClassVar[str]
    """Said where no entry has the words of the filter."""

    filter_line = getters.query_one(FilterLine)
    is_last = False
    """There are no entries but those that were read."""

    @property
    @abstractmethod
    def listing(self) -> RowList:
        """The list."""

    @abstractmethod
    def read_page(self, offset: int, containing: str) -> object:
        """Read entries from the `offset`th on, beside the screen."""

    def compose_filter(self, placeholder: str) -> ComposeResult:
        """The line that narrows the list, and how many entries it has."""
        with Horizontal(id="filter"):
            yield Static("filter")
            yield FilterLine(jump=f"{self.MODE}.filter", placeholder=placeholder)
            yield Static(id="count")

    def take_engine(self) -> None:
        """Read as soon as the engine is open."""
        self.load()

    def on_screen_resume(self) -> None:
        self.load()

    @on(Input.Changed)
    def load(self) -> None:
        """Read the list anew, from its beginning."""
        self.read_page(0, self.filter_line.value)

    def say_count(self, entries: int) -> None:
        """Say how many entries there are, and what stands for none."""
        self.listing.empty = self.NOTHING_FOUND if self.filter_line.value else self.EMPTY
        more = "" if self.is_last else " and more"
        words = counted(entries, self.NOUN) + more if entries else ""
        self.query_one("#count", Static).update(Content(words))

    def read_on(self, entries: int) -> None:
        """Read the next page if the cursor has come to the last entry."""
        if self.listing.cursor == len(self.listing.rows) - 1 and not self.is_last:
            self.read_page(entries, self.filter_line.value)

    def action_filter(self) -> None:
        """Go to the filter line."""
        self.filter_line.focus()

    @on(FilterLine.FilterLeft)
    def go_to_list(self) -> None:
        self.listing.focus()
