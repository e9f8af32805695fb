"""Asks for the file that a matcher goes into, or comes from."""

from __future__ import annotations

from pathlib import Path

from textual import getters
from textual.app import ComposeResult
from textual.widgets import Static

from t2itui.job_twins import export_matcher_command, import_matcher_command
from t2itui.screens.form import Dialog, FormError
from t2itui.widgets.path_input import PathInput

SUFFIX = ".safetensors"


class ExportMatcher(Dialog[Path]):
    """A file name that is not taken yet; the report goes inside."""

    HEADING = "Export a matcher"
    GO = "Export (enter)"

    target = getters.query_one("#target", PathInput)

    def __init__(self, home: Path | None, matcher_id: int) -> None:
        super().__init__()
        self._home = home
        self._matcher_id = matcher_id

    def compose_fields(self) -> ComposeResult:
        proposed = Path.home() / f"matcher-{self._matcher_id}{SUFFIX}"
        yield self.labelled(
            "To",
            PathInput(
                str(proposed), placeholder="~/matcher.safetensors", folders_only=True, id="target"
            ),
        )
        yield Static("A safetensors file with the encoder's id and the report.", classes="help")

    def on_mount(self) -> None:
        super().on_mount()
        self.target.line.focus()

    def read(self) -> Path:
        target = self.target.path
        if target is None:
            raise FormError("name a file")
        if target.is_dir():
            target = target / f"matcher-{self._matcher_id}{SUFFIX}"
        if target.exists():
            raise FormError(f"{target} is there already: choose another name")
        if not target.parent.is_dir():
            raise FormError(f"there is no folder {target.parent}")
        return target

    def command(self, answer: Path) -> str:
        return export_matcher_command(self._home, self._matcher_id, answer)


class ImportMatcher(Dialog[Path]):
    """A file that an export wrote."""

    HEADING = "Import a matcher"
    GO = "Import (enter)"

    source = getters.query_one("#source", PathInput)

    def __init__(self, home: Path | None) -> None:
        super().__init__()
        self._home = home

    def compose_fields(self) -> ComposeResult:
        yield self.labelled(
            "From",
            PathInput(
                placeholder="~/matcher.safetensors",
                folders_only=False,
                suffixes=(SUFFIX,),
                id="source",
            ),
        )
        yield Static(
            "It comes into force for its encoder, which the library must know.", classes="help"
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.source.line.focus()

    def read(self) -> Path:
        source = self.source.path
        if source is None:
            raise FormError("name a file")
        if not source.is_file():
            raise FormError(f"{source} is no file on this machine")
        return source

    def command(self, answer: Path) -> str:
        return import_matcher_command(self._home, answer)
