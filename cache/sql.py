"""Small helpers that the row modules share."""

import json
from collections.abc import Iterable
from typing import TypeAlias

from sqlite_utils import Database


def revision(db: Database) -> int:
    """How often pictures, files, embeddings, matchers or imported texts have changed."""
    row = db.execute("select value from counters where name = 'library'").fetchone()
    return int(row[0]) if row else 0


def bump(db: Database) -> None:
    """Count a change, in the transaction that makes it."""
    db.execute(
        "insert into counters (name, value) values ('library', 1)"
        " on conflict (name) do update set value = value + 1"
    )


Value: TypeAlias = str | int | float | bytes | None


def listed(values: Iterable[str] | Iterable[int]) -> str:
    """Values for `... in (select value from json_each(?))`, which knows no limit of parameters."""
    return json.dumps(list(values), default=int)


def many(db: Database, sql: str, rows: Iterable[tuple[Value, ...]]) -> int:
    """Execute a statement once for every row, as part of one transaction; rows changed."""
    with db.atomic():
        return db.conn.executemany(sql, rows).rowcount


def below(folder: str) -> tuple[str, str]:
    """The half-open range of paths that lie below a folder: `path >= ? and path < ?`."""
    prefix = folder.rstrip("/")
    return f"{prefix}/", f"{prefix}0"


def at_or_below(path: str) -> tuple[str, str, str]:
    """A path and the range below it: `path = ? or path >= ? and path < ?`."""
    return (path.rstrip("/") or "/", *below(path))
