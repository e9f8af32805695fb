"""What an empty library shows: what the program does, and a line that begins it."""

from __future__ import annotations

from pathlib import Path

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Middle, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from t2itui.plain import plain
from t2itui.widgets.folder_input import FolderInput

WELCOME = """\
Your library is empty. t2itui ranks your own pictures by what you describe, and shows them here.

Name a folder of pictures and press Enter: it is read in the background, all its folders with it. \
Your files are never changed, and you can search as soon as the first pictures are in."""

IMPORT = """\
Have CLIP vectors already? Leave t2itui (q) and run
  t2itui cache import --encoder ID --pictures P.npz --texts T.npz --root DIR"""


class FirstStart(Middle):
    """Explains how to begin, and begins on Enter."""

    DEFAULT_CSS = """
    FirstStart {
        align: center middle;
        & > VerticalScroll {
            width: 84%;
            max-width: 84;
            height: auto;
            max-height: 100%;
            padding: 0 2;
            border-left: thick $primary;
        }
        & #outcome { color: $text-error; }
        & #import { color: $text-muted; margin-top: 1; }
        & FolderInput { margin: 1 0; }
    }
    """

    class FolderChosen(Message):
        """The person wants this folder indexed."""

        def __init__(self, folder: Path) -> None:
            super().__init__()
            self.folder = folder

    folder = getters.query_one(FolderInput)
    outcome = getters.query_one("#outcome", Static)

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield Static(Content.styled("Welcome to t2itui", "bold $primary"))
            yield Static(Content(f"\n{WELCOME}"))
            yield FolderInput()
            yield Static(id="outcome")
            yield Static(Content(IMPORT), id="import")

    @on(Input.Submitted)
    def choose(self, message: Input.Submitted) -> None:
        message.stop()
        folder = Path(message.value.strip()).expanduser()
        if not message.value.strip():
            return
        if not folder.is_dir():
            self.say(f"✗ {folder} is no folder on this machine")
            return
        self.say("")
        self.post_message(self.FolderChosen(folder.absolute()))

    def say(self, text: str) -> None:
        """Show what became of the last attempt."""
        self.outcome.update(Content("\n".join(plain(line) for line in text.split("\n"))))
