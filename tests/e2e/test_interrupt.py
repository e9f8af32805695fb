"""Ctrl-C and questions at a real process: it cancels cleanly, and the second time ends at once."""

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.tiny_diffusion import save_tiny_diffusion

COMMAND = [sys.executable, "-m", "t2itui"]
PATIENT = [
    sys.executable,
    "-c",
    """
from engine.models.process import WorkerProcess
from t2itui.cli.main import main

WorkerProcess.__init__.__kwdefaults__["grace_s"] = 600.0
main()
""",
]
"""The program, but with much patience for a process that does not obey."""
LACKED = "a purple elephant in the snow"
PERSON_S = 0.3
"""No person answers a question sooner."""
LIMIT_S = 300
CTRL_C = b"\x03"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home folder of its own, the same for the whole module."""
    home = tmp_path_factory.mktemp("home")
    return {**os.environ, "T2ITUI_HOME": str(home), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion of random weights in diffusers' layout."""
    return save_tiny_diffusion(tmp_path_factory.mktemp("models") / "tiny-painter")


@contextmanager
def painting(
    command: list[str], *arguments: str, environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """A program that has begun to paint, and its generator's process."""
    with subprocess.Popen(
        [*command, *arguments, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    ) as program:
        try:
            assert program.stdout is not None
            for line in program.stdout:
                if json.loads(line)["type"] == "step":
                    break
            yield program, generator_of(program)
        finally:
            program.kill()


def generator_of(program: subprocess.Popen[str]) -> psutil.Process:
    (found,) = [
        child
        for child in psutil.Process(program.pid).children()
        if "engine.workers.generator" in child.cmdline()
    ]
    return found


def rest_of(program: subprocess.Popen[str]) -> list[dict[str, object]]:
    """What it writes until it ends."""
    assert program.stdout is not None
    return [json.loads(line) for line in program.stdout.read().splitlines()]


def query(environment: dict[str, str], *arguments: str) -> list[dict[str, object]]:
    command = [*COMMAND, *arguments, "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=LIMIT_S, check=False
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def asked(environment: dict[str, str]) -> dict[str, object]:
    """The receipt of the query that nothing shows."""
    (receipt,) = [line for line in query(environment, "history") if line["query"] == LACKED]
    return receipt


def test_ctrl_c_cancels_what_a_search_has_painted_and_the_decision_stays(
    environment: dict[str, str],
) -> None:
    arguments = ("search", LACKED, "--top", "1", "--generate", "now")
    with painting(COMMAND, *arguments, environment=environment) as (program, generator):
        program.send_signal(signal.SIGINT)
        kinds = [line["type"] for line in rest_of(program)]
        assert program.wait(LIMIT_S) == 130
    assert "cancelled" in kinds and not {"kept", "finished", "error"} & set(kinds)
    assert not generator.is_running()
    receipt = asked(environment)
    assert (receipt["route"], receipt["result"]) == ("generate", None)
    assert isinstance(receipt["job"], int)
    assert query(environment, "generate", "--unfinished") == [], "a person stopped it"


@pytest.mark.parametrize("command", ["generate", "search"])
def test_a_second_ctrl_c_ends_the_program_at_once_also_beside_a_process_that_hangs(
    command: str, model: Path, environment: dict[str, str]
) -> None:
    arguments = {
        "generate": ("generate", "x", "--model", str(model), "--steps", "500"),
        "search": ("search", LACKED, "--top", "1", "--generate", "now"),
    }
    with painting(PATIENT, *arguments[command], environment=environment) as (program, generator):
        generator.suspend()
        program.send_signal(signal.SIGINT)
        assert program.stdout is not None
        while json.loads(program.stdout.readline())["type"] != "cancelled":
            pass
        assert program.poll() is None, "it waits for the process that hangs"
        program.send_signal(signal.SIGINT)
        assert rest_of(program) == []
        assert program.wait(60) == 130
    with pytest.raises(psutil.NoSuchProcess):
        generator.wait(10)
        generator.status()


@dataclass
class Terminal:
    """The terminal that a program has for its input and its errors."""

    outside: int
    seen: str = ""

    def wait_for(self, words: str) -> None:
        """Return when the program has written something."""
        deadline = time.monotonic() + LIMIT_S
        while words not in self.seen:
            assert select.select([self.outside], [], [], max(0.0, deadline - time.monotonic()))[0]
            self.seen += os.read(self.outside, 65536).decode(errors="replace")

    def press(self, keys: bytes) -> None:
        """Type; Ctrl-C becomes a signal as it does for a person."""
        os.write(self.outside, keys)


@contextmanager
def on_terminal(
    *arguments: str, environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[str], Terminal]]:
    """Run a command on a terminal; its results go elsewhere."""
    outside, inside = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=inside,
        stdout=subprocess.PIPE,
        stderr=inside,
        env={**environment, "TERM": "xterm", "COLUMNS": "80"},
        text=True,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as program:
        os.close(inside)
        try:
            yield program, Terminal(outside)
        finally:
            program.kill()
            os.close(outside)


def test_a_search_on_a_terminal_asks_and_paints_only_after_a_yes(
    environment: dict[str, str],
) -> None:
    ask = ("search", LACKED, "--top", "1", "--threshold", "0.9", "--generate", "ask", "--json")
    for answer, code, override in ((CTRL_C, 130, None), (b"n\n", 1, "retrieve")):
        with on_terminal(*ask, environment=environment) as (program, terminal):
            terminal.wait_for("Paint one? [Y/n]")
            # Python misses a signal between the last word of a question and reading the answer.
            time.sleep(PERSON_S)
            terminal.press(answer)
            assert [line["type"] for line in rest_of(program)] == ["receipt", "result"]
            assert program.wait(LIMIT_S) == code
        receipt = query(environment, "search", *ask[1:-3], "--offline")[0]
        assert (receipt["override"], receipt["result"]) == (override, None)
    with on_terminal(*ask, environment=environment) as (program, terminal):
        terminal.wait_for("Paint one? [Y/n]")
        terminal.press(b"\n")
        lines = rest_of(program)
        assert program.wait(LIMIT_S) in (0, 1)
    assert lines[-1]["type"] == "finished"
    assert query(environment, "library", "--painted")[-1]["path"] == lines[-1]["path"]


def test_ctrl_c_on_a_terminal_cancels_a_painting_and_takes_its_bar_away(
    model: Path, environment: dict[str, str]
) -> None:
    arguments = ("generate", "y", "--model", str(model), "--steps", "500")
    with on_terminal(*arguments, environment=environment) as (program, terminal):
        terminal.wait_for("/500")
        terminal.press(CTRL_C)
        terminal.wait_for("what was done so far is kept")
        assert program.wait(LIMIT_S) == 130
        assert "Traceback" not in terminal.seen
