"""A terminal at the other end of a pty that answers as a real one was seen to."""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

VERSION, CELL, REGISTERS = "\x1b[>q", "\x1b[16t", "\x1b[?1;1;0S"
TRUECOLOR, KITTY, ATTRIBUTES = "\x1bP$qm\x1b\\", "\x1b_Gi=31,", "\x1b[c"

XTERM = {
    VERSION: "\x1bP>|XTerm(379)\x1b\\",
    REGISTERS: "\x1b[?1;0;256S",
    TRUECOLOR: "\x1bP1$r0;48:2::1:2:3m\x1b\\",
    ATTRIBUTES: "\x1b[?63;1;2;4;6;9;15;16;22;28c",
}
"""xterm 379 as a VT340, over SSH."""
KITTY_OLD = {
    VERSION: "\x1bP>|kitty(0.26.5)\x1b\\",
    CELL: "\x1b[6;17;7t",
    TRUECOLOR: "\x1bP1$r48:2:1:2:3m\x1b\\",
    KITTY: "\x1b_Gi=31;OK\x1b\\",
    ATTRIBUTES: "\x1b[?62;c",
}
"""kitty of Debian 12, over SSH."""
KITTY_NEW = KITTY_OLD | {VERSION: "\x1bP>|kitty(0.32.1)\x1b\\"}
TMUX = {VERSION: "\x1bP>|tmux 3.3a\x1b\\", ATTRIBUTES: "\x1b[?1;2c"}
SILENT: dict[str, str] = {}

_QUESTION = re.compile(
    "|".join(map(re.escape, (VERSION, CELL, REGISTERS, TRUECOLOR, KITTY, ATTRIBUTES)))
)
_TELLING = {"TMUX", "COLORTERM", "NO_COLOR", "TERM_PROGRAM", "STY"}


@dataclass(kw_only=True)
class Session:
    """A program's run on the fake terminal."""

    screen: str = ""
    """All that the program wrote."""
    asked: list[str] = field(default_factory=list)
    """Questions in the order of their arrival."""


def run_in_terminal(
    code: str,
    answers: Mapping[str, str],
    *,
    keys: tuple[tuple[str, str], ...] = (),
    environ: Mapping[str, str] | None = None,
    pixels: tuple[int, int] = (0, 0),
    limit_s: float = 60,
) -> Session:
    """Run `code` with the pty as its controlling terminal until it ends.

    `keys` are pairs of a pattern to wait for in what was written since the last key, and what to
    type then; `pixels` is what the device says of its size, beside 80 columns and 24 rows.
    """
    clean = {name: value for name, value in os.environ.items() if name not in _TELLING}
    process, controller = pty.fork()
    if process == 0:
        os.chdir(ROOT)
        os.execve(
            sys.executable,
            [sys.executable, "-c", code],
            clean | {"TERM": "xterm-256color"} | dict(environ or {}),
        )
    fcntl.ioctl(controller, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, *pixels))
    session, waiting, seen, since = Session(), list(keys), 0, 0
    deadline = time.monotonic() + limit_s
    try:
        while time.monotonic() < deadline:
            if not select.select([controller], [], [], deadline - time.monotonic())[0]:
                break
            session.screen += os.read(controller, 1 << 16).decode("utf-8", "replace")
            seen = _answer(controller, session, seen, answers)
            if waiting and re.search(waiting[0][0], session.screen[since:], re.DOTALL):
                since = len(session.screen)
                os.write(controller, waiting.pop(0)[1].encode())
        else:
            raise TimeoutError(session.screen[-2000:])
    except OSError:
        pass
    finally:
        os.close(controller)
        os.waitpid(process, 0)
    assert not waiting, f"never saw {waiting[0][0]!r} in {session.screen[since:][-3000:]!r}"
    return session


def _answer(controller: int, session: Session, seen: int, answers: Mapping[str, str]) -> int:
    """Answer the questions written after `seen`; returns how far was read."""
    for question in _QUESTION.finditer(session.screen, seen):
        session.asked.append(question[0])
        os.write(controller, answers.get(question[0], "").encode())
        seen = question.end()
    return seen
