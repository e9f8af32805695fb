"""The library's revision: one more whenever an answer computed before may be out of date."""

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
