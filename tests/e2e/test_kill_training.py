"""A training killed while it draws leaves no process behind, and the next one goes on from it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

DRAWN = ("train", "storybook", "--drawn", "80", "--epochs", "1", "--hidden", "8", "--limit", "20")
LIMIT_S = 300
SETS = 3
"""Scenes to learn from, to calibrate on and to report on: a file each."""


def started(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "t2itui", "--home", str(home), *DRAWN, "--force", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        text=True,
    )


def first_kept(folder: Path, program: subprocess.Popen[str]) -> Path:
    """What is kept of the first set, as soon as it is there."""
    end = time.monotonic() + LIMIT_S
    while not (kept := [*folder.glob("*.npz")]):
        assert program.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    return kept[0]


def test_a_training_killed_while_drawing_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "drawn"
    with started(tmp_path) as program:
        kept = first_kept(folder, program)
        below = psutil.Process(program.pid).children(recursive=True)
        names = " ".join(" ".join(each.cmdline()) for each in below)
        os.kill(program.pid, signal.SIGKILL)
    assert names.count("engine.workers.drawer") == 2
    _, alive = psutil.wait_procs(below, timeout=10)
    assert not alive
    made = kept.stat().st_mtime_ns
    # As if it had been killed a moment earlier, while it wrote.
    (folder / f".x.npz.{program.pid}.partial").touch()
    with started(tmp_path) as again:
        told = again.communicate(timeout=LIMIT_S)[0].splitlines()
    assert again.returncode == 0, told
    records = [json.loads(line) for line in told]
    assert {"calibration_error", "swapped_auc_en", "swapped_auc_zh"} <= {
        each["name"] for each in records if each["type"] == "scenes"
    }
    assert records[-1]["type"] == "matcher"
    assert len([*folder.iterdir()]) == SETS
    assert kept.stat().st_mtime_ns == made, "what was kept is not drawn again"
