"""Content hashes in short form, so that a process without the database can tell what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    # The processes that read pictures use this module and have no database to import.
    from sqlite_utils import Database


def short_hash(sha256: str) -> int:
    """The first 64 bits of a SHA-256 in hex, as a signed integer."""
    return int.from_bytes(bytes.fromhex(sha256[:16]), "big", signed=True)


def embedded_hashes(db: Database, encoder_id: str) -> NDArray[np.int64]:
    """The sorted short hashes of all pictures with content and an embedding of that encoder."""
    rows = db.execute(
        "select p.sha256 from embeddings e join pictures p on p.id = e.picture_id"
        " where e.encoder_id = ? and p.sha256 is not null",
        [encoder_id],
    )
    return np.sort(np.fromiter((short_hash(row[0]) for row in rows), dtype=np.int64))
