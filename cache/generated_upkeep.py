"""Painted pictures: taken out of the library, and brought together with their files again."""

from collections.abc import Sequence
from pathlib import Path

from sqlite_utils import Database

from cache.content_files import content_root, contents, is_ours, is_partial, path_in
from cache.counters import bump
from cache.files import mark_vanished, put_files
from cache.generated import records, seen
from cache.orphans import drop_pictures
from cache.sql import listed

_WITH_PICTURE = "g.picture_id is not null"


def remove_generated(db: Database, home: Path, picture_ids: Sequence[int]) -> int:
    """Take painted pictures out of the library and delete their files; returns how many.

    One that another path holds as well stays in the library under that path.
    """
    wanted = set(picture_ids)
    paths = {
        record.path: record.picture_id
        for record in records(db, home, _WITH_PICTURE, [])
        if record.picture_id in wanted
    }
    ids = {picture_id for picture_id in paths.values() if picture_id is not None}
    with db.atomic():
        for table, column, values in (
            ("generated", "picture_id", listed(ids)),
            ("files", "path", listed(paths)),
        ):
            db.execute(
                f"delete from {table} where {column} in (select value from json_each(?))", [values]
            )
        drop_pictures(db, sorted(ids - _held(db, ids)))
        bump(db)
    # Last, so that an error above leaves every file where its row says it is.
    for path in paths:
        Path(path).unlink(missing_ok=True)
    return len(ids)


def sweep(db: Database, home: Path) -> list[Path]:
    """Bring rows and files together again; returns the files that have no row.

    What a writer left unfinished is deleted. Rows follow a home folder that was moved, and know
    which files are gone. Runs under the write lock, so that no other instance is in the middle.
    """
    root, there = content_root(home), contents(home)
    rows = db.execute(
        "select distinct p.sha256, p.id from generated g join pictures p on p.id = g.picture_id"
    )
    expected = {path_in(root, sha256): int(picture_id) for sha256, picture_id in rows.fetchall()}
    strays = [Path(path) for path in sorted(there - expected.keys()) if is_ours(Path(path))]
    for path in strays:
        if is_partial(path):
            path.unlink(missing_ok=True)
    _follow(db, expected, there)
    return [path for path in strays if not is_partial(path)]


def _held(db: Database, picture_ids: set[int]) -> set[int]:
    rows = db.execute(
        "select distinct picture_id from files where picture_id in"
        " (select value from json_each(?))",
        [listed(picture_ids)],
    )
    return {int(row[0]) for row in rows}


def _follow(db: Database, expected: dict[str, int], there: set[str]) -> None:
    """Let file rows say where the files of painted pictures lie now, and whether they do."""
    rows = db.execute(
        "select path, present from files where picture_id in (select picture_id from generated)"
    ).fetchall()
    present = {path for path, is_present in rows if is_present}
    returned = (expected.keys() & there) - present
    put_files(db, [(seen(Path(path)), expected[path]) for path in sorted(returned)])
    moved = [path for path, _ in rows if path not in expected and _is_left(Path(path))]
    if moved:
        db.execute(
            "delete from files where path in (select value from json_each(?))", [listed(moved)]
        )
        bump(db)
    mark_vanished(db, sorted((expected.keys() & present) - there))


def _is_left(path: Path) -> bool:
    """A place in a home folder where there is none any more."""
    return is_ours(path) and not path.exists()
