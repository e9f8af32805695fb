"""What is left of the app when something went wrong that nobody foresaw."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from engine.home_files import open_log
from t2itui import __version__
from t2itui.text.plain import plain

MOST_BYTES = 1_000_000
"""A log that has grown beyond this starts anew."""


def last_words(home: Path | None, error: BaseException) -> tuple[str, str]:
    """Keep the traceback and return two lines for the terminal of a program that has ended."""
    return f"t2itui ended on an unexpected error: {named(error)}", logged(home, error)


def named(error: BaseException) -> str:
    """An error by its kind, and what it says."""
    return f"{type(error).__name__}: {plain(str(error))}".removesuffix(": ")


def logged(home: Path | None, error: BaseException) -> str:
    """Keep the traceback of an error in `logs/crash.log`, and say where.

    The log has mode 0600 and holds no values of variables, which may be what somebody typed.
    """
    if home is None:
        return "No home folder is in use, so no log was written."
    path = log_file(home)
    try:
        _append(path, traceback.format_exception(error))
    except OSError as refused:
        where = f"The traceback could not be written to {path}: {refused.strerror}."
    else:
        where = f"The traceback is in {path}"
    return plain(where)


def log_file(home: Path) -> Path:
    """Where the tracebacks of unexpected errors are kept."""
    return home / "logs" / "crash.log"


class _Log(logging.Handler):
    """Keeps what the program logs of its own errors, which a terminal should not show."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.ERROR)
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            _append(self._path, [self.format(record)])


def log_errors(home: Path) -> None:
    """Have errors that are logged from now on, such as those of a job, kept in the same file."""
    for handler in [each for each in logging.root.handlers if isinstance(each, _Log)]:
        logging.root.removeHandler(handler)
    logging.root.addHandler(_Log(log_file(home)))


def _append(path: Path, lines: Sequence[str]) -> None:
    descriptor = open_log(path.parents[1], path.parent.name, path.name, limit=MOST_BYTES)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        file.write(f"--- {now}  t2itui {__version__}\n")
        for line in "".join(lines).splitlines():
            indent = len(line) - len(line.lstrip(" "))
            file.write(" " * indent + plain(line.lstrip(" ")) + "\n")
