"""What an empty library shows: what the program does, and a line that begins it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.containers import Horizontal, Middle, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from engine import disk
from engine.collections import BUILT_IN
from engine.events import JobFinished
from engine.requests import AttachRequest, IndexRequest
from t2itui.keys import bindings
from t2itui.session import AskForVectors
from t2itui.text.plain import plain
from t2itui.widgets.path_input import PathInput

if TYPE_CHECKING:
    from t2itui.session import Session


WELCOME = """\
Your library is empty. t2itui ranks your own pictures by what you describe, and shows them here.

Name a folder of pictures and press Enter. It is read in the background with all its folders; your \
files are never changed, and you can search as soon as the first pictures are in.

The storybook, drawn pictures to try everything on, is left out: b on the Library screen (F6) \
takes it back."""


class FirstStart(Middle):
    """Explains how to begin, and begins on Enter.

    Its parts are made when it is first opened: most libraries have pictures.
    """

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
        & #outcome { height: auto; margin-bottom: 1; display: none; }
        & PathInput { margin: 1 0; }
        & Horizontal { height: auto; }
        & Button { margin-right: 2; }
        & #download { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("first")

    def __init__(self, session: Session, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._session = session
        self.folder = PathInput(placeholder="~/pictures   (Tab completes)", folders_only=True)
        self.outcome = Static(id="outcome")
        self.download = Button("Get the model (ctrl+g)", id="download", compact=True)
        self._wanted: Path | None = None
        """A folder that waits for the encoder."""

    @work(exclusive=True, group="open")
    async def open(self) -> None:
        """Let the person name a folder."""
        if not self.children:
            await self.mount(
                VerticalScroll(
                    Static(Content.styled("Welcome to t2itui", "bold $primary")),
                    Static(Content(f"\n{WELCOME}")),
                    self.folder,
                    self.outcome,
                    Horizontal(
                        Button("Index (enter)", variant="primary", id="go", compact=True),
                        self.download,
                        Button("Import vectors (ctrl+o)", id="import", compact=True),
                    ),
                    can_focus=False,
                )
            )
        self.folder.line.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the download only where it is what is missing."""
        return action != "download" or self._wanted is not None

    @on(PathInput.Submitted)
    @on(Button.Pressed, "#go")
    def choose(self, message: Message) -> None:
        message.stop()
        folder = self.folder.path
        if folder is None:
            self.folder.line.focus()
        elif not disk.is_folder(folder):
            reason = disk.absence(folder, f"{folder} is no folder on this machine")
            self._say(f"✗ {reason}", "$text-error")
        else:
            self._begin(folder)

    def _begin(self, folder: Path) -> None:
        """Index a folder, or say that the encoder has to be fetched first."""
        engine = self._session.engine
        if engine is None:
            return
        if engine.attachments.holds_shards(folder):
            engine.attach(AttachRequest(folder=folder))
            self._say(f"Attaching the shards in {folder} …", "$success")
            return
        encoder = engine.settings.encoder
        if engine.encoders.locate(encoder) is None:
            self._ask_download(folder, encoder)
            return
        engine.index(IndexRequest(folders=(folder,)))
        self._say(f"Indexing {folder} … search as soon as the first pictures are in.", "$success")

    def _ask_download(self, folder: Path, encoder: str) -> None:
        self._wanted = folder
        self.download.display = True
        self.refresh_bindings()
        self._say(
            f"✗ The encoder {encoder} is not on this machine.\n"
            f"ctrl+g downloads it, then indexes {folder}.\n"
            f"In the shell: t2itui models get {encoder}\n{BUILT_IN.instead}",
            "$text-warning",
        )

    @on(Button.Pressed, "#download")
    def action_download(self) -> None:
        """Download the encoder, then index the folder that waits for it."""
        if self._wanted is not None:
            self._download_for(self._wanted)

    @work(exclusive=True)
    async def _download_for(self, folder: Path) -> None:
        engine = self._session.engine
        if engine is None:
            return
        job = engine.download(engine.settings.encoder)
        self._say("Downloading the encoder; the folder is indexed when it is here.", "$success")
        if isinstance(await job.wait(), JobFinished):
            engine.index(IndexRequest(folders=(folder,)))

    @on(Button.Pressed, "#import")
    def action_import(self) -> None:
        """Begin with vectors that were made elsewhere."""
        self._session.send(AskForVectors())

    def say_failure(self, message: str, hint: str) -> None:
        """Show why the last attempt failed and what to do."""
        self._say(f"✗ {message}\n{hint}".rstrip(), "$text-error")

    def _say(self, text: str, style: str) -> None:
        self.outcome.display = True
        lines = "\n".join(plain(line) for line in text.split("\n"))
        self.outcome.update(Content.styled(lines, style))
