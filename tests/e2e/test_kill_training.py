"""A training killed while it learns leaves no process behind, and the next one goes on from it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from safetensors import safe_open

SMALL = ("train", "storybook", "--epochs", "300", "--hidden", "256", "--language", "en", "--force")
LIMIT_S = 300


def started(home: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "t2itui", "--home", str(home), *SMALL, *options, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        text=True,
    )


def first_checkpoint(folder: Path, program: subprocess.Popen[str]) -> Path:
    """The checkpoint of the first epoch, as soon as it is there."""
    end = time.monotonic() + LIMIT_S
    while not (found := [*folder.glob("*.safetensors")]):
        assert program.poll() is None
        assert time.monotonic() < end
        time.sleep(0.005)
    return found[0]


def test_a_training_killed_while_it_learns_leaves_nothing_behind_and_is_taken_up_again(
    tmp_path: Path,
) -> None:
    with started(tmp_path) as program:
        checkpoint = first_checkpoint(tmp_path / "training", program)
        below = psutil.Process(program.pid).children(recursive=True)
        names = " ".join(" ".join(each.cmdline()) for each in below)
        os.kill(program.pid, signal.SIGKILL)
    assert names.count("engine.workers.trainer") == 1
    _, alive = psutil.wait_procs(below, timeout=10)
    assert not alive
    with safe_open(checkpoint, "numpy") as file:
        assert float(file.metadata()["epoch"]) >= 1
    with started(tmp_path) as again:
        lines = again.communicate(timeout=LIMIT_S)[0].splitlines()
    assert again.returncode == 0, lines
    records = [json.loads(line) for line in lines]
    assert records[-1]["type"] == "matcher"
    assert records[-1]["kept"]
    assert not checkpoint.exists(), "it was the same training, and it ended"
