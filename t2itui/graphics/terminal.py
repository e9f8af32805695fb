"""Asks the terminal questions and reads its answers; only before the app takes it over."""

import fcntl
import os
import re
import select
import struct
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

TIMEOUT_S = 1.5
"""How long a terminal may take to answer; a far one over SSH needs tenths of a second."""

_LAST_QUESTION = "\x1b[c"
_LAST_ANSWER = re.compile(rb"\x1b\[\?[\d;]*c")


@contextmanager
def open_terminal() -> Iterator[int]:
    """The controlling terminal, set to hand over what it answers at once and unseen.

    Raises:
        OSError: there is none, or it cannot be used.
    """
    terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    try:
        before = termios.tcgetattr(terminal)
        tty.setcbreak(terminal, termios.TCSANOW)
        try:
            yield terminal
        finally:
            termios.tcsetattr(terminal, termios.TCSANOW, before)
    except termios.error as error:
        raise OSError(*error.args) from error
    finally:
        os.close(terminal)


def ask(terminal: int, questions: str, *, timeout: float = TIMEOUT_S) -> str | None:
    """Everything answered to `questions`, or None if the terminal does not answer in `timeout` s.

    A question that every terminal answers follows (primary device attributes), so that nobody
    waits for one that goes unanswered.
    """
    os.write(terminal, (questions + _LAST_QUESTION).encode("ascii"))
    answer, deadline = b"", time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([terminal], [], [], left)[0]:
            break
        answer += os.read(terminal, 4096)
        if _LAST_ANSWER.search(answer):
            return answer.decode("ascii", "replace")
    return None


def cell_pixels(terminal: int) -> tuple[int, int] | None:
    """Width and height of a cell in pixels, where the terminal's device knows them."""
    answer = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
    rows, columns, width, height = struct.unpack("HHHH", answer)
    if not (rows and columns and width >= columns and height >= rows):
        return None
    return width // columns, height // rows
