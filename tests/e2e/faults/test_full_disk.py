"""A disk that is full from any write on: said with the exit code for it, nothing kept is lost."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.faults.programs import (
    COMMAND,
    damage,
    environment,
    files_of,
    new_home,
    noise_pictures,
    query,
    run,
)

SOURCE = Path(__file__).with_name("full_disk.c")
FEW = 40
PICTURES = 60
MOMENTS = 4
"""Writes of a command that are the first to fail, beside its first and its last."""
CANNOT = 3
LIMIT_S = 300
NO_ROOM = ("No room left", "No space left", "no room", "is full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A command that writes, what must never become less, and what is there once it was done."""

    name: str
    command: Callable[[Path], tuple[str, ...]]
    """From the disk, on which the home and what is written elsewhere lie."""
    kept: Callable[[Path], int] = lambda _: 0
    ended: Callable[[Path], bool] = lambda _: True


def _count(home: Path, sql: str) -> int:
    found = query(home, f"select count(*) from {sql}")
    return int(found[0][0]) if found else 0


def _embeddings(disk: Path) -> int:
    return _count(disk / "home", "embeddings")


def _encoder(disk: Path) -> str:
    return str(query(disk / "home", "select id from encoders")[0][0])


WORKS = (
    Work(
        name="index",
        command=lambda disk: ("index", str(disk.parent / "pictures")),
        kept=_embeddings,
        ended=lambda disk: files_of(disk / "home", disk.parent / "pictures") == PICTURES,
    ),
    Work(
        name="search",
        command=lambda disk: ("search", "a horse that nobody asked for", "--json"),
        kept=lambda disk: _count(disk / "home", "receipts"),
    ),
    Work(
        name="generate",
        command=lambda disk: (
            *("generate", "a brown horse", "--model", "storybook"),
            *("--steps", "2", "--count", "2", "--seed", "5"),
        ),
        kept=lambda disk: _count(disk / "home", "generated where picture_id is not null"),
        ended=lambda disk: _count(disk / "home", "generated where picture_id is not null") >= 2,
    ),
    Work(
        name="train",
        command=lambda disk: (
            *("train", "storybook", "--epochs", "4", "--hidden", "16", "--limit", "60"),
            *("--language", "en", "--force", "--seed", "1"),
        ),
        kept=lambda disk: _count(disk / "home", "matchers"),
        ended=lambda disk: _count(disk / "home", "matchers") >= 1,
    ),
    Work(
        name="label",
        command=lambda disk: ("label", "a horse", str(disk.parent / "few" / "00000.jpg"), "--yes"),
        kept=lambda disk: _count(disk / "home", "labels"),
        ended=lambda disk: _count(disk / "home", "labels") >= 1,
    ),
    Work(
        name="forget",
        command=lambda disk: ("library", "--forget", str(disk.parent / "few")),
        ended=lambda disk: files_of(disk / "home", disk.parent / "few") == 0,
    ),
    Work(
        name="export",
        command=lambda disk: (
            *("cache", "export", str(disk / "vectors.npz")),
            *("--encoder", _encoder(disk)),
        ),
        ended=lambda disk: (disk / "vectors.npz").exists(),
    ),
    Work(
        name="sheet",
        command=lambda disk: (
            *("sheet", "a brown horse", "a white cow", "--axis", "seed=5"),
            *("--model", "storybook", "--steps", "2"),
        ),
        kept=lambda disk: _count(disk / "home", "generated where picture_id is not null"),
        ended=lambda disk: _count(disk / "home", "generated where picture_id is not null") >= 2,
    ),
    Work(
        name="comparison",
        command=lambda disk: (
            *("compare", str(disk.parent / "few" / "00000.jpg"), "-t", "a horse", "-t", "a cow"),
            *("--save", str(disk / "pairs.json"), "--export", str(disk / "pairs.csv")),
        ),
        ended=lambda disk: (disk / "pairs.json").exists() and (disk / "pairs.csv").exists(),
    ),
    Work(
        name="repair",
        command=lambda disk: ("cache", "repair"),
        kept=_embeddings,
    ),
)


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What refuses the writes, built for this machine."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("there is no C compiler, or this is not Linux")
    library = tmp_path_factory.mktemp("shim") / "full_disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True)
    return library


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk with a home that has some pictures, and folders of pictures beside it."""
    folder = tmp_path_factory.mktemp("ready")
    noise_pictures(folder / "few", FEW)
    noise_pictures(folder / "pictures", PICTURES, side=170)
    home = new_home(folder / "disk" / "home")
    done = run(home, "index", str(folder / "few"))
    assert done.returncode == 0, done.stderr
    return folder / "disk"


@dataclass(frozen=True, slots=True)
class FullDisk:
    """Runs a command while the disk refuses what is written on it, from a moment on."""

    shim: Path
    disk: Path

    def run(self, command: tuple[str, ...], first: int) -> tuple[int, str, int]:
        """The exit code, what was said, and how many writes there were."""
        count = self.disk.with_name("count")
        count.unlink(missing_ok=True)
        own = {"LD_PRELOAD": str(self.shim), "FULL_ROOT": str(self.disk), "FULL_COUNT": str(count)}
        done = subprocess.run(
            [*COMMAND, *command],
            env=environment(self.disk / "home", FULL_FROM=str(first), **own),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        writes = count.stat().st_size if count.exists() else 0
        return done.returncode, done.stdout + done.stderr, writes


def renewed(disk: Path, ready: Path) -> None:
    """The disk as it was before anything was tried."""
    shutil.rmtree(disk, ignore_errors=True)
    shutil.copytree(ready, disk)


@pytest.mark.slow
@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_a_disk_that_is_full_from_any_write_on_loses_nothing_that_was_kept(
    work: Work, shim: Path, ready: Path
) -> None:
    check(work, shim, ready, MOMENTS)


def test_a_disk_that_is_full_from_the_first_or_last_write_of_an_index(
    shim: Path, ready: Path
) -> None:
    check(WORKS[0], shim, ready, 0)


def check(work: Work, shim: Path, ready: Path, moments: int) -> None:
    disk = ready.with_name(f"disk-{work.name}-{os.getpid()}")
    full = FullDisk(shim, disk)
    renewed(disk, ready)
    command = work.command(disk)
    code, said, writes = full.run(command, sys.maxsize)
    assert code in (0, 1) and writes > 0, said
    assert work.ended(disk)
    some = random.Random(work.name).sample(range(2, writes), min(moments, max(0, writes - 2)))
    # After some of them, given room, the same command comes to its end.
    with_room = {1, writes, *some[:1]}
    for first in sorted({1, writes, *some}):
        renewed(disk, ready)
        before = work.kept(disk)
        code, said, _ = full.run(command, first)
        assert "Traceback" not in said, (first, said)
        assert code in (0, 1, CANNOT), (first, code, said)
        if code == CANNOT:
            assert any(words in said for words in NO_ROOM), (first, said)
        assert damage(disk / "home") == [], first
        assert work.kept(disk) >= before, first
        if first not in with_room:
            continue
        again = run(disk / "home", *command)
        assert again.returncode in (0, 1) or work.name == "forget", (first, again.stderr)
        assert damage(disk / "home") == [], first
        assert work.ended(disk), first
    shutil.rmtree(disk)
