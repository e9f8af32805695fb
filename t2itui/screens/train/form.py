"""Asks for the file that a matcher goes into, or comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from engine import disk
from engine.collections import BUILT_IN
from engine.requests import QUERIES, TrainRequest
from engine.scoring.heads import HEAD_KINDS, HEAD_SUMMARIES, LOSSES
from t2itui.screens.common.dialogs import (
    Dialog,
    FormError,
    ReadFile,
    WriteFile,
    data_field,
    encoder_field,
    line,
)
from t2itui.text.shell_commands import export_matcher_command, import_matcher_command, job_command
from t2itui.widgets.path_input import PathInput

SUFFIX = ".safetensors"


class ExportMatcher(WriteFile):
    """A file name that is not taken yet; the report goes inside."""

    HEADING = "Export a matcher"
    GO = "Export (enter)"
    HELP = "A safetensors file with the encoder's id and the report."

    def __init__(self, home: Path | None, matcher_id: int) -> None:
        super().__init__(home, disk.from_root(disk.expanded("~")) / f"matcher-{matcher_id}{SUFFIX}")
        self._matcher_id = matcher_id

    def command(self, answer: Path) -> str:
        return export_matcher_command(self._home, self._matcher_id, answer)


class ImportMatcher(ReadFile):
    """A file that an export wrote."""

    HEADING = "Import a matcher"
    GO = "Import (enter)"
    PLACEHOLDER = "~/matcher.safetensors"
    SUFFIXES = (SUFFIX,)
    HELP = "It comes into force for its encoder, which the library must know."

    def command(self, answer: Path) -> str:
        return import_matcher_command(self._home, answer)


DEFAULTS = TrainRequest(data="")
"""What empty lines stand for."""
LANGUAGES = BUILT_IN.languages
YES, NO = "yes", "no"
WORDS = (YES, NO)


class TrainForm(Dialog[TrainRequest]):
    """The data, the encoder, and how to fit; empty lines leave it to the program."""

    DEFAULT_CSS = """
    TrainForm {
        & Horizontal > Label { width: 11; }
        & Horizontal > Label.next { width: 13; padding-left: 1; }
        & #buttons { margin-top: 0; }
    }
    """
    HEADING = "Train a matcher"
    GO = "Train (enter)"

    data = getters.query_one("#data", PathInput)
    images = getters.query_one("#images", PathInput)

    def __init__(
        self, home: Path | None, *, encoders: Sequence[str], first: TrainRequest | None = None
    ) -> None:
        super().__init__()
        self._home = home
        self._encoders = tuple(encoders)
        self._first = first or DEFAULTS

    def compose_fields(self) -> ComposeResult:
        first = self._first
        yield self.labelled("Data", data_field(first.data))
        yield self.labelled(
            "Images",
            PathInput(
                "" if first.images is None else str(first.images),
                placeholder="where the pictures lie, if not beside the data",
                folders_only=True,
                id="images",
            ),
        )
        yield self.labelled("Encoder", encoder_field(first.encoder, self._encoders))
        yield self._row(
            ("Queries", line("queries", first.queries, "captions or words", QUERIES)),
            ("Language", line("language", first.language, "both; en or zh", LANGUAGES)),
        )
        yield self._row(
            ("Head", line("head", first.head, DEFAULTS.head, HEAD_KINDS)),
            ("Loss", line("loss", first.loss, DEFAULTS.loss, tuple(LOSSES))),
        )
        yield self._row(
            ("Hidden", line("hidden", str(first.hidden))),
            ("Epochs", line("epochs", str(first.epochs))),
        )
        yield self._row(
            ("Pictures", line("limit", _text(first.limit), "all")),
            ("Seed", line("seed", str(first.seed))),
        )
        yield self._row(
            ("Beside", line("beside", " ".join(first.beside), "no other head", HEAD_KINDS)),
            ("Keep anyway", line("force", _word(first.force), "no", WORDS)),
        )
        yield Static(_about(first.head, first.loss), classes="help", id="about")

    @staticmethod
    def _row(*pairs: tuple[str, Input]) -> Horizontal:
        widgets: list[Widget] = []
        for (label, field), style in zip(pairs, ("", "next"), strict=True):
            widgets += [Label(label, classes=style), field]
        return Horizontal(*widgets)

    def on_mount(self) -> None:
        super().on_mount()
        self.data.line.focus()

    @on(Input.Changed, "#head, #loss")
    def describe(self) -> None:
        """Say what is chosen."""
        about = _about(self._value("head"), self._value("loss"))
        self.query_one("#about", Static).update(about)

    def read(self) -> TrainRequest:
        return replace(
            self._first,
            data=self._data(),
            images=self._images(),
            encoder=self._value("encoder") or None,
            queries=self._one_of("queries", QUERIES) or QUERIES[0],
            language=self._one_of("language", LANGUAGES),
            limit=self._whole("limit", least=1),
            hidden=_or(self._whole("hidden", least=4), DEFAULTS.hidden),
            epochs=_or(self._whole("epochs", least=0), DEFAULTS.epochs),
            seed=self._whole("seed", least=0) or 0,
            head=self._one_of("head", HEAD_KINDS) or DEFAULTS.head,
            loss=self._one_of("loss", tuple(LOSSES)) or DEFAULTS.loss,
            beside=tuple(self._value("beside").split()),
            force=self._one_of("force", WORDS) == YES,
        )

    def _data(self) -> str:
        text = self.data.line.value.strip()
        if text == BUILT_IN.name:
            return text
        path = self.data.path
        if path is None:
            raise FormError(
                f"name the data: captions, a folder, or the word {BUILT_IN.name}", field="data"
            )
        if not disk.exists(path):
            reason = disk.absence(path, f"{path} is not there")
            raise FormError(f"data: {reason}", field="data")
        return str(path)

    def _images(self) -> Path | None:
        path = self.images.path
        if path is not None and not disk.is_folder(path):
            reason = disk.absence(path, f"{path} is no folder on this machine")
            raise FormError(f"images: {reason}", field="images")
        return path

    def _one_of(self, name: str, values: Sequence[str]) -> str:
        text = self._value(name)
        if text and text not in values:
            raise FormError(f"{name}: {text!r} is none of {', '.join(values)}", field=name)
        return text

    def command(self, answer: TrainRequest) -> str:
        return job_command(self._home, answer)


def _about(head: str, loss: str) -> str:
    """What a head and a loss are, and what becomes of a matcher that does no better."""
    chosen = ((head or DEFAULTS.head, HEAD_SUMMARIES), (loss or DEFAULTS.loss, LOSSES))
    said = [
        f"{name}: {words[name]}." if name in words else f"There are {', '.join(words)}."
        for name, words in chosen
    ]
    return (
        f"{' '.join(said)} Heads beside are fitted too, to compare. What does no better than match"
        " without labels on pictures held out is not kept, unless anyway."
    )


def _text(value: int | None) -> str:
    return "" if value is None else str(value)


def _or(value: int | None, usual: int) -> int:
    return usual if value is None else value


def _word(value: bool) -> str:
    return YES if value else NO
