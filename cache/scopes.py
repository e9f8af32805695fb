"""Chooses which pictures take part in a search."""

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from cache.sql import below


def scope(
    db: Database,
    *,
    folders: tuple[str, ...] = (),
    since: float | None = None,
    until: float | None = None,
    min_side: int = 0,
    synthetic: bool | None = None,
    painted_for: str = "",
) -> NDArray[np.int64]:
    """Sorted ids of the pictures that one path lets in: below a folder and of the right date.

    `since` and `until` are Unix times of the file's last change, both included; a picture that
    was never seen on disk has no date, and no size. Without folders, every path will do.
    `synthetic` lets painted pictures in alone, or the others alone. Those painted for the library
    `painted_for` count as lying below its folders.
    """
    conditions, values = ["1"], list[str | float]()
    if folders:
        ranges = [below(folder) for folder in folders]
        each = ["f.path >= ? and f.path < ?"] * len(ranges)
        values += [bound for pair in ranges for bound in pair]
        if painted_for:
            each.append("f.picture_id in (select picture_id from generated where library = ?)")
            values.append(painted_for)
        conditions.append(f"({' or '.join(each)})")
    if since is not None or until is not None:
        conditions.append("f.mtime_ns > 0")
    if since is not None:
        conditions.append("f.mtime_ns >= ?")
        values.append(int(since * 1e9))
    if until is not None:
        conditions.append("f.mtime_ns <= ?")
        values.append(int(until * 1e9))
    if min_side > 0:
        conditions.append("f.picture_id in (select id from pictures where min(width, height) >= ?)")
        values.append(min_side)
    if synthetic is not None:
        conditions.append("f.picture_id in (select id from pictures where synthetic = ?)")
        values.append(int(synthetic))
    rows = db.execute(
        f"select distinct f.picture_id from files f where {' and '.join(conditions)}", values
    )
    return np.sort(np.fromiter((row[0] for row in rows), dtype=np.int64))
