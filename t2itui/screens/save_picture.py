"""Asks where a copy of a painted picture is to go."""

from __future__ import annotations

import shlex
from pathlib import Path

from textual import getters
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from t2itui.plain import plain
from t2itui.screens.form import Dialog, FormError
from t2itui.widgets.path_input import PathInput


class SavePicture(Dialog[Path]):
    """A file name that is not taken yet; the copy holds the recipe too."""

    HEADING = "Save a copy"
    GO = "Save (enter)"

    target = getters.query_one("#target", PathInput)

    def __init__(self, source: Path, proposed: Path) -> None:
        super().__init__()
        self._source = source
        self._proposed = proposed

    def compose_fields(self) -> ComposeResult:
        yield self.labelled(
            "To",
            PathInput(
                str(self._proposed), placeholder="~/picture.png", folders_only=True, id="target"
            ),
        )
        yield Static(
            Content(plain(f"A PNG with its recipe; {self._source} stays.")), classes="help"
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.target.line.focus()

    def read(self) -> Path:
        target = self.target.path
        if target is None:
            raise FormError("name a file")
        if target.is_dir():
            target = target / self._proposed.name
        if target.exists():
            raise FormError(f"{target} is there already: choose another name")
        if not target.parent.is_dir():
            raise FormError(f"there is no folder {target.parent}")
        return target

    def command(self, answer: Path) -> str:
        return shlex.join(["cp", str(self._source), str(answer)])
