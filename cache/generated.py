"""Pictures that were painted: file first, row second, both under the cache's write lock.

The write lock keeps instances apart: while one writes a file and its row, no other sweeps.
"""

import time
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from sqlite_utils import Database

from cache.content_files import content_root, path_in, write_content
from cache.contents import add_picture
from cache.files import put_files
from cache.records import GeneratedRecord, NewGenerated, NewPicture, SeenFile

STORYBOOK = "storybook"
"""The library of pictures that were painted for a query of the built-in one."""

_SELECT = """
select g.id, g.request_key, g.model_id, g.prompt, g.recipe, g.seed, g.verdict, g.library,
       g.picture_id, p.sha256, coalesce(p.width, 0), coalesce(p.height, 0), g.job_id,
       g.receipt_id, g.encoder_id, g.matcher, g.cosine, g.match, g.seconds, g.created_at
from generated g left join pictures p on p.id = g.picture_id
"""

_COLUMNS = tuple(field.name for field in fields(GeneratedRecord) if field.name != "path")


def keep_generated(
    db: Database, home: Path, new: NewGenerated, picture: NewPicture | None, data: bytes
) -> GeneratedRecord:
    """Write a painted picture to its file and enter it, marked synthetic; returns its row.

    Without a picture only the attempt is entered. A file that is there and has a row for the
    same request gets no second one. Raises CacheFullError or CacheReadOnlyError; then there is
    no row, and a file without one is found by `sweep`.
    """
    picture_id = None
    if picture is not None:
        path = write_content(home, data)
        picture_id = add_picture(db, replace(picture, synthetic=True))
        db.execute("update pictures set synthetic = 1 where id = ?", [picture_id])
        put_files(db, [(seen(path), picture_id)])
        known = find_generated(db, home, new.request_key, new.seed)
        if known is not None and known.picture_id == picture_id:
            return known
    cursor = db.execute(
        "insert into generated (request_key, model_id, prompt, recipe, seed, verdict, library,"
        " picture_id, job_id, receipt_id, seconds, created_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            new.request_key,
            new.model_id,
            new.prompt,
            new.recipe,
            new.seed,
            new.verdict,
            new.library,
            picture_id,
            new.job_id,
            new.receipt_id,
            new.seconds,
            time.time(),
        ],
    )
    return records(db, home, "g.id = ?", [int(cursor.lastrowid or 0)])[0]


def note_scores(
    db: Database, generated_id: int, *, encoder_id: str, matcher: str, cosine: float, match: float
) -> None:
    """Keep how a painted picture scored against its prompt."""
    db.execute(
        "update generated set encoder_id = ?, matcher = ?, cosine = ?, match = ? where id = ?",
        [encoder_id, matcher, cosine, match, generated_id],
    )


def find_generated(db: Database, home: Path, request_key: str, seed: int) -> GeneratedRecord | None:
    """The picture painted last for a request and seed; None where none was kept."""
    found = records(
        db,
        home,
        "g.request_key = ? and g.seed = ? and g.picture_id is not null",
        [request_key, seed],
        limit=1,
    )
    return found[0] if found else None


def painted_for(db: Database, home: Path, request_key: str, limit: int) -> list[GeneratedRecord]:
    """The pictures painted for a request with any seed, the newest first."""
    condition = "g.request_key = ? and g.picture_id is not null"
    return records(db, home, condition, [request_key], limit=limit)


def recipe_of(db: Database, home: Path, picture_id: int) -> GeneratedRecord | None:
    """How a picture of the library was painted; None for one that was not painted here."""
    rows = records(db, home, "g.picture_id = ?", [picture_id], limit=1)
    return rows[0] if rows else None


def list_generated(db: Database, home: Path, limit: int) -> list[GeneratedRecord]:
    """The pictures that were painted and kept, the newest first."""
    return records(db, home, "g.picture_id is not null", [], limit=limit)


def count_generated(db: Database) -> int:
    """How many painted pictures are kept."""
    row = db.execute(
        "select count(distinct picture_id) from generated where picture_id is not null"
    ).fetchone()
    return int(row[0])


def records(
    db: Database, home: Path, condition: str, values: Sequence[str | int], *, limit: int = -1
) -> list[GeneratedRecord]:
    """The rows of painted pictures that meet an SQL condition, the newest first."""
    rows = db.execute(
        f"{_SELECT} where {condition} order by g.id desc limit ?", [*values, limit]
    ).fetchall()
    root = content_root(home)
    return [_record(root, row) for row in rows]


def _record(root: str, row: tuple[object, ...]) -> GeneratedRecord:
    values = dict(zip(_COLUMNS, row, strict=True))
    sha256 = values["sha256"]
    path = path_in(root, sha256) if isinstance(sha256, str) else ""
    return GeneratedRecord(**values, path=path)  # type: ignore[arg-type]


def seen(path: Path) -> SeenFile:
    """The file as it is now."""
    status = path.stat()
    return SeenFile(path=str(path), size=status.st_size, mtime_ns=status.st_mtime_ns)
