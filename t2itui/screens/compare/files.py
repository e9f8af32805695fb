"""Asks about a comparison: a picture to add, its encoders, a file to open, save or export to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from engine import disk
from engine.collections import BUILT_IN
from engine.comparing.comparison import (
    ComparisonRequest,
    load_request,
    save_request,
)
from engine.file_types import SUFFIXES
from t2itui.keys import bindings
from t2itui.screens.common.dialogs import Dialog, FileDialog, FormError, ReadFile, WriteFile
from t2itui.text.plain import plain
from t2itui.text.shell_commands import compare_command
from t2itui.widgets.basics import Tick
from t2itui.widgets.path_input import PathInput

if TYPE_CHECKING:
    from engine.comparing.comparison import Comparison
    from t2itui.session import Session


EXPORTS = (".png", ".svg", ".pdf", ".csv", ".json")


class AddPicture(FileDialog[str]):
    """A picture of the library, by path or by name."""

    HEADING = "Add a picture"
    GO = "Add (enter)"
    LABEL = "Picture"
    HELP = "It must be indexed. A name will do where the library has one file of that name."

    def __init__(self, home: Path | None, request: ComparisonRequest) -> None:
        super().__init__(home)
        self._request = request

    def field(self) -> PathInput:
        return PathInput(
            placeholder=f"~/horse.jpg, horse.jpg or {BUILT_IN.name}/0004.webp",
            folders_only=False,
            suffixes=SUFFIXES,
            id="target",
        )

    def read(self) -> str:
        name = self.target.line.value.strip()
        if not name:
            raise FormError("name a picture")
        return name

    def command(self, answer: str) -> str:
        pictures = (*self._request.pictures, answer)
        return compare_command(self._home, replace(self._request, pictures=pictures))


class ChooseEncoders(Dialog[tuple[str, ...]]):
    """Encoders of the library, those of the comparison first; one or none of them will do."""

    HEADING = "Compare by several encoders"
    GO = "Compare (enter)"
    HELP = (
        "Space ticks; the first one ticked is what the others are held against. With none the"
        " comparison is made by the one that a search would take."
    )
    BINDINGS: ClassVar[list[BindingType]] = bindings("encoders_form")

    def __init__(self, home: Path | None, request: ComparisonRequest, known: Sequence[str]) -> None:
        super().__init__()
        self._home = home
        self._request = request
        self._offered = tuple(dict.fromkeys((*request.encoders, *known)))

    def compose_fields(self) -> ComposeResult:
        for number, encoder in enumerate(self._offered):
            ticked = encoder in self._request.encoders
            yield Tick(Content(plain(encoder)), ticked, id=f"encoder-{number}")
        yield Static(self.HELP, classes="help")

    def on_mount(self) -> None:
        super().on_mount()
        boxes = self.query(Tick)
        (boxes.first() if boxes else self.query_one("#go")).focus()

    def action_submit(self) -> None:
        """Answer from a box too."""
        self.submit()

    def read(self) -> tuple[str, ...]:
        boxes = zip(self._offered, self.query(Tick), strict=True)
        return tuple(encoder for encoder, box in boxes if box.value)

    def command(self, answer: tuple[str, ...]) -> str:
        return compare_command(self._home, replace(self._request, encoders=answer))


class OpenComparison(ReadFile):
    """A comparison that was saved before."""

    HEADING = "Open a comparison"
    GO = "Open (enter)"
    PLACEHOLDER = "~/horse.json"
    SUFFIXES = (".json",)

    def command(self, answer: Path) -> str:
        return compare_command(self._home, None, "--from", str(answer))


class WriteComparison(WriteFile):
    """A file for a comparison; its own may be written again."""

    OPTION: ClassVar[str]

    def __init__(
        self, home: Path | None, request: ComparisonRequest, proposed: Path, own: Path | None
    ) -> None:
        super().__init__(home, proposed, own)
        self._request = request

    def command(self, answer: Path) -> str:
        return compare_command(self._home, self._request, self.OPTION, str(answer))


class SaveComparison(WriteComparison):
    """Where pictures and descriptions are to be kept."""

    HEADING = "Save the comparison"
    GO = "Save (enter)"
    OPTION = "--save"
    HELP = "A small JSON file with the pictures' names and the descriptions; o opens it again."


class ExportComparison(WriteComparison):
    """Where the result is to go, and as what."""

    HEADING = "Export the result"
    GO = "Export (enter)"
    OPTION = "--export"
    HELP = "The end of the name says what it becomes: .png, .svg or .pdf a heatmap, .csv, .json."

    def read(self) -> Path:
        target = super().read()
        if target.suffix.lower() not in EXPORTS:
            raise FormError(f"the name must end in one of {', '.join(EXPORTS)}")
        return target


Ask: TypeAlias = Callable[[Dialog[Any]], Awaitable[Any]]
"""Shows a dialog and gives its answer; None where the person thought better of it."""


class ComparisonFiles:
    """Asks for files, names and encoders, and reads or writes what they stand for.

    What cannot be found, read or written is raised as T2IError.
    """

    def __init__(self, session: Session, ask: Ask) -> None:
        self._session = session
        self._ask = ask
        self._own: Path | None = None
        """The file that the comparison was opened from, or saved to."""
        self._examples = 0
        """Examples given so far."""

    async def ask_picture(self, request: ComparisonRequest) -> str | None:
        """Ask for a picture of the library and return what a comparison calls it."""
        engine = self._session.engine
        name = await self._ask(AddPicture(self._session.home, request))
        if name is None or engine is None:
            return None
        await engine.comparer.find([name])
        return BUILT_IN.short_name(name)

    async def ask_encoders(self, request: ComparisonRequest) -> tuple[str, ...] | None:
        """Ask which encoders of the library are to stand side by side."""
        engine = self._session.engine
        known = [] if engine is None else [each.id for each in await engine.library.encoders()]
        answer: tuple[str, ...] | None = await self._ask(
            ChooseEncoders(self._session.home, request, known)
        )
        return answer

    async def next_example(self) -> ComparisonRequest:
        """The next example on pictures whose scenes are known."""
        from engine.comparing.known_scenes import example

        number, self._examples = self._examples, self._examples + 1
        self._own = None
        return await asyncio.to_thread(example, number)

    async def open(self) -> ComparisonRequest | None:
        """Ask for a file and read what was saved in it."""
        path = await self._ask(OpenComparison(self._session.home))
        if path is None:
            return None
        request = await asyncio.to_thread(load_request, path)
        self._own = path
        return request

    async def save(self, request: ComparisonRequest) -> Path | None:
        """Ask for a file and write pictures and descriptions into it."""
        own = self._own
        proposed = own
        if proposed is None:
            proposed = await asyncio.to_thread(_proposed, request, ".json")
        path: Path | None = await self._ask(
            SaveComparison(self._session.home, request, proposed, own)
        )
        if path is not None:
            await asyncio.to_thread(save_request, request, path)
            self._own = path
        return path

    async def export(self, found: Sequence[Comparison], request: ComparisonRequest) -> Path | None:
        """Ask for a file and write the result in the kind that its name says."""
        proposed = await asyncio.to_thread(_proposed, request, ".png")
        path: Path | None = await self._ask(
            ExportComparison(self._session.home, request, proposed, None)
        )
        if path is not None:
            from engine.comparing.files import check_exports, export

            await asyncio.to_thread(check_exports, (path,))
            await asyncio.to_thread(export, found, path)
        return path


def _proposed(request: ComparisonRequest, suffix: str) -> Path:
    """A name in the current folder after the first picture."""
    first = request.pictures[0] if request.pictures else "comparison"
    return disk.from_root(".") / f"{PurePath(first).stem}{suffix}"
