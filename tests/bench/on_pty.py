"""Runs Python code on a terminal of its own, so that what it paints is really written."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from contextlib import suppress
from dataclasses import dataclass

COLUMNS, ROWS, CELL = 120, 36, (8, 16)
LIMIT_S = 300
QUESTION, ANSWER = b"\x1b[c", b"\x1b[?62;22c"
"""Primary device attributes, which every real terminal gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a program did on its terminal."""

    result: dict[str, float]
    """The JSON object it wrote to the descriptor named in `sys.argv[1]`."""
    painted_s: float
    """From the start until `marker` was written; nan if it never was."""
    written: int
    """Bytes that reached the terminal."""


def run_on_pty(code: str, *, marker: str = "", stop_at_marker: bool = False) -> Run:
    """Run `code` in a fresh interpreter until it ends, or until it has written `marker`."""
    results, result = os.pipe()
    os.set_inheritable(result, True)
    environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    started = time.perf_counter()
    process, terminal = pty.fork()
    if process == 0:
        os.execve(sys.executable, [sys.executable, "-c", code, str(result)], environ)
    os.close(result)
    size = struct.pack("HHHH", ROWS, COLUMNS, COLUMNS * CELL[0], ROWS * CELL[1])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
    painted, written = _drain(terminal, marker.encode(), stop_at_marker=stop_at_marker)
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    os.close(terminal)
    with os.fdopen(results) as text:
        return Run(
            result=json.loads(text.read() or "{}"), painted_s=painted - started, written=written
        )


def _drain(terminal: int, marker: bytes, *, stop_at_marker: bool) -> tuple[float, int]:
    """Read and answer until the program ends; when `marker` came, and how much was read."""
    seen, painted, written, deadline = b"", float("nan"), 0, time.monotonic() + LIMIT_S
    while select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:
            break
        written += len(data)
        if QUESTION in data:
            os.write(terminal, ANSWER)
        if marker and painted != painted:
            seen += data
            if marker in seen:
                painted = time.perf_counter()
                if stop_at_marker:
                    break
    return painted, written
