"""Looks for damage in the file."""

from sqlite_utils import Database


def quick_check(db: Database) -> str:
    """What SQLite's quick check finds first; empty where the file is sound.

    It reads the whole file, which takes seconds for gigabytes.
    """
    found = str(db.execute("pragma quick_check(1)").fetchone()[0])
    return "" if found == "ok" else found
