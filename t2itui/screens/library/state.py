"""What the Library screen shows, read in one go and told in rows of words."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from engine.collections import BUILT_IN
from t2itui.text.plain import plain
from t2itui.text.words import counted, size_words, when_words
from t2itui.widgets.rows import Column, LazyRows, Row

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.results import (
        AttachedRecord,
        EncoderRecord,
        FailureRecord,
        FolderRecord,
        LibraryCounts,
        ModelStatus,
    )


ABOUT_BUILTIN = (
    "Drawn pictures that come with t2itui. They answer while there are no others; beside your own"
    " b on the Search screen goes there."
)
ATTACHED = "shards: "
"""Said of a folder of shards in the place of its last scan."""
HERE = "yes"
"""Said of an encoder that is on this machine."""


class LibraryTab(StrEnum):
    """A table of the screen; its value is the id of the widget."""

    FOLDERS = "folders"
    FAILURES = "failures"
    VANISHED = "vanished"
    ENCODERS = "encoders"


TABS = {
    LibraryTab.FOLDERS: "Folders",
    LibraryTab.FAILURES: "Failures",
    LibraryTab.VANISHED: "Vanished",
    LibraryTab.ENCODERS: "Encoders",
}
"""What stands on the tabs."""

FOLDER_COLUMNS = (
    Column(title="folder", width=20, share=1, keep_end=True),
    Column(title="pictures", width=8, right=True),
    Column(title="vanished", width=8, right=True, priority=1),
    Column(title="failures", width=8, right=True),
    Column(title="last scan", width=16, priority=2),
)
FAILURE_COLUMNS = (
    Column(title="file", width=20, share=3, keep_end=True),
    Column(title="why it could not be read", width=20, share=2),
    Column(title="tried", width=16, priority=1),
)
VANISHED_COLUMNS = (Column(title="file", width=20, share=1, keep_end=True),)
ENCODER_COLUMNS = (
    Column(title="encoder", width=30, share=2),
    Column(title="here", width=7),
    Column(title="embedded", width=8, right=True),
    Column(title="reads", width=6, priority=3),
    Column(title="match means", width=12, share=1, priority=1),
    Column(title="note", width=12, share=1, priority=4),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryState:
    """Everything the screen shows, as of one moment."""

    counts: LibraryCounts
    folders: Sequence[FolderRecord]
    attached: Sequence[AttachedRecord]
    """Folders of shards."""
    failures: Sequence[FailureRecord]
    vanished: Sequence[str]
    models: Sequence[ModelStatus]
    encoders: Sequence[EncoderRecord]
    free_bytes: int | None
    """Room left on the disk of the cache; None where the system does not say."""

    @property
    def is_empty(self) -> bool:
        """Nothing was indexed or imported yet."""
        return not self.counts.pictures and not self.folders


async def read_library(engine: Engine) -> LibraryState:
    """Read what the screen shows; starts no model."""
    library = engine.library
    return LibraryState(
        counts=await library.counts(),
        folders=await library.folders(),
        attached=await engine.attachments.folders(),
        failures=await library.failures(),
        vanished=await library.missing_files(),
        models=await engine.models(),
        encoders=await library.encoders(),
        free_bytes=await asyncio.to_thread(_free_bytes, engine.settings.home),
    )


def _free_bytes(home: Path) -> int | None:
    try:
        return shutil.disk_usage(home).free
    except OSError:
        return None


def encoder_for_rescan(state: LibraryState, configured: str) -> str | None:
    """Return what to index known folders with; None stands for the configured encoder.

    Where that one is not on this machine it is the one there that most pictures were indexed with.
    """
    here = {model.id: model for model in state.models if model.location}
    if configured in here or configured in {model.location for model in here.values()}:
        return None
    used = [found for found in state.encoders if found.source and found.id in here]
    best = max(used, key=lambda found: here[found.id].indexed, default=None)
    return best.source if best is not None else None


def totals(state: LibraryState) -> str:
    """Return the figures of the whole library in a line."""
    counts = state.counts
    words = [counted(counts.pictures, "picture")]
    for count, meaning in (
        (counts.present, "on disk"),
        (counts.named, "by name only"),
        (counts.vanished, "vanished"),
        (counts.partial, "cut short"),
        (counts.synthetic, "painted"),
        (counts.built_in, f"in the {BUILT_IN.name}"),
    ):
        words += [f"{count:,} {meaning}"] if count and count != counts.pictures else []
    words += [counted(counts.failures, "failure")] if counts.failures else []
    return ", ".join(words)


def disk(state: LibraryState) -> str:
    """Return what the cache takes of its disk."""
    free = "" if state.free_bytes is None else f", {size_words(state.free_bytes)} free"
    return f"cache {size_words(state.counts.bytes_on_disk)}{free}"


def tables(state: LibraryState) -> dict[LibraryTab, Sequence[Row]]:
    """Return the rows of every table; the long ones make theirs when they are drawn."""
    failures, vanished = state.failures, state.vanished
    return {
        LibraryTab.FOLDERS: folder_rows(state),
        LibraryTab.FAILURES: LazyRows(
            [failure.path for failure in failures], lambda index: failure_row(failures[index])
        ),
        LibraryTab.VANISHED: LazyRows(
            vanished, lambda index: Row(key=vanished[index], cells=(vanished[index],))
        ),
        LibraryTab.ENCODERS: encoder_rows(state),
    }


def folder_rows(state: LibraryState) -> list[Row]:
    """Return a row for each indexed folder, and for each that is attached."""
    indexed = [
        Row(
            key=folder.path,
            cells=(
                BUILT_IN.label if folder.is_builtin else folder.path,
                f"{folder.pictures:,}",
                f"{folder.vanished:,}" if folder.vanished else "-",
                f"{folder.failures:,}" if folder.failures else "-",
                "" if folder.is_builtin else when_words(folder.scanned_at) or "no full scan",
            ),
            tone="" if folder.scanned_at else "warning",
        )
        for folder in state.folders
    ]
    return [*indexed, *map(attached_row, state.attached)]


def attached_row(record: AttachedRecord) -> Row:
    """Return the row of a folder of shards."""
    shards = f"{ATTACHED}{record.shards:,}" + ("" if record.is_here else ", away")
    return Row(
        key=record.folder,
        cells=(record.folder, f"{record.pictures:,}", "-", "-", shards),
        tone="" if record.is_here else "warning",
    )


def failure_row(failure: FailureRecord) -> Row:
    """Return the row of a file that could not be read."""
    cells = (failure.path, failure.reason, when_words(failure.failed_at))
    return Row(key=failure.path, cells=cells)


def encoder_rows(state: LibraryState) -> list[Row]:
    """Return a row for each encoder that is known, here or used."""
    return [
        Row(
            key=model.id,
            cells=(
                model.id,
                HERE if model.location else "no",
                f"{model.indexed:,}" if model.indexed else "-",
                " ".join(model.languages),
                model.matcher or "-",
                model.note,
            ),
            tone="" if model.location or model.indexed else "muted",
        )
        for model in state.models
    ]


def is_builtin(row: Row) -> bool:
    """Whether the row of a folder stands for the one that comes with the program."""
    return row.cells[0] == BUILT_IN.label


def is_attached(row: Row) -> bool:
    """Whether the row of a folder stands for shards."""
    return row.cells[-1].startswith(ATTACHED)


def detail(table: LibraryTab, row: Row) -> str:
    """Return in full what a row of a table may have cut."""
    if table is LibraryTab.FOLDERS and is_builtin(row):
        return f"{ABOUT_BUILTIN}  {plain(row.key)}"
    if table is LibraryTab.FOLDERS and is_attached(row):
        return f"{plain(row.key)}  {row.cells[4]}, attached: read there, and never written"
    if table is LibraryTab.FOLDERS:
        return f"{plain(row.key)}  last scan: {row.cells[4]}"
    if table is LibraryTab.ENCODERS:
        present = "on this machine" if row.cells[1] == HERE else "not on this machine"
        parts = [f"{row.key}: {present}", f"match: {row.cells[4]}", row.cells[5]]
        return plain("; ".join(part for part in parts if part))
    return plain("  ".join(row.cells[:2]))
