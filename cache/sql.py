"""Small helpers that the row modules share."""

import json
from collections.abc import Iterable
from typing import TypeAlias

from sqlite_utils import Database

Value: TypeAlias = str | int | float | bytes | None


def listed(values: Iterable[str] | Iterable[int]) -> str:
    """Values for `... in (select value from json_each(?))`, which knows no limit of parameters."""
    return json.dumps([value if isinstance(value, str) else int(value) for value in values])


def many(db: Database, sql: str, rows: Iterable[tuple[Value, ...]]) -> int:
    """Execute a statement once for every row, as part of one transaction; rows changed."""
    with db.atomic():
        return db.conn.executemany(sql, rows).rowcount


def below(folder: str) -> tuple[str, str]:
    """The half-open range of paths that lie below a folder: `path >= ? and path < ?`."""
    prefix = folder.rstrip("/")
    return f"{prefix}/", f"{prefix}0"
