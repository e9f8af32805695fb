"""What background texts reach in a library: JSON under a key that names all that it rests on."""

from sqlite_utils import Database

KEPT = 256
"""Those measured last."""


def get_zero(db: Database, key: str) -> str | None:
    """What was kept under a key."""
    row = db.execute("select body from zeros where key = ?", [key]).fetchone()
    return None if row is None else str(row[0])


def all_zeros(db: Database) -> dict[str, str]:
    """Everything that is kept."""
    return dict(db.execute("select key, body from zeros order by id").fetchall())


def zero_keys(db: Database, prefix: str) -> list[str]:
    """The keys that begin so, those measured last first."""
    rows = db.execute(
        "select key from zeros where substr(key, 1, ?) = ? order by id desc", [len(prefix), prefix]
    )
    return [str(row[0]) for row in rows]


def put_zero(db: Database, key: str, body: str) -> str:
    """Keep what was measured; returns what was kept first under the key."""
    with db.atomic():
        db.execute("insert or ignore into zeros (key, body) values (?, ?)", [key, body])
        db.execute(
            "delete from zeros where id <= (select max(id) from zeros) - ?",
            [KEPT],
        )
    return get_zero(db, key) or body
