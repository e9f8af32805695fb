"""Finds pictures by the paths that hold them."""

from collections.abc import Iterable

from sqlite_utils import Database

from cache.sql import listed


def pictures_at(db: Database, paths: Iterable[str]) -> dict[str, int]:
    """The ids of the pictures that files of these paths hold, or held, by path."""
    rows = db.execute(
        "select path, picture_id from files where path in (select value from json_each(?))",
        [listed(paths)],
    )
    return {row[0]: int(row[1]) for row in rows}
