"""What a person is left with when the app fails in a way that nobody foresaw."""

from __future__ import annotations

import os
import pty
import re
import select
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from t2itui.crash import MOST_BYTES, last_words
from tests.t2itui.fakes import FakeEngine, fake_app

LIMIT_S = 120
CHILD = """
import sys
from pathlib import Path
from tests.t2itui.fakes import FakeEngine, fake_app

app = fake_app(FakeEngine(60))
app.session.home = Path(sys.argv[1])

def fail(*_):
    password = "a local value"
    raise ValueError("bad \\x1b[31m name")

async def fail_beside():
    fail()

def show_what_cannot_be_drawn():
    from textual.widget import Widget
    Widget.render = fail
    app.screen.mount(Widget())

def leave_when_told():
    if app.screen.query("Toast"):
        app.set_timer(1, lambda: app.exit(return_code=7))

def begin():
    app.set_interval(0.1, leave_when_told)
    {how}

app.call_after_refresh = lambda *_: app.set_timer(0.01, begin)
app.run()
raise SystemExit(app.return_code)
"""


def run_on_terminal(code: str, home: Path) -> tuple[int, str]:
    """Run code on a terminal of its own; returns the exit code and what was written there."""
    outside, inside = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(home)],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(inside)
    written, deadline = b"", time.monotonic() + LIMIT_S
    try:
        while select.select([outside], [], [], max(0.0, deadline - time.monotonic()))[0]:
            try:
                written += os.read(outside, 65536)
            except OSError:
                break
        return process.wait(timeout=LIMIT_S), written.decode(errors="replace")
    finally:
        process.kill()
        os.close(outside)


@pytest.mark.parametrize("how", ["app.call_later(fail)", "app.run_worker(fail_beside())"])
def test_after_an_unexpected_error_the_app_goes_on(tmp_path: Path, how: str) -> None:
    code, written = run_on_terminal(CHILD.format(how=how), tmp_path)
    log = tmp_path / "logs" / "crash.log"
    assert code == 7
    assert "An unexpected error" in written
    assert "ValueError: bad ␛[31m name" in written
    assert "Traceback (most" not in written
    assert "in fail" in log.read_text()
    assert "a local value" not in log.read_text()


def test_a_broken_screen_leaves_two_lines_a_private_log_and_exit_code_3(tmp_path: Path) -> None:
    code, written = run_on_terminal(CHILD.format(how="show_what_cannot_be_drawn()"), tmp_path)
    log = tmp_path / "logs" / "crash.log"
    after = written.rpartition("\x1b[?1049l")[2]
    lines = [line for line in re.sub(r"\x1b\[[?0-9;<>=]*[a-zA-Z]", "", after).splitlines() if line]
    assert code == 3
    assert lines == [
        "t2itui ended on an unexpected error: ValueError: bad ␛[31m name",
        f"The traceback is in {log}",
    ]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    text = log.read_text()
    assert "in fail" in text
    assert "ValueError: bad ␛[31m name" in text
    assert "a local value" not in text
    assert "\x1b" not in text


async def test_a_test_gets_the_unexpected_error_itself() -> None:
    app = fake_app(FakeEngine(60))

    def fail() -> None:
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        async with app.run_test() as pilot:
            app.call_later(fail)
            await pilot.pause()


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    what, where = last_words(tmp_path, KeyError("x"))
    assert what == "t2itui ended on an unexpected error: KeyError: 'x'"
    assert where.startswith(f"The traceback could not be written to {tmp_path}/logs/crash.log: ")


def test_the_log_keeps_earlier_crashes_but_does_not_grow_for_ever(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "crash.log"
    last_words(tmp_path, ValueError("one"))
    last_words(tmp_path, ValueError("two"))
    assert "one" in log.read_text()
    assert "two" in log.read_text()
    log.write_text("x" * (MOST_BYTES + 1))
    log.chmod(0o644)
    last_words(tmp_path, ValueError("three"))
    assert log.stat().st_size < 500
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
