"""What an empty library shows: what the program does, and a line that begins it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Middle, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from t2itui.plain import plain
from t2itui.widgets.path_input import PathInput

WELCOME = """\
Your library is empty. t2itui ranks your own pictures by what you describe, and shows them here.

Name a folder of pictures and press Enter. It is read in the background with all its folders; your \
files are never changed, and you can search as soon as the first pictures are in."""


class FirstStart(Middle):
    """Explains how to begin, and begins on Enter."""

    DEFAULT_CSS = """
    FirstStart {
        width: 100%;
        align: center middle;
        & > VerticalScroll {
            width: 86%;
            max-width: 88;
            height: auto;
            max-height: 100%;
            padding: 0 2;
            border-left: thick $primary;
        }
        & #outcome { height: auto; color: $text-error; display: none; }
        & PathInput { margin: 1 0; }
        & Horizontal { height: auto; }
        & Button { margin-right: 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+o",
            "import",
            "Import vectors",
            id="first.import",
            tooltip="Begin with CLIP vectors that were made elsewhere",
        ),
    ]

    class FolderChosen(Message):
        """The person wants this folder indexed."""

        def __init__(self, folder: Path) -> None:
            super().__init__()
            self.folder = folder

    class ImportWanted(Message):
        """The person has vectors already."""

    folder = getters.query_one(PathInput)
    outcome = getters.query_one("#outcome", Static)

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield Static(Content.styled("Welcome to t2itui", "bold $primary"))
            yield Static(Content(f"\n{WELCOME}"))
            yield PathInput(placeholder="~/pictures   (Tab completes)", folders_only=True)
            yield Static(id="outcome")
            with Horizontal():
                yield Button("Index (enter)", variant="primary", id="go", compact=True)
                yield Button("Import vectors (ctrl+o)", id="import", compact=True)

    @on(PathInput.Submitted)
    @on(Button.Pressed, "#go")
    def choose(self, message: Message) -> None:
        message.stop()
        folder = self.folder.path
        if folder is None:
            self.folder.line.focus()
        elif not folder.is_dir():
            self.say(f"✗ {folder} is no folder on this machine")
        else:
            self.say("")
            self.post_message(self.FolderChosen(folder))

    @on(Button.Pressed, "#import")
    def action_import(self) -> None:
        """Begin with vectors that were made elsewhere."""
        self.post_message(self.ImportWanted())

    def say(self, text: str) -> None:
        """Show what became of the last attempt."""
        self.outcome.display = bool(text)
        self.outcome.update(Content("\n".join(plain(line) for line in text.split("\n"))))
