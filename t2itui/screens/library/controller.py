"""What the Library screen shows and allows, and what it has the engine do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.requests import AttachRequest, DownloadRequest, ImportRequest, IndexRequest
from t2itui.screens.library.state import (
    LibraryState,
    LibraryTab,
    encoder_for_rescan,
    is_attached,
    is_builtin,
    read_library,
)
from t2itui.text import shell_commands

if TYPE_CHECKING:
    from t2itui.session import Session
    from t2itui.widgets.rows import Row


class LibraryController:
    """Keeps what was read last; what the engine cannot do is raised as T2IError."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.state: LibraryState | None = None
        """None until it was read."""

    async def read(self) -> LibraryState:
        """The library as it is now; starts no model."""
        return await read_library(self._session.open_engine)

    def allows(self, action: str, tab: LibraryTab, row: Row | None, rows: Sequence[Row]) -> bool:
        """Whether an action makes sense for a table and the row under its cursor."""
        is_folder = tab is LibraryTab.FOLDERS
        match action:
            case "rescan":
                return is_folder and row is not None and not is_builtin(row)
            case "forget":
                return is_folder and row is not None
            case "rescan_all":
                return is_folder and not all(map(is_builtin, rows))
            case "download":
                return tab is LibraryTab.ENCODERS and row is not None
            case "copy_path":
                return tab is not LibraryTab.ENCODERS and row is not None
        return True

    # Folders

    def refresh(self, row: Row) -> IndexRequest | AttachRequest:
        """What brings the folder of a row up to date: shards are looked for new ones."""
        folder = Path(row.key)
        return AttachRequest(folder=folder) if is_attached(row) else self.rescan(folder)

    def rescan(self, *folders: Path) -> IndexRequest:
        """What brings folders up to date, with an encoder that is on this machine."""
        encoder = None
        if self.state is not None and self._session.engine is not None:
            encoder = encoder_for_rescan(self.state, self._session.open_engine.settings.encoder)
        return IndexRequest(folders=folders, encoder=encoder)

    def rescan_all(self) -> IndexRequest | None:
        """What brings all folders of the person's own up to date; None without any."""
        folders = () if self.state is None else self.state.folders
        own = [Path(folder.path) for folder in folders if not folder.is_builtin]
        return self.rescan(*own) if own else None

    def start(self, request: IndexRequest | AttachRequest) -> None:
        """Start to index, or to attach."""
        self._session.open_engine.start(request)

    async def forget(self, row: Row) -> str:
        """Take the folder of a row out of the library, and return what there is to say of it."""
        engine, folder = self._session.open_engine, Path(row.key)
        if is_attached(row):
            dropped = await engine.attachments.detach(folder)
        else:
            dropped = await engine.library.forget(folder)
        return f"{dropped:,} pictures left the library"

    # The built-in collection

    async def collection_pictures(self) -> int | None:
        """How many pictures of the collection are in the library; None where it is left out."""
        state = await self._session.open_engine.collection.state()
        return None if state.folder is None else state.pictures

    async def bring_collection_back(self) -> str:
        """Take the built-in pictures in, and return what there is to say of it."""
        state = await self._session.open_engine.collection.bring_back()
        return f"{state.pictures:,} drawn pictures are in"

    async def leave_collection_out(self) -> str:
        """Leave the built-in pictures out, and return what there is to say of it."""
        await self._session.open_engine.collection.leave_out()
        return "It is left out until b takes it back"

    # The rest

    def import_vectors(self, request: ImportRequest) -> None:
        """Start to import vectors made elsewhere."""
        self._session.open_engine.import_vectors(request)

    def download(self, encoder_id: str) -> str:
        """Download an encoder, or return where it is already."""
        models = () if self.state is None else self.state.models
        model = next((model for model in models if model.id == encoder_id), None)
        if model is None:
            return ""
        if model.location:
            return f"It is here: {model.location}"
        self._session.open_engine.download(encoder_id)
        return ""

    def command(self, tab: LibraryTab, row: Row | None) -> str:
        """The shell command that does what a table is for."""
        home = self._session.home
        match tab:
            case LibraryTab.FOLDERS if row is not None and is_builtin(row):
                return shell_commands.collection_command(home, on=False)
            case LibraryTab.FOLDERS if row is not None:
                return shell_commands.job_command(home, self.refresh(row))
            case LibraryTab.FAILURES:
                return shell_commands.failures_command(home)
            case LibraryTab.VANISHED:
                return shell_commands.vanished_command(home)
            case LibraryTab.ENCODERS if row is not None:
                return shell_commands.job_command(home, DownloadRequest(model=row.key))
        return shell_commands.library_command(home)
