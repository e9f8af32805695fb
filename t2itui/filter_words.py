"""Filters as a person reads and types them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.requests import HIDE, ONLY, SHOW
from t2itui.plain import plain
from t2itui.scope_names import scope_name

if TYPE_CHECKING:
    from engine.requests import Filters

SYNTHETIC_WORDS = {HIDE: "without painted", ONLY: "painted only"}

FOLDER_ROOM = 24
"""Characters of a folder in a line that says other things too; its end tells most."""


def filter_words(filters: Filters) -> str:
    """Return 'in ~/farm since 2025-01-01 until 2025-06-01 min 512 px'; empty without filters."""
    words = [f"in {_folder_words(folder)}" for folder in filters.folders[:1]]
    if len(filters.folders) > 1:
        words.append(f"and {len(filters.folders) - 1} more")
    words += [f"since {date_words(filters.since)}"] if filters.since is not None else []
    words += [f"until {date_words(filters.until)}"] if filters.until is not None else []
    words += [f"min {filters.min_side} px"] if filters.min_side else []
    words += [SYNTHETIC_WORDS[filters.synthetic]] if filters.synthetic != SHOW else []
    return " ".join(words)


def short_path(folder: Path) -> str:
    """Return a path, from ~ on where it lies in the person's own folder."""
    try:
        return str(Path("~") / Path(scope_name(folder)).relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return scope_name(folder)


def _folder_words(folder: Path) -> str:
    words = plain(short_path(folder))
    return words if len(words) <= FOLDER_ROOM else "…" + words[1 - FOLDER_ROOM :]


def date_words(moment: float) -> str:
    """Return a Unix time as a local day, with the time of day unless that is midnight."""
    words = datetime.fromtimestamp(moment).isoformat(timespec="seconds")
    return words.removesuffix("T00:00:00")


def read_date(words: str) -> float | None:
    """Return the Unix time of a local date, with or without a time; None where nothing stands.

    Raises:
        ValueError: it is no date, or none that this machine can count.
    """
    if not words.strip():
        return None
    try:
        return datetime.fromisoformat(words.strip()).timestamp()
    except (OverflowError, OSError) as error:
        raise ValueError(f"{words} is out of range") from error
