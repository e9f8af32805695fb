"""Dialogs: a few labelled lines, the command that would do the same, and two buttons."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, Label, Static

from engine import disk, numbers
from engine.collections import BUILT_IN
from engine.file_types import CAPTION_SUFFIXES
from t2itui.keys import bindings
from t2itui.screens.common.base import HEIGHTS, leave
from t2itui.text.plain import plain
from t2itui.widgets.path_input import PathInput

Answer = TypeVar("Answer")


class FormError(Exception):
    """A line of a form cannot be used as it stands; the message says which and why."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field
        """The line that the form goes to; empty where it stays where it is."""


class Dialog(ModalScreen[Answer | None], Generic[Answer]):
    """Asks for something; None is the answer of a person who thought better of it."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        & > Vertical {
            width: 90%;
            max-width: 100;
            height: auto;
            max-height: 100%;
            background: $surface;
            border: round $primary;
            border-title-style: bold;
            padding: 0 1;
        }
        & VerticalScroll { height: auto; max-height: 1fr; }
        & Horizontal { height: auto; }
        & Horizontal > Label { width: 16; color: $text-muted; }
        & Input { width: 1fr; }
        & PathInput { width: 1fr; }
        &.-short .help, &.-short #command { display: none; }
        &.-short #buttons { margin-top: 0; }
        & .help { color: $text-muted; width: 1fr; }
        & #problem { color: $text-error; }
        & #command { color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
        & #buttons { margin-top: 1; }
        & #buttons Button { margin-right: 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("dialog")
    VERTICAL_BREAKPOINTS = HEIGHTS
    HEADING: ClassVar[str]
    GO: ClassVar[str]
    """What the button that does it says."""

    problem = getters.query_one("#problem", Static)
    command_line = getters.query_one("#command", Static)

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = self.HEADING
            with VerticalScroll(can_focus=False):
                yield from self.compose_fields()
            yield Static(id="problem")
            yield Static(id="command")
            with Horizontal(id="buttons"):
                yield Button(self.GO, variant="primary", id="go", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def compose_fields(self) -> ComposeResult:
        """The lines between heading and buttons."""
        yield from ()

    @abstractmethod
    def read(self) -> Answer:
        """Return what the lines say.

        Raises:
            FormError: a line cannot be used.
        """

    @abstractmethod
    def command(self, answer: Answer) -> str:
        """Return the shell command that does the same."""

    def on_mount(self) -> None:
        self.follow()

    def labelled(self, label: str, field: Widget) -> Horizontal:
        """Return a line of the form."""
        return Horizontal(Label(label), field)

    def _value(self, name: str) -> str:
        """What stands in a line."""
        return self.query_one(f"#{name}", Input).value.strip()

    def _whole(self, name: str, label: str = "", *, least: int | None = None) -> int | None:
        """The whole number in a line; None where it is empty."""
        text = self._value(name)
        if not text:
            return None
        try:
            return numbers.whole(text, -numbers.LARGEST if least is None else least)
        except ValueError as error:
            raise FormError(f"{label or name}: {error}", field=name) from error

    def _number(self, name: str) -> float | None:
        """The number in a line; None where it is empty."""
        text = self._value(name)
        try:
            return numbers.finite(text) if text else None
        except ValueError as error:
            raise FormError(f"{name}: {error}", field=name) from error

    @on(Input.Changed)
    @on(PathInput.Changed)
    @on(Checkbox.Changed)
    def follow(self) -> None:
        """Keep the command in step with the lines; what is wrong is said only on the attempt."""
        self.problem.update("")
        try:
            words = self.command(self.read())
        except FormError:
            words = ""
        self.command_line.update(Content(plain(words)))

    @on(Input.Submitted)
    @on(PathInput.Submitted)
    @on(Button.Pressed, "#go")
    def submit(self) -> None:
        """Answer, or say what is wrong."""
        try:
            answer = self.read()
        except FormError as error:
            self.show_problem(error)
        else:
            self.accept(answer)

    def show_problem(self, error: FormError) -> None:
        """Say what is wrong with a line, and go there where it is known."""
        self.problem.update(Content(f"✖ {plain(str(error))}"))
        if error.field:
            field = self.query_one(f"#{error.field}")
            (field.line if isinstance(field, PathInput) else field).focus()

    def accept(self, answer: Answer) -> None:
        """Leave with an answer whose lines can be used."""
        leave(self, answer)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Leave without an answer."""
        leave(self, None)


def line(name: str, value: str, placeholder: str = "", offers: Sequence[str] = ()) -> Input:
    """Return a line to write in, which completes to what is offered."""
    return Input(
        value,
        placeholder=placeholder,
        compact=True,
        select_on_focus=False,
        suggester=SuggestFromList(offers) if offers else None,
        id=name,
    )


def data_field(value: str) -> PathInput:
    """The line for the data of an evaluation or a training."""
    return PathInput(
        value,
        placeholder=f"captions, a folder of classes, or the word {BUILT_IN.name}",
        folders_only=False,
        suffixes=CAPTION_SUFFIXES,
        id="data",
    )


def encoder_field(value: str | None, encoders: Sequence[str]) -> Input:
    """The line for their encoder, which completes to those that the library knows."""
    return line("encoder", value or "", "the one that knows most of the pictures", encoders)


class Confirm(Dialog[bool]):
    """Asks before something that cannot be undone."""

    HEADING = "Sure?"
    GO = "Yes (enter)"

    def __init__(self, question: str, consequence: str, *, go: str, command: str) -> None:
        super().__init__()
        self._question = question
        self._consequence = consequence
        self._go = go
        self._command = command

    def compose_fields(self) -> ComposeResult:
        yield Static(Content(plain(self._question)))
        yield Static(Content(plain(self._consequence)), classes="help")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#go", Button).label = self._go
        self.query_one("#go").focus()

    def read(self) -> bool:
        return True

    def command(self, answer: bool) -> str:
        return self._command


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
        if not disk.is_file(path):
            raise FormError(disk.absence(path, f"{path} is no file on this machine"))
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
        if disk.is_folder(target):
            target = target / self._proposed.name
        if disk.exists(target) and target != self._own:
            raise FormError(f"{target} is there already: choose another name")
        if not disk.is_folder(target.parent):
            raise FormError(disk.absence(target.parent, f"there is no folder {target.parent}"))
        return target
