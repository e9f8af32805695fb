"""Pictures that were generated: file first, row second, both under the cache's write lock.

The write lock keeps instances apart: while one writes a file and its row, no other reconciles them.
"""

import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from sqlite_utils import Database

from cache.content_files import (
    Contents,
    content_root,
    contents,
    holds,
    is_ours,
    is_partial,
    path_in,
    remove_content,
    remove_partial,
    write_content,
)
from cache.files import SeenFile, mark_missing, put_files
from cache.numbers import stamp
from cache.pictures import NewPicture, add_picture, drop_pictures
from cache.sql import bump, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGenerated:
    """What is known of a generated picture before anything has looked at it."""

    request_key: str
    """Hash of everything but the seed that decides the picture."""
    model_id: str
    prompt: str
    recipe: str
    """JSON; the engine writes and reads it."""
    seed: int
    verdict: str
    """fine, or what is wrong with the picture."""
    library: str
    """What it was generated for: empty for a person's own pictures, else a collection."""
    job_id: int
    receipt_id: str | None
    seconds: float
    """What generating took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedRecord:
    """A picture that was generated, or an attempt that gave none worth keeping."""

    id: int
    request_key: str
    model_id: str
    prompt: str
    recipe: str
    seed: int
    verdict: str
    library: str
    picture_id: int | None
    """None where nothing was kept."""
    sha256: str | None
    width: int
    """Pixels, as `height`; 0 where nothing was kept."""
    height: int
    path: str
    """Of its file; empty where nothing was kept."""
    job_id: int
    receipt_id: str | None
    encoder_id: str
    """Of the encoder in whose space it was scored; empty before that."""
    matcher: str
    """What `match` meant then."""
    cosine: float | None
    """With its prompt; None while it was not scored."""
    match: float | None
    before_cosine: float | None
    """Of the picture that it started from, with the same prompt; None where nobody asked."""
    before_match: float | None
    seconds: float
    created_at: float


_SELECT = """
select g.id, g.request_key, g.model_id, g.prompt, g.recipe, g.seed, g.verdict, g.library,
       g.picture_id, p.sha256, coalesce(p.width, 0), coalesce(p.height, 0), g.job_id,
       g.receipt_id, g.encoder_id, g.matcher, g.cosine, g.match, g.before_cosine,
       g.before_match, g.seconds, g.created_at
from generated g left join pictures p on p.id = g.picture_id
"""

_COLUMNS = tuple(field.name for field in fields(GeneratedRecord) if field.name != "path")


def store_generated(
    db: Database, home: Path, new: NewGenerated, picture: NewPicture | None, data: bytes
) -> GeneratedRecord:
    """Write a generated picture to its file and enter it, marked synthetic; returns its row.

    Without a picture only the attempt is entered. A file that is there and has a row for the
    same request gets no second one. Raises CacheFullError or CacheReadOnlyError; then there is
    no row, and a file without one is found by `reconcile`.
    """
    picture_id = None
    if picture is not None:
        path = write_content(home, data)
        picture_id = add_picture(db, replace(picture, synthetic=True))
        db.execute("update pictures set synthetic = 1 where id = ?", [picture_id])
        put_files(db, [(seen_file(path), picture_id)])
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
    """Keep how a generated picture scored against its prompt."""
    db.execute(
        "update generated set encoder_id = ?, matcher = ?, cosine = ?, match = ? where id = ?",
        [encoder_id, matcher, cosine, match, generated_id],
    )


def note_before(db: Database, generated_id: int, *, cosine: float, match: float) -> None:
    """Keep how the picture that a generated one started from fits its prompt."""
    db.execute(
        "update generated set before_cosine = ?, before_match = ? where id = ?",
        [cosine, match, generated_id],
    )


def note_choice(db: Database, picture_id: int, *, tries: int | None, chosen: str) -> None:
    """Keep why a generated picture was chosen among those of so many seeds, in its recipe."""
    db.execute(
        "update generated set recipe = json_set(recipe, '$.tries', ?, '$.chosen', ?)"
        " where picture_id = ?",
        [tries, chosen, picture_id],
    )


def find_generated(db: Database, home: Path, request_key: str, seed: int) -> GeneratedRecord | None:
    """The picture generated last for a request and seed; None where none was kept."""
    found = records(
        db,
        home,
        "g.request_key = ? and g.seed = ? and g.picture_id is not null",
        [request_key, seed],
        limit=1,
    )
    return found[0] if found else None


def generated_for(db: Database, home: Path, request_key: str, limit: int) -> list[GeneratedRecord]:
    """The pictures generated for a request with any seed, the newest first."""
    condition = "g.request_key = ? and g.picture_id is not null"
    return records(db, home, condition, [request_key], limit=limit)


def recipe_of(db: Database, home: Path, picture_id: int) -> GeneratedRecord | None:
    """How a picture of the library was generated; None for one that was not generated here."""
    rows = records(db, home, "g.picture_id = ?", [picture_id], limit=1)
    return rows[0] if rows else None


def generated_by(db: Database, home: Path, job_id: int) -> list[GeneratedRecord]:
    """The pictures that a job generated and stored, the first one first."""
    found = records(db, home, "g.job_id = ? and g.picture_id is not null", [job_id])
    return found[::-1]


def list_generated(db: Database, home: Path, limit: int) -> list[GeneratedRecord]:
    """The pictures that were generated and stored, the newest first."""
    return records(db, home, "g.picture_id is not null", [], limit=limit)


def records(
    db: Database, home: Path, condition: str, values: Sequence[str | int], *, limit: int = -1
) -> list[GeneratedRecord]:
    """The rows of generated pictures that meet an SQL condition, the newest first."""
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


def seen_file(path: Path) -> SeenFile:
    """The file as it is now."""
    size, mtime_ns = stamp(path.stat())
    return SeenFile(path=str(path), size=size, mtime_ns=mtime_ns)


_WITH_PICTURE = "g.picture_id is not null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What became of generated pictures that were to be removed."""

    pictures: int
    """How many left the library."""
    left: tuple[str, ...] = ()
    """Paths where something else lies than what was generated: it stays."""


