"""Idle threads of number libraries leave the processor to whoever works."""

import os
import subprocess
import sys

import pytest

from engine.patience import OPENBLAS, OPENMP, environment

LOOK = """
import sys, time
from engine.patience import rest_soon
if sys.argv[1] == "soon":
    rest_soon()
import numpy as np
square = np.ones((600, 600), np.float32)
square @ square
used = 0.0
for _ in range(5):
    square @ square
    before = time.process_time()
    time.sleep(0.1)
    used += time.process_time() - before
print(used)
"""


def used_while_asleep(how: str) -> float:
    """Seconds of the processor that products use after they are done."""
    plain = {name: value for name, value in os.environ.items() if name not in OPENBLAS}
    run = [sys.executable, "-c", LOOK, how]
    done = subprocess.run(run, capture_output=True, text=True, env=plain, check=True)
    return float(done.stdout)


@pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2 or "OPENBLAS_NUM_THREADS" in os.environ,
    reason="there are no other threads",
)
def test_threads_of_products_sleep_once_they_are_done() -> None:
    assert used_while_asleep("soon") < 0.01


def test_what_a_person_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    (name,) = OPENMP
    monkeypatch.setenv(name, "7")
    assert environment()[name] == "7"
    monkeypatch.delenv(name)
    assert environment()[name] == OPENMP[name]
