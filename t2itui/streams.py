"""The standard streams, in whatever state the program was handed them.

They may be closed, full, or of an encoding that lacks a character. What goes to stdout is the
answer: where it cannot be written, OutputLostError says so, whoever wrote. What goes to stderr are
remarks: where they cannot be written, nothing is lost.
"""

from __future__ import annotations

import asyncio
import errno
import io
import os
import select
import signal
import sys
from contextlib import suppress


class OutputLostError(Exception):
    """What was written to stdout did not arrive.

    No OSError, which click ends the program on, and with the exit code of "nothing passed".
    """

    def __init__(self, reason: OSError) -> None:
        is_closed = reason.errno == errno.EBADF
        why = "it is closed" if is_closed else reason.strerror or str(reason)
        super().__init__(f"standard output: {why}")
        self.is_reader_gone = isinstance(reason, BrokenPipeError)
        """Whoever read it had enough, as `head` does."""


class _Answers(io.TextIOWrapper):
    """Stdout: says when something did not arrive, and writes what its encoding lacks as escapes."""

    was_closed = False
    """By whoever started the program."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise OutputLostError(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise OutputLostError(error) from error


class _Remarks(io.TextIOWrapper):
    """Stderr: takes what it can."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def take_over() -> None:
    """Make the three streams usable; call it before anything else opens a file.

    A closed one is opened on nothing, or the next file, which may be the cache's, would take its
    number, and with it whatever a library writes there.
    """
    _open_closed()
    if sys.stdin is None:
        nothing = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")
        sys.stdin = sys.__stdin__ = nothing  # type: ignore[misc]
    encoding = "utf-8" if sys.stdout is None else sys.stdout.encoding
    answers = _Answers(_writer(1), encoding, _ESCAPES, line_buffering=os.isatty(1))
    answers.was_closed = sys.stdout is None
    sys.stdout = sys.__stdout__ = answers  # type: ignore[misc]
    encoding = "utf-8" if sys.stderr is None else sys.stderr.encoding
    sys.stderr = sys.__stderr__ = remarks(2, encoding)  # type: ignore[misc]


def remarks(descriptor: int, encoding: str = "utf-8") -> io.TextIOWrapper:
    """A stream that writes what it can, and swallows what it cannot."""
    return _Remarks(_writer(descriptor), encoding, _ESCAPES, line_buffering=True)


def is_closed() -> bool:
    """Stdout was closed when the program began: nobody wants the answer."""
    return isinstance(sys.stdout, _Answers) and sys.stdout.was_closed


def says_all() -> bool:
    """The encoding of stdout has every character."""
    return (sys.stdout.encoding or "").lower().startswith("utf")


async def hung_up() -> None:
    """Return once the terminal that stderr writes to is gone.

    The system says so with a signal, but to the program that leads the terminal alone, which may
    be another: `make run`. Whoever has that signal ignored (`nohup`) wants to go on.
    """
    look = select.poll()
    if os.isatty(2) and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        look.register(2, 0)
    while not look.poll(0):  # noqa: ASYNC110 - a loop that waits would count the keys, too
        await asyncio.sleep(LOOK_S)


LOOK_S = 0.5
"""So often the terminal is looked at."""
_ESCAPES = "backslashreplace"


def _open_closed() -> None:
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Nobody can write to a stdout that is open for reading: the answer is lost, and told.
            mode = os.O_WRONLY if number == 2 else os.O_RDONLY
            os.set_inheritable(os.open(os.devnull, mode), True)


def _writer(number: int) -> io.BufferedWriter:
    return io.BufferedWriter(io.FileIO(number, "w", closefd=False))


def finish() -> None:
    """Write what is still held back. Raises OutputLostError."""
    sys.stdout.flush()


def abandon() -> None:
    """Let what is held back for stdout go nowhere, or the interpreter would fail over it."""
    with suppress(OSError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.close(nothing)
