"""Sizes, times and counts as people read them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.engine import Engine

UNITS = ("B", "KB", "MB", "GB", "TB")


def size_words(size: float) -> str:
    """Return bytes with a unit, in powers of 1000."""
    unit = 0
    while size >= 999.5 and unit < len(UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:.1f} {UNITS[unit]}" if unit and size < 9.95 else f"{size:.0f} {UNITS[unit]}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return '1 picture', '1,234 pictures'."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def duration_words(seconds: float) -> str:
    """Return a length of time, rounded as far as it matters."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02} min"


def when_words(moment: float) -> str:
    """Return a Unix time as a local date and time; empty for 0, which stands for never."""
    if not moment:
        return ""
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M")


def scoring_words(engine: Engine | None) -> str:
    """Return what scores are waited for: the encoder's loading takes seconds."""
    states = engine.encoders.state() if engine is not None else ()
    is_loading = any(state.state == "loading" for state in states)
    return "loading the encoder…" if is_loading else "scoring…"
