"""Is the file sound?"""

from sqlite_utils import Database


def quick_check(db: Database) -> str:
    """SQLite's own check of the file and its foreign keys: the first complaint, or nothing."""
    answer = db.execute("pragma quick_check(1)").fetchone()[0]
    if answer != "ok":
        return f"the cache is damaged: {answer}"
    orphan = db.execute("pragma foreign_key_check").fetchone()
    return "" if orphan is None else f"a row of {orphan[0]} points at nothing in {orphan[2]}"