def remove_generated(db: Database, home: Path, picture_ids: Sequence[int]) -> Removal:
    """Take generated pictures out of the library and delete their files.

    One that another path holds as well stays in the library under that path.
    """
    wanted = set(picture_ids)
    found = {
        record.path: record
        for record in records(db, home, _WITH_PICTURE, [])
        if record.picture_id in wanted
    }
    ids = {record.picture_id for record in found.values() if record.picture_id is not None}
    with db.atomic():
        for table, column, values in (
            ("generated", "picture_id", listed(ids)),
            ("files", "path", listed(found)),
        ):
            db.execute(
                f"delete from {table} where {column} in (select value from json_each(?))", [values]
            )
        drop_pictures(db, sorted(ids - _held(db, ids)))
        bump(db)
    # Last, so that an error above leaves every file where its row says it is.
    left = [path for path, record in found.items() if not remove_content(home, record.sha256 or "")]
    return Removal(pictures=len(ids), left=tuple(left))


def reconcile(db: Database, home: Path) -> list[Path]:
    """Bring rows and files together again; returns the files that have no row.

    What a writer left unfinished is deleted. Rows follow a home folder that was moved, and know
    which files are gone or hold something else by now. Runs under the write lock, so that no
    other instance is in the middle.
    """
    root, there = content_root(home), contents(home)
    rows = db.execute(
        "select distinct p.sha256, p.id from generated g join pictures p on p.id = g.picture_id"
    )
    expected = {path_in(root, sha256): int(picture_id) for sha256, picture_id in rows.fetchall()}
    orphans = [Path(path) for path in sorted(there.paths - expected.keys()) if is_ours(Path(path))]
    for path in orphans:
        if is_partial(path):
            remove_partial(home, path)
    _follow(db, home, expected, there)
    return [path for path in orphans if not is_partial(path)]


def has_generated(db: Database) -> bool:
    """Whether any picture was generated and stored."""
    row = db.execute("select exists (select 1 from generated where picture_id is not null)")
    return bool(row.fetchone()[0])


def _held(db: Database, picture_ids: set[int]) -> set[int]:
    rows = db.execute(
        "select distinct picture_id from files where picture_id in"
        " (select value from json_each(?))",
        [listed(picture_ids)],
    )
    return {int(row[0]) for row in rows}


def _follow(db: Database, home: Path, expected: dict[str, int], there: Contents) -> None:
    """Let file rows say where the files of generated pictures lie now, and whether they do."""
    rows = db.execute(
        "select path, present, size, mtime_ns from files"
        " where picture_id in (select picture_id from generated)"
    ).fetchall()
    present = {path: (size, mtime_ns) for path, is_present, size, mtime_ns in rows if is_present}
    returned: list[str] = []
    gone: list[str] = []
    for path in sorted(expected):
        if there.lacks(path):
            gone.append(path)
        elif path in there.paths and present.get(path) != _stamp(path):
            (returned if holds(home, Path(path).stem) else gone).append(path)
    put_files(db, [(seen_file(Path(path)), expected[path]) for path in returned])
    moved = [path for path, *_ in rows if path not in expected and _is_left(Path(path))]
    if moved:
        db.execute(
            "delete from files where path in (select value from json_each(?))", [listed(moved)]
        )
        bump(db)
    mark_missing(db, [path for path in gone if path in present])


def _stamp(path: str) -> tuple[int, int] | None:
    """What tells that a file was not touched since its row was written."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _is_left(path: Path) -> bool:
    """A place in a home folder where there is none any more."""
    return is_ours(path) and not os.path.lexists(path)
