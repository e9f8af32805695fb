"""What ends the app from outside, each in a small program on a terminal of its own."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from t2itui.terminal import LIMIT_S

WATCH = """
import asyncio, os, signal, sys, time
from t2itui.terminal import Watch

async def main():
    Watch(leave).start()
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
    {work}

def leave(number):
    {answer}

asyncio.run(main())
"""
DRIVER = """
import asyncio, os, signal, sys, threading
from textual.app import App
from t2itui.terminal import TerminalDriver

class Small(App):
    def on_mount(self):
        sys.__stdout__.write("ready\\n")
        sys.__stdout__.flush()
        self.set_timer({seconds}, self.exit)
    def on_key(self, event):
        if event.key == "q":
            readers = [thread for thread in threading.enumerate() if thread.name == "textual-input"]
            self.exit(return_code=7 if len(readers) == 1 else len(readers))

signal.signal(signal.SIGHUP, lambda *_: os._exit(9))
app = Small(driver_class=TerminalDriver)
app.run()
sys.exit(app.return_code)
"""
LONG = 60


def watched(work: str, answer: str) -> subprocess.Popen[str]:
    """A program that is watched, and ready."""
    script = WATCH.format(work=work, answer=answer)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(
    ("work", "answer"),
    [
        pytest.param("time.sleep(60)", "return False", id="the event loop hangs"),
        pytest.param("await asyncio.sleep(60)", "return False", id="the app does not end"),
        pytest.param("await asyncio.sleep(60)", "raise ValueError", id="leaving fails"),
    ],
)
def test_whatever_the_app_is_at_a_signal_ends_it_in_time(work: str, answer: str) -> None:
    process = watched(work, answer)
    began = time.monotonic()
    process.terminate()
    assert process.wait(LONG) == 128 + signal.SIGTERM
    assert LIMIT_S / 2 < time.monotonic() - began < LIMIT_S + 1.5
    process.communicate()


def test_an_app_that_stays_for_its_jobs_is_let_be_until_the_next_signal() -> None:
    process = watched(f"await asyncio.sleep({LONG})", "return number == signal.SIGHUP")
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(LIMIT_S + 1)
    process.terminate()
    assert process.wait(LONG) == 128 + signal.SIGTERM
    process.communicate()


def on_pty(script: str) -> tuple[subprocess.Popen[bytes], int, list[Any]]:
    """A program on a terminal, the terminal's other side, and how it was set before."""
    outside, inside = pty.openpty()
    settings = termios.tcgetattr(inside)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=inside, stdout=inside, stderr=inside
    )
    os.close(inside)
    written = b""
    while b"ready" not in written:
        assert select.select([outside], [], [], LONG)[0], written
        written += os.read(outside, 65536)
    return process, outside, settings


def test_the_end_of_the_input_is_a_hang_up() -> None:
    process, outside, _ = on_pty(DRIVER.format(seconds=LONG))
    os.close(outside)
    assert process.wait(LONG) == 9


def test_an_app_that_was_stopped_goes_on_with_the_terminal_it_had() -> None:
    process, outside, shell = on_pty(DRIVER.format(seconds=LONG))
    in_app = termios.tcgetattr(outside)
    for _ in range(2):
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        # As a shell does that comes to the front meanwhile.
        termios.tcsetattr(outside, termios.TCSANOW, shell)
        process.send_signal(signal.SIGCONT)
        written = b""
        while b"\x1b[?2004h" not in written or termios.tcgetattr(outside) != in_app:
            assert select.select([outside], [], [], LONG)[0], written
            written += os.read(outside, 65536)
        assert b"\x1b[?1049h" in written
    os.write(outside, b"q")
    assert process.wait(LONG) == 7
    assert termios.tcgetattr(outside)[:4] == shell[:4]
    os.close(outside)


def test_bytes_that_are_no_text_are_no_end() -> None:
    process, outside, _ = on_pty(DRIVER.format(seconds=LONG))
    os.write(outside, b"\xff\xfe\xc3q")
    assert process.wait(LONG) == 7
    os.close(outside)


def test_a_terminal_is_set_back_though_the_app_hangs() -> None:
    outside, inside = pty.openpty()
    before = termios.tcgetattr(inside)
    work = "import tty; tty.setraw(0); print('raw', flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", WATCH.format(work=work, answer="return False")],
        stdin=inside,
        stdout=inside,
    )
    written = b""
    while b"raw" not in written:
        written += os.read(outside, 65536)
    assert termios.tcgetattr(inside) != before
    process.terminate()
    assert process.wait(LONG) == 128 + signal.SIGTERM
    assert termios.tcgetattr(inside) == before
    undone = os.read(outside, 65536)
    assert all(each in undone for each in (b"\x1b[?1049l", b"\x1b[?1003l", b"\x1b[?25h"))
    os.close(inside)
    os.close(outside)


def test_a_signal_before_the_app_runs_unwinds(tmp_path: Path) -> None:
    script = (
        "import sys, time; from t2itui.terminal import end_at_signals; end_at_signals()\n"
        "try:\n    print('ready', flush=True); time.sleep(60)\n"
        f"finally: open({str(tmp_path / 'undone')!r}, 'w').close()"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    assert process.wait(LONG) == 128 + signal.SIGTERM
    assert (tmp_path / "undone").exists()
    process.communicate()
