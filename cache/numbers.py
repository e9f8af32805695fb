"""Numbers that people and files give: what SQLite can hold, and what a calendar can show."""

import math
import os
from datetime import datetime

LARGEST = 2**63 - 1
"""The largest whole number that SQLite stores."""
_EARLIEST, _LATEST = datetime(1, 1, 3), datetime(9999, 12, 29)
"""A day or two from the calendar's ends, so that no time zone leads beyond them."""


def storable(number: int) -> int:
    """The nearest number that SQLite stores."""
    return max(-LARGEST - 1, min(LARGEST, number))


def stamp(status: os.stat_result) -> tuple[int, int]:
    """Bytes and mtime in nanoseconds, which tell whether a file changed, as they are stored.

    Some file systems keep dates after the year 2262, whose nanoseconds SQLite cannot hold.
    """
    return storable(status.st_size), storable(status.st_mtime_ns)


def local_time(moment: float) -> datetime:
    """A Unix time as local time; what lies beyond the calendar as its end, no number as 1970."""
    if math.isnan(moment):
        moment = 0.0
    try:
        return datetime.fromtimestamp(moment)
    except (OverflowError, OSError, ValueError):
        return _LATEST if moment > 0 else _EARLIEST


def unix_time(moment: datetime) -> float:
    """The Unix time of a local time, also where the time zone leads beyond the calendar."""
    try:
        return moment.timestamp()
    except (OverflowError, OSError, ValueError):
        return (_LATEST if moment.year > _EARLIEST.year else _EARLIEST).timestamp()


def nanoseconds(moment: float) -> int:
    """A Unix time in nanoseconds, as times of files are stored."""
    if math.isnan(moment):
        return 0
    return storable(int(max(-1e18, min(1e18, moment)) * 1e9))


def whole(text: str, least: int = -LARGEST - 1, most: int = LARGEST) -> int:
    """The whole number that a person wrote. Raises ValueError with what is wrong with it."""
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no whole number") from None
    if number < least or number > most:
        raise ValueError(_limits(least, most))
    return number


def finite(text: str, least: float = -math.inf, most: float = math.inf) -> float:
    """The number that a person wrote, neither endless nor none. Raises ValueError likewise."""
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no number") from None
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]!r} is no number to work with")
    if number < least or number > most:
        raise ValueError(_limits(least, most))
    return number


def _limits(least: float, most: float) -> str:
    if most in (math.inf, LARGEST):
        return f"at least {least:,}" if least not in (-math.inf, -LARGEST - 1) else "too large"
    return f"{least:,} to {most:,}"
