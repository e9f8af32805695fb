"""kill -9 at random moments: nothing that was kept is lost, and the same command goes on."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.faults.programs import (
    allowed_s,
    damage,
    files_of,
    new_home,
    noise_pictures,
    processes,
    query,
    run,
    start,
    until,
)

pytestmark = pytest.mark.slow

ROUNDS = 5
KILLS = 8
"""In each round, after which the work is let go to its end: 25 rounds, 200 kills in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A command to kill, and what must be true after any kill and after its end."""

    name: str
    command: Callable[[Path, Path, int], tuple[str, ...]]
    """From the home, a folder to work in, and the number of the round."""
    kept: Callable[[Path], int]
    """Counts in a home what may never become less."""
    ended: Callable[[Path, Path], bool]
    """The home and the folder are as the work leaves them."""
    rounds: int = ROUNDS


def _embeddings(home: Path) -> int:
    found = query(home, "select count(*) from embeddings")
    return int(found[0][0]) if found else 0


def _painted(home: Path) -> int:
    found = query(home, "select count(*) from generated where picture_id is not null")
    return int(found[0][0]) if found else 0


def _encoder(home: Path) -> str:
    return str(query(home, "select id from encoders")[0][0])


def _matchers(home: Path) -> int:
    found = query(home, "select count(*) from matchers")
    return int(found[0][0]) if found else 0


def _sheets(home: Path) -> int:
    found = query(home, "select count(*) from sheets")
    return int(found[0][0]) if found else 0


def _is_comparison(path: Path) -> bool:
    return path.exists() and bool(json.loads(path.read_text())["version"])


INDEXED = 1200
INDEX = Work(
    name="index",
    command=lambda home, data, _: ("index", str(data / "pictures")),
    kept=_embeddings,
    ended=lambda home, data: files_of(home, data / "pictures") == INDEXED,
)
GENERATE = Work(
    name="generate",
    command=lambda home, data, number: (
        *("generate", "a brown horse on a meadow", "--count", "12"),
        *("--steps", "4", "--seed", str(1000 * number)),
    ),
    kept=_painted,
    ended=lambda home, _: _painted(home) >= 12,
)
TRAIN = Work(
    name="train",
    command=lambda home, data, number: (
        *("train", "storybook", "--epochs", "10", "--hidden", "32", "--limit", "200"),
        *("--language", "en", "--force", "--seed", str(number)),
    ),
    kept=_matchers,
    ended=lambda home, _: _matchers(home) >= 1 and not any((home / "training").glob("*")),
)
SHEET = Work(
    name="sheet",
    command=lambda home, data, _: (
        *("sheet", "a brown horse on a meadow", "a white cow in the snow"),
        *("--axis", "seed=1..4", "--steps", "4"),
    ),
    kept=_painted,
    ended=lambda home, _: _painted(home) == 8 and _sheets(home) == 1,
    rounds=3,
)
COMPARISON = Work(
    name="comparison",
    command=lambda home, data, _: (
        *("compare", str(data / "few" / "00000.jpg"), "-t", "a horse", "-t", "a brown horse"),
        *("--save", str(data / "comparison.json"), "--export", str(data / "comparison.csv")),
    ),
    kept=lambda _: 0,
    ended=lambda _, data: (
        _is_comparison(data / "comparison.json") and (data / "comparison.csv").exists()
    ),
    rounds=3,
)
FORGET = Work(
    name="forget",
    command=lambda home, data, _: ("library", "--forget", str(data / "few")),
    kept=lambda _: 0,
    ended=lambda home, data: files_of(home, data / "few") == 0,
    rounds=2,
)
EXPORT = Work(
    name="export",
    command=lambda home, data, _: (
        "cache",
        "export",
        str(data / "vectors.npz"),
        "--encoder",
        _encoder(home),
    ),
    kept=_embeddings,
    ended=lambda _, data: (data / "vectors.npz").exists(),
    rounds=2,
)
WORKS = (INDEX, GENERATE, TRAIN, SHEET, COMPARISON, FORGET, EXPORT)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures to index, some of them known before."""
    folder = tmp_path_factory.mktemp("data")
    noise_pictures(folder / "pictures", INDEXED)
    noise_pictures(folder / "few", 64)
    return folder


def kill_at(home: Path, command: tuple[str, ...], moment_s: float) -> bool:
    """Kill a command after so many seconds; whether it was still at work."""
    process = start(home, *command)
    deadline = time.monotonic() + moment_s
    until(lambda: process.poll() is not None or time.monotonic() > deadline)
    was_at_work = process.poll() is None
    process.kill()
    process.wait()
    assert until(lambda: not processes(home), allowed_s()), processes(home)
    return was_at_work


@pytest.fixture(scope="module")
def ready(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with some pictures of one's own."""
    home = new_home(tmp_path_factory.mktemp("ready") / "home")
    assert run(home, "index", str(data / "few")).returncode == 0
    return home


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_a_kill_at_any_moment_loses_nothing_that_was_kept(
    work: Work, data: Path, ready: Path, tmp_path: Path
) -> None:
    moments = random.Random(work.name)
    longest = 10.0
    for number in range(work.rounds):
        home = tmp_path / f"home{number}"
        shutil.copytree(ready, home)
        command = work.command(home, data, number)
        kept, kills = work.kept(home), 0
        while kills < KILLS:
            kills += kill_at(home, command, moments.uniform(0.1, longest))
            assert damage(home) == []
            assert work.kept(home) >= kept
            kept = work.kept(home)
        began = time.monotonic()
        done = run(home, *command)
        # The next round's kills fall into the time that this takes.
        longest = max(1.0, time.monotonic() - began)
        # What is forgotten already is no folder of the library.
        assert done.returncode in (0, 1) or work is FORGET, done.stderr
        assert damage(home) == []
        assert work.ended(home, data)
