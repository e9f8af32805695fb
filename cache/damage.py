"""What is damaged in a cache: finding it, and keeping it aside so that it can be made anew."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlite_utils import Database

from cache import disk
from cache.collections import collection_ids
from cache.connection import unwritable
from cache.embeddings import EncoderRecord, encoders, unreadable_blocks
from cache.home_files import FILE_NAME, make_folder, write_file
from cache.sql import below, bump, listed

ASIDE = "damaged"
"""The folder of the home that keeps what was damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedSpace:
    """An encoder of whose embeddings some are damaged."""

    encoder: EncoderRecord
    blocks: frozenset[int]
    pictures: int
    """How many lost their embedding."""
    has_own: bool
    """Not only pictures of the built-in collection did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """What could still be read from a damaged cache, enough to make it anew."""

    folders: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    """What to load for the encoders that had embeddings."""
    imported: tuple[str, ...] = ()
    """Ids of encoders whose vectors were imported, and are to be imported again."""


def damaged_spaces(db: Database) -> list[DamagedSpace]:
    """The encoders with damaged embeddings; reads every vector that there is."""
    found = []
    for record in encoders(db):
        if blocks := unreadable_blocks(db, record.id):
            rows = db.execute(
                "select picture_id from embeddings"
                " where block_id in (select value from json_each(?))",
                [listed(blocks)],
            ).fetchall()
            lost = np.array([row[0] for row in rows], np.int64)
            found.append(
                DamagedSpace(
                    encoder=record,
                    blocks=blocks,
                    pictures=len(lost),
                    has_own=not np.isin(lost, collection_ids(db)).all(),
                )
            )
    return found


def drop_damaged(db: Database, home: Path) -> list[DamagedSpace]:
    """Take damaged blocks out of the cache, their bytes kept in the home; returns what it was.

    Raises CacheFullError or CacheReadOnlyError where they cannot be kept; then they stay.
    """
    spaces = damaged_spaces(db)
    for space in spaces:
        for block_id in sorted(space.blocks):
            _keep_block(db, home, space.encoder.id, block_id)
        gone = listed(space.blocks)
        for table, column in (("embeddings", "block_id"), ("blocks", "id")):
            db.execute(
                f"delete from {table} where {column} in (select value from json_each(?))", [gone]
            )
    if spaces:
        bump(db)
    return spaces


def _keep_block(db: Database, home: Path, encoder_id: str, block_id: int) -> None:
    row = db.execute("select vectors from blocks where id = ?", [block_id]).fetchone()
    safe = re.sub(r"[^\w.@-]+", "-", encoder_id)[:60]
    name = f"block-{block_id}-{safe}-{time.time_ns()}.f4"
    data = row[0] if row is not None and isinstance(row[0], bytes) else b""
    try:
        write_file(home, ASIDE, name, data=data)
    except OSError as error:
        raise unwritable(error, home / ASIDE / name) from error


_OWN_SOURCES = """
select distinct e.source from embeddings m join encoders e on e.id = m.encoder_id
join files f on f.picture_id = m.picture_id
where e.source <> '' and (f.path < :start or f.path >= :stop)
"""


def salvage(path: Path, built_in: str) -> Salvage:
    """Read what a damaged cache still says of its folders and encoders; nothing is no error.

    `built_in` is the folder of the collection that ships, whose encoder is nobody's choice.
    """
    start, stop = below(built_in)
    try:
        with closing(sqlite3.connect(f"{disk.from_root(path).as_uri()}?mode=ro", uri=True)) as db:
            # Whole tables cost what their damaged pages cost: each is asked for by itself.
            folders = _column(db, "select path from folders")
            used = _column(db, _OWN_SOURCES, {"start": start, "stop": stop})
            imported = _column(db, "select id from encoders where source = ''")
    except sqlite3.Error:
        return Salvage()
    return Salvage(folders=folders, sources=used, imported=imported)


def _column(
    db: sqlite3.Connection, sql: str, values: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """The texts of a column, as far as they can be read."""
    found: list[str] = []
    with suppress(sqlite3.Error):
        for (value,) in db.execute(sql, values or {}):
            if isinstance(value, str):
                found.append(value)
    return tuple(found)


def move_aside(home: Path) -> Path:
    """Move the cache file and its logs into a new folder of the home; returns that folder.

    Raises CacheFullError or CacheReadOnlyError.
    """
    name = time.strftime("%Y-%m-%d-%H%M%S")
    number, chosen = 1, name
    while disk.exists(home / ASIDE / chosen):
        number += 1
        chosen = f"{name}-{number}"
    try:
        aside = make_folder(home, ASIDE, chosen)
        # The logs first: without them the file is nothing that another start would trust.
        for suffix in ("-wal", "-shm", ""):
            part = home / f"{FILE_NAME}{suffix}"
            if disk.exists(part):
                part.rename(aside / part.name)
    except OSError as error:
        raise unwritable(error, home / ASIDE) from error
    return aside
