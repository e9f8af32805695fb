"""Signals, a closed window, a program in between: the app ends, and says so to nobody twice."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.e2e.faults.programs import (
    COMMAND,
    Terminal,
    allowed_s,
    files_of,
    index_in_app,
    last_job,
    new_home,
    noise_pictures,
    on_terminal,
    open_app,
    processes,
    run,
    until,
)

PICTURES = 3000
MADE = " ".join(f"'{word}'" for word in COMMAND)
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than an index reads while it is looked at."""
    return noise_pictures(tmp_path_factory.mktemp("data") / "pictures", PICTURES)


def seconds_until_gone(home: Path, fault: Callable[[], None]) -> float:
    """How long processes of a home stay after a fault."""
    began = time.monotonic()
    fault()
    assert until(lambda: not processes(home), 20), [each.cmdline() for each in processes(home)]
    return time.monotonic() - began


def is_given_back(terminal: Terminal) -> bool:
    """The terminal is as it was: line by line, with echo, on its own screen, without reports."""
    left = terminal.written.rpartition(b"\x1b[?1049h")[2]
    undone = (b"\x1b[?1049l", b"\x1b[?1003l", b"\x1b[?2004l", b"\x1b[?25h", b"\x1b[<u")
    return terminal.settings_now() == terminal.settings and all(each in left for each in undone)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_app_and_gives_the_terminal_back(
    tmp_path: Path, number: signal.Signals
) -> None:
    home = new_home(tmp_path / "home")
    with on_terminal(home) as terminal:
        open_app(terminal)
        took = seconds_until_gone(home, lambda: os.kill(terminal.process.pid, number))
        assert took < allowed_s()
        assert terminal.process.wait() == 128 + number
        assert until(lambda: is_given_back(terminal), 2), terminal.written[-300:]


@needs_make
def test_a_terminal_that_goes_below_make_ends_app_and_job(tmp_path: Path, pictures: Path) -> None:
    home = new_home(tmp_path / "home")
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"run:\n\t@{MADE}\n")
    with on_terminal(home, "make", "-f", str(makefile), "run") as terminal:
        index_in_app(terminal, home, pictures)
        took = seconds_until_gone(home, terminal.lose)
    assert took < allowed_s()
    assert last_job(home) == ("index", "lost")
    before = files_of(home, pictures)
    assert 0 < before < PICTURES


@needs_make
def test_a_command_below_make_ends_with_its_terminal_too(tmp_path: Path, pictures: Path) -> None:
    home = new_home(tmp_path / "home")
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"run:\n\t@{MADE} index '{pictures}'\n")
    with on_terminal(home, "make", "-f", str(makefile), "run") as terminal:
        assert until(lambda: files_of(home, pictures) > 30)
        took = seconds_until_gone(home, terminal.lose)
    assert took < allowed_s()
    assert last_job(home) == ("index", "lost")


@needs_make
def test_a_command_that_is_to_outlive_its_terminal_sees_its_job_through(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    few = noise_pictures(tmp_path / "few", 400, side=320)
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"run:\n\t@trap '' HUP; {MADE} index '{few}'\n")
    with on_terminal(home, "make", "-f", str(makefile), "run") as terminal:
        assert until(lambda: files_of(home, few) > 30)
        terminal.lose()
        assert until(lambda: not processes(home))
    assert last_job(home) == ("index", "done")
    assert files_of(home, few) == 400


def test_a_parent_that_is_gone_ends_the_app_on_a_terminal_that_stays(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    with on_terminal(home, "sh", "-c", f"{MADE}; true") as terminal:
        open_app(terminal)
        shell = psutil.Process(terminal.process.pid)
        took = seconds_until_gone(home, shell.kill)
        assert took < allowed_s()
        assert until(lambda: is_given_back(terminal), 2), terminal.written[-300:]


def test_jobs_go_on_without_a_terminal_where_that_is_set_and_are_found_again(
    tmp_path: Path, pictures: Path
) -> None:
    home = new_home(tmp_path / "home", jobs_go_on=True)
    with on_terminal(home) as terminal:
        index_in_app(terminal, home, pictures)
        terminal.lose()
        seen = files_of(home, pictures)
        assert until(lambda: files_of(home, pictures) > seen + 100)
        # Another instance sees it at work, and does not take it for lost.
        assert run(home, "generate", "--unfinished").returncode == 0
        assert last_job(home) == ("index", "running")
        [app] = [each for each in processes(home) if "t2itui" in each.cmdline()]
        took = seconds_until_gone(home, app.terminate)
    assert took < allowed_s()
    assert last_job(home) == ("index", "lost")


def test_a_job_that_goes_on_ends_the_program_when_it_is_done(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home", jobs_go_on=True)
    few = noise_pictures(tmp_path / "few", 400, side=320)
    with on_terminal(home) as terminal:
        index_in_app(terminal, home, few)
        terminal.lose()
        assert until(lambda: not processes(home))
    assert last_job(home) == ("index", "done")
    assert files_of(home, few) == 400


def test_the_app_draws_on_the_terminal_when_stderr_goes_to_a_file(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    log = tmp_path / "log"
    with on_terminal(home, "sh", "-c", f"exec {MADE} 2>'{log}'") as terminal:
        open_app(terminal)
        assert log.read_bytes() == b""
        os.kill(terminal.process.pid, signal.SIGTERM)
        assert until(lambda: is_given_back(terminal), 5), terminal.written[-300:]
    assert log.read_bytes() == b""
