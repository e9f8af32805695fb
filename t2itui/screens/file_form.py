"""Dialogs that ask for one file: one that is there, or one that is to be written."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from textual import getters
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from t2itui.plain import plain
from t2itui.screens.form import Dialog, FormError
from t2itui.widgets.path_input import PathInput

Answer = TypeVar("Answer")


class FileDialog(Dialog[Answer], Generic[Answer]):
    """A single line for a file, with what there is to know about it."""

    LABEL: ClassVar[str]
    HELP: ClassVar[str] = ""

    target = getters.query_one("#target", PathInput)

    def __init__(self, home: Path | None) -> None:
        super().__init__()
        self._home = home

    @abstractmethod
    def field(self) -> PathInput:
        """The line, whose id is `target`."""

    def help_words(self) -> str:
        """What there is to know about the file."""
        return self.HELP

    def compose_fields(self) -> ComposeResult:
        yield self.labelled(self.LABEL, self.field())
        words = self.help_words()
        if words:
            yield Static(Content(plain(words)), classes="help")

    def on_mount(self) -> None:
        super().on_mount()
        self.target.line.focus()


class ReadFile(FileDialog[Path]):
    """A file that is there."""

    LABEL = "From"
    PLACEHOLDER: ClassVar[str]
    SUFFIXES: ClassVar[tuple[str, ...]]

    def field(self) -> PathInput:
        return PathInput(
            placeholder=self.PLACEHOLDER, folders_only=False, suffixes=self.SUFFIXES, id="target"
        )

    def read(self) -> Path:
        path = self.target.path
        if path is None:
            raise FormError("name a file")
        if not path.is_file():
            raise FormError(f"{path} is no file on this machine")
        return path


class WriteFile(FileDialog[Path]):
    """A file to write; one that is there is left alone, unless it is `own`."""

    LABEL = "To"

    def __init__(self, home: Path | None, proposed: Path, own: Path | None = None) -> None:
        super().__init__(home)
        self._proposed = proposed
        self._own = own

    def field(self) -> PathInput:
        proposed = str(self._proposed)
        return PathInput(proposed, placeholder=proposed, folders_only=True, id="target")

    def read(self) -> Path:
        target = self.target.path
        if target is None:
            raise FormError("name a file")
        if target.is_dir():
            target = target / self._proposed.name
        if target.exists() and target != self._own:
            raise FormError(f"{target} is there already: choose another name")
        if not target.parent.is_dir():
            raise FormError(f"there is no folder {target.parent}")
        return target
