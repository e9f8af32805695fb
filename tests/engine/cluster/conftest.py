"""A cluster of three machines, shared by the tests of a file that do not kill its head."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tiny_models import save_tiny_clip


@dataclass(frozen=True, slots=True)
class Nodes:
    """The process that runs a cluster."""

    address: str
    process: subprocess.Popen[str]

    def tell(self, line: str) -> None:
        """Have it do something, and wait until it is done."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        assert answer(self.process) == "done"


def answer(process: subprocess.Popen[str]) -> str:
    """What the process says next; Ray's own words are skipped."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("> "):
            return line[2:].strip()
    raise AssertionError("the cluster did not come up")


@contextmanager
def running_nodes() -> Iterator[Nodes]:
    """Start a cluster; it is gone after the block, whatever happened to it."""
    pytest.importorskip("ray")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.engine.cluster.nodes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        yield Nodes(answer(process), process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with running_nodes() as running:
        yield running


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("models") / "tiny-clip")
