"""Asks for the file that a matcher goes into, or comes from."""

from __future__ import annotations

from pathlib import Path

from t2itui.job_twins import export_matcher_command, import_matcher_command
from t2itui.screens.file_form import ReadFile, WriteFile

SUFFIX = ".safetensors"


class ExportMatcher(WriteFile):
    """A file name that is not taken yet; the report goes inside."""

    HEADING = "Export a matcher"
    GO = "Export (enter)"
    HELP = "A safetensors file with the encoder's id and the report."

    def __init__(self, home: Path | None, matcher_id: int) -> None:
        super().__init__(home, Path.home() / f"matcher-{matcher_id}{SUFFIX}")
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
