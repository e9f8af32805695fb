"""Asks where a copy of a painted picture is to go."""

from __future__ import annotations

import shlex
from pathlib import Path

from t2itui.screens.common.dialogs import WriteFile


class SavePicture(WriteFile):
    """A file name that is not taken yet; the copy holds the recipe too."""

    HEADING = "Save a copy"
    GO = "Save (enter)"

    def __init__(self, source: Path, proposed: Path) -> None:
        super().__init__(None, proposed)
        self._source = source

    def help_words(self) -> str:
        return f"A PNG with its recipe; {self._source} stays."

    def command(self, answer: Path) -> str:
        return shlex.join(["cp", str(self._source), str(answer)])
