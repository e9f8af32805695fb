"""Model processes that die, hang, or find no memory: a sentence, and the next call works."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.e2e.faults.programs import (
    COMMAND,
    damage,
    environment,
    files_of,
    new_home,
    noise_pictures,
    processes,
    query,
    run,
    until,
)

pytestmark = pytest.mark.slow

PICTURES = 800
LIMIT_S = 240
PLAIN = re.compile(r"worker process|ended before|no sign of life|memory")
COMMANDS = {
    "encoder": ("search", "a horse of a kind that nobody asked for before"),
    "decoder": ("index", "PICTURES"),
    "generator": ("generate", "a brown horse", "--steps", "400", "--seed", "11"),
    "trainer": (
        *("train", "storybook", "--epochs", "400", "--hidden", "128"),
        *("--language", "en", "--force", "--seed", "3"),
    ),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than a decoder reads before it is struck."""
    return noise_pictures(tmp_path_factory.mktemp("data") / "pictures", PICTURES)


def begun(home: Path, kind: str, pictures: Path) -> subprocess.Popen[str]:
    """A command whose worker is of that kind."""
    words = [str(pictures) if word == "PICTURES" else word for word in COMMANDS[kind]]
    return subprocess.Popen(
        [*COMMAND, *words],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def workers(home: Path, kind: str) -> list[psutil.Process]:
    """The processes of a home that run a worker's module."""
    return [each for each in processes(home) if f"engine.workers.{kind}" in each.cmdline()]


def is_at_work(home: Path, kind: str, pictures: Path) -> bool:
    """The worker is there, and has begun where that can be seen."""
    if kind == "decoder" and files_of(home, pictures) < 30:
        return False
    return bool(workers(home, kind))


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_worker_that_is_killed_costs_a_sentence_and_nothing_else(
    kind: str, pictures: Path, tmp_path: Path
) -> None:
    home = new_home(tmp_path / "home")
    with begun(home, kind, pictures) as process:
        assert until(lambda: is_at_work(home, kind, pictures) or process.poll() is not None)
        for worker in workers(home, kind):
            worker.kill()
        out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode in (0, 1) or (process.returncode == 3 and PLAIN.search(err)), err
    assert "Traceback" not in out + err
    assert damage(home) == []
    assert until(lambda: not processes(home), 3)
    if kind == "decoder":
        assert run(home, "index", str(pictures)).returncode == 0
        assert files_of(home, pictures) == PICTURES
        assert query(home, "select count(*) from failures") == [(0,)]
    else:
        assert run(home, "search", "a brown horse").returncode == 0


@pytest.mark.parametrize("kind", ["encoder", "generator"])
def test_ctrl_c_beside_a_worker_that_hangs_frees_the_terminal(
    kind: str, pictures: Path, tmp_path: Path
) -> None:
    home = new_home(tmp_path / "home")
    with begun(home, kind, pictures) as process:
        assert until(lambda: is_at_work(home, kind, pictures) or process.poll() is not None)
        stopped = workers(home, kind)
        for worker in stopped:
            worker.send_signal(signal.SIGSTOP)
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode in (130, 0, 1) if not stopped else process.returncode == 130
    assert until(lambda: not processes(home), 5)


def test_without_memory_for_a_model_the_reason_is_told(pictures: Path, tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    limited = ("bash", "-c", 'ulimit -v 900000; exec "$@"', "limited", *COMMAND)
    done = subprocess.run(
        [*limited, "generate", "a brown horse", "--steps", "2"],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    assert damage(home) == []
    assert run(home, "generate", "a brown horse", "--steps", "2").returncode in (0, 1)
