"""Embeddings and thumbnails of attached folders, read where they lie.

A block whose vectors are empty stands for a file of such a folder: row by row the same. What the
file looked like when it was attached is kept, and it is read as long as it still looks so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from cache import disk
from cache.errors import CacheError
from cache.numbers import stamp
from cache.sql import listed

MANIFEST = "t2itui.json"
"""The file that every folder of shards has: without it the folder is not there."""
LARGEST_THUMBNAIL = 1 << 20
"""Bytes; what claims to be larger is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentFolder:
    """An attached folder that is not there now: its disk is not mounted, or it was moved."""

    folder: str
    pictures: int
    """With an embedding there, of the encoder that was asked about."""


def vectors_path(folder: Path | str, number: int) -> Path:
    """The file with the embeddings of a shard."""
    return Path(folder) / "img_emb" / f"img_emb_{number}.npy"


def thumbnails_path(folder: Path | str, number: int) -> Path:
    """The file with the thumbnails of a shard, one after the other."""
    return Path(folder) / "thumbnails" / f"thumbnails_{number}.npy"


def starts_path(folder: Path | str, number: int) -> Path:
    """The file that says where each thumbnail of a shard begins, and where the last one ends."""
    return Path(folder) / "thumbnails" / f"starts_{number}.npy"


def is_mapped(db: Database, block_id: int) -> bool:
    """Whether a block stands for a file of an attached folder."""
    row = db.execute("select 1 from attached_shards where block_id = ?", [block_id]).fetchone()
    return row is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedBlock:
    """The embeddings of a shard, where they lie."""

    folder: str
    number: int
    at: int
    """Where the first number is in the file."""
    rows: int
    dim: int
    size: int
    """Of the file when it was attached, as its time."""
    mtime_ns: int

    def vectors(self) -> NDArray[np.float32]:
        """All rows. Raises CacheError where the file is not the same any more."""
        return self._read(0, self.rows)

    def row(self, at: int) -> NDArray[np.float32]:
        """One row. Raises CacheError where the file is not the same any more."""
        vectors = self._read(at, 1)
        return vectors.reshape(self.dim)

    def _read(self, first: int, rows: int) -> NDArray[np.float32]:
        path, row = vectors_path(self.folder, self.number), 4 * self.dim
        try:
            if stamp(path.stat()) != (self.size, self.mtime_ns):
                raise _changed(self.folder, f"{path} is not the file any more that was attached")
            # Not mapped into memory: where its disk goes meanwhile, that is a signal and the end.
            with path.open("rb") as file:
                file.seek(self.at + first * row)
                found = np.frombuffer(file.read(rows * row), np.dtype("<f4"))
            return found.reshape(rows, self.dim)
        except (OSError, ValueError) as error:
            raise _changed(self.folder, f"{path} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UsedBlock:
    """The rows of a shard that are embeddings of the library, and of which pictures."""

    block: MappedBlock
    rows: NDArray[np.int64]
    """Ascending."""
    picture_ids: NDArray[np.int64]


_BLOCKS = """
select block_id, folder, number, rows, size, mtime_ns, vectors_at, encoders.dim
from attached_shards join attached on attached.id = attached_id
join encoders on encoders.id = encoder_id
"""


def mapped_block(db: Database, block_id: int) -> MappedBlock | None:
    """The file that a block stands for; None for a block of the cache's own."""
    row = db.execute(f"{_BLOCKS} where block_id = ?", [block_id]).fetchone()
    return None if row is None else _block(row)


def used_blocks(db: Database, encoder_id: str) -> list[UsedBlock]:
    """The shards with embeddings of an encoder, without those of folders that are not there."""
    absent, found = absent_blocks(db, encoder_id), []
    for row in db.execute(
        f"{_BLOCKS} where encoder_id = ? and block_id is not null order by folder, number",
        [encoder_id],
    ).fetchall():
        if row[0] in absent:
            continue
        pairs = db.execute(
            "select row, picture_id from embeddings where block_id = ? order by row", [row[0]]
        ).fetchall()
        if pairs:
            rows, ids = np.array(pairs, np.int64).T
            used = UsedBlock(block=_block(row), rows=rows.copy(), picture_ids=ids.copy())
            found.append(used)
    return found


def _block(row: Sequence[Any]) -> MappedBlock:
    _, folder, number, rows, size, mtime_ns, at, dim = row
    return MappedBlock(
        folder=folder, number=number, at=at, rows=rows, dim=dim, size=size, mtime_ns=mtime_ns
    )


def _changed(folder: str, message: str) -> CacheError:
    return CacheError(
        message, hint=f"t2itui library attach {folder} reads it anew, detach leaves it out."
    )


def absent_folders(db: Database, encoder_id: str) -> tuple[AbsentFolder, ...]:
    """The attached folders that are not there now and have pictures of an encoder."""
    rows = db.execute(
        "select folder, (select count(*) from embeddings where block_id in"
        " (select block_id from attached_shards where attached_id = attached.id))"
        " from attached where encoder_id = ? order by folder",
        [encoder_id],
    ).fetchall()
    return tuple(
        AbsentFolder(folder=folder, pictures=pictures)
        for folder, pictures in rows
        if not is_here(folder)
    )


def is_here(folder: str) -> bool:
    """Whether an attached folder can be read now."""
    return disk.is_file(Path(folder) / MANIFEST)


def absent_blocks(db: Database, encoder_id: str) -> frozenset[int]:
    """The blocks that stand for files of folders that are not there now."""
    folders = [row[0] for row in db.execute("select folder from attached").fetchall()]
    gone = [folder for folder in folders if not is_here(folder)]
    if not gone:
        return frozenset()
    rows = db.execute(
        "select block_id from attached_shards join attached on attached.id = attached_id"
        " where encoder_id = ? and block_id is not null"
        " and folder in (select value from json_each(?))",
        [encoder_id, listed(gone)],
    )
    return frozenset(row[0] for row in rows)


def mapped_thumbnails(db: Database, picture_ids: Sequence[int]) -> dict[int, bytes]:
    """The thumbnails of pictures that lie in attached folders; what cannot be read is left out."""
    rows = db.execute(
        "select picture_id, row, folder, number, thumbnails_at, starts_at from embeddings e"
        " join attached_shards s on s.block_id = e.block_id"
        " join attached on attached.id = attached_id"
        " where picture_id in (select value from json_each(?))",
        [listed(picture_ids)],
    ).fetchall()
    found = {}
    for picture_id, row, folder, number, thumbnails_at, starts_at in rows:
        try:
            with starts_path(folder, number).open("rb") as file:
                file.seek(starts_at + 8 * row)
                start, stop = map(int, np.frombuffer(file.read(16), "<i8"))
            if not 0 <= start < stop <= start + LARGEST_THUMBNAIL:
                continue
            with thumbnails_path(folder, number).open("rb") as file:
                file.seek(thumbnails_at + start)
                found[int(picture_id)] = file.read(stop - start)
        except (OSError, ValueError, OverflowError):
            continue
    return found
