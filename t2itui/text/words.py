"""Sizes, times and counts as people read them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine import disk, numbers
from engine.collections import BUILT_IN
from engine.states import ProcessState, Synthetic, Unit
from t2itui.text.plain import plain

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.events import JobProgress
    from engine.requests import Filters


UNITS = ("B", "KB", "MB", "GB", "TB")


def size_words(size: float) -> str:
    """Return bytes with a unit, in powers of 1000."""
    unit = 0
    while size >= 999.5 and unit < len(UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:.1f} {UNITS[unit]}" if unit and size < 9.95 else f"{size:.0f} {UNITS[unit]}"


def number(score: float) -> str:
    """Return a score with two digits and no leading zero; one that is not quite 1 stays below 1."""
    if score >= 1:
        return "1.0"
    text = f"{min(score, 0.99):.2f}" if score > 0 else f"{score:.2f}"
    return text.replace("0.", ".", 1)


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


def rate_words(event: JobProgress) -> str:
    """Return '12.3 pictures/s  0:40 left', as far as it is known."""
    if not event.rate:
        return ""
    if event.unit is Unit.BYTES:
        speed = f"{event.rate / 1e6:.1f} MB/s"
    elif event.unit is Unit.STEPS and event.rate < 1:
        speed = f"{1 / event.rate:.1f} s a step"
    else:
        speed = f"{event.rate:.1f} {event.unit}/s"
    if event.eta_s is None:
        return speed
    minutes, seconds = divmod(round(event.eta_s), 60)
    return f"{speed}  {minutes}:{seconds:02} left"


def when_words(moment: float) -> str:
    """Return a Unix time as a local date and time; empty for 0, which stands for never."""
    if not moment:
        return ""
    return numbers.local_time(moment).strftime("%Y-%m-%d %H:%M")


def scoring_words(engine: Engine | None) -> str:
    """Return what scores are waited for: the encoder's loading takes seconds."""
    return _waiting_words(engine, "scoring…")


def looking_words(engine: Engine | None) -> str:
    """Return what maps of words are waited for."""
    return _waiting_words(engine, "looking for the words…")


def patch_words(engine: Engine | None) -> str:
    """Return how far the patches are that late interaction waits for; empty while it does not."""
    looked = None if engine is None else engine.patch_progress
    return "" if looked is None else f"patches of {looked[0]:,} of {looked[1]:,} pictures"


def _waiting_words(engine: Engine | None, at_work: str) -> str:
    states = engine.encoders.state() if engine is not None else ()
    is_loading = any(state.state is ProcessState.LOADING for state in states)
    return "loading the encoder…" if is_loading else at_work


SYNTHETIC_WORDS: dict[str, str] = {
    Synthetic.HIDE: "without painted",
    Synthetic.ONLY: "painted only",
}

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
    words += [SYNTHETIC_WORDS[filters.synthetic]] if filters.synthetic != Synthetic.SHOW else []
    return " ".join(words)


def short_path(folder: Path) -> str:
    """Return a path, from ~ on where it lies in the person's own folder."""
    try:
        return str(Path("~") / Path(scope_name(folder)).relative_to(disk.expanded("~")))
    except ValueError:
        return scope_name(folder)


def _folder_words(folder: Path) -> str:
    words = plain(short_path(folder))
    return words if len(words) <= FOLDER_ROOM else "…" + words[1 - FOLDER_ROOM :]


def date_words(moment: float) -> str:
    """Return a Unix time as a local day, with the time of day unless that is midnight."""
    words = numbers.local_time(moment).isoformat(timespec="seconds")
    return words.removesuffix("T00:00:00")


def read_date(words: str) -> float | None:
    """Return the Unix time of a local date, with or without a time; None where nothing stands.

    Raises:
        ValueError: it is no date, or none that this machine can count.
    """
    if not words.strip():
        return None
    try:
        moment = datetime.fromisoformat(words.strip())
    except OverflowError as error:
        raise ValueError(f"{words} is out of range") from error
    return numbers.unix_time(moment)


def scope_folder(name: Path) -> Path:
    """Return the absolute folder that a name stands for: a collection's, or one's own.

    The name of a collection after `./` names a folder.
    """
    return BUILT_IN.folder if str(name) == BUILT_IN.name else disk.from_root(name)


def scope_name(folder: Path) -> str:
    """Return what stands for an absolute folder in a command."""
    return BUILT_IN.name if folder == BUILT_IN.folder else str(folder)
