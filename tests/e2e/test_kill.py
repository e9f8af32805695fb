"""kill -9 while indexing: what was committed is there, and the next run goes on."""

import contextlib
import os
import random
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlite_utils import Database

from cache.embeddings import load_matrix
from cache.home_files import FILE_NAME
from cache.store import open_database
from tests.e2e.index_run import BATCH
from tests.engine.library.pictures import SPEC, vectors_of

ROUNDS = 20
PICTURES = 400
COMMITS = 8
"""A run is killed after fewer commits than this, some runs before the first."""
LONGEST_S = 0.1
"""Seconds from the last of these commits to the kill: some commits fit in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a killed run had said."""

    embedded: int
    committed: int
    finished: bool


def make_pictures(root: Path) -> None:
    """Small and all different."""
    noise = np.random.default_rng(0).integers(0, 256, (PICTURES, 8, 8, 3), dtype=np.uint8)
    for number, pixels in enumerate(noise):
        folder = root / f"{number // 100:02}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).resize((32, 32)).save(folder / f"{number:04}.bmp")


def run_and_kill(
    home: Path, root: Path, commits: int, after_s: float | None, devices: int = 1
) -> Heard:
    """Run the index; kill it `after_s` seconds after some commits, or let it finish."""
    command = [sys.executable, "-m", "tests.e2e.index_run", str(home), str(root), str(devices)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while sum(line.startswith("committed") for line in lines) < commits and lines[-1]:
        lines.append(process.stdout.readline())
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
    workers = [os.pidfd_open(pid) for pid in children(process.pid)]
    process.kill()
    lines += process.stdout.read().splitlines(keepends=True)
    process.stdout.close()
    process.wait()
    for worker in workers:
        ended, _, _ = select.select([worker], [], [], 10)
        assert ended, "a decoder outlived the program"
        os.close(worker)
    assert lines[0] == "opened 0\n"
    return Heard(
        embedded=total(lines, "embedded"),
        committed=total(lines, "committed"),
        finished="finished 0\n" in lines,
    )


def total(lines: list[str], what: str) -> int:
    """The sum of what complete lines of one kind say."""
    said = [line.split() for line in lines if line.startswith(f"{what} ") and line[-1] == "\n"]
    return sum(int(count) for _, count in said)


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    with contextlib.suppress(OSError):
        tasks = Path(f"/proc/{pid}/task").glob("*/children")
        return [int(child) for task in tasks for child in task.read_text().split()]
    return []


def check(db: Database) -> int:
    """Check that no row points at nothing; return how many pictures are embedded."""
    assert db.execute("pragma integrity_check").fetchone()[0] == "ok"
    assert db.execute("pragma foreign_key_check").fetchall() == []
    for incomplete in (
        "select count(*) from pictures where id not in (select picture_id from thumbnails)",
        "select count(*) from pictures where id not in (select picture_id from embeddings)",
        "select count(*) from pictures where id not in (select picture_id from files)",
    ):
        assert db.execute(incomplete).fetchone()[0] == 0, incomplete
    if not db.table("encoders").count:
        return 0
    ids, matrix = load_matrix(db, "fake")
    assert len(ids) == len(matrix) == db.table("files").count
    return len(ids)


@pytest.mark.skipif(sys.platform != "linux", reason="watches processes through /proc")
@pytest.mark.parametrize(
    ("devices", "rounds", "at_work"), [(1, ROUNDS, BATCH), (2, ROUNDS // 2, 5 * BATCH)]
)
def test_a_killed_index_loses_what_is_at_work_at_most_and_goes_on(
    tmp_path: Path, devices: int, rounds: int, at_work: int
) -> None:
    """On several devices two batches of each are at work beside the one that is written."""
    home, root = tmp_path / "home", tmp_path / "pictures"
    make_pictures(root)
    moments = random.Random(2026)
    before = 0
    for _ in range(rounds):
        commits, after_s = moments.randrange(COMMITS), moments.uniform(0, LONGEST_S)
        heard = run_and_kill(home, root, commits, after_s, devices)
        db = open_database(home / FILE_NAME)
        kept = check(db) - before
        db.close()
        assert kept >= heard.committed, "a committed batch was lost"
        assert heard.embedded - kept <= at_work, "more than what was at work was lost"
        before += kept
        if heard.finished:
            (home / FILE_NAME).unlink()
            before = 0
    assert run_and_kill(home, root, 0, None, devices).finished
    db = open_database(home / FILE_NAME)
    assert check(db) == PICTURES
    check_vectors(db)
    db.close()


def check_vectors(db: Database) -> None:
    """Every embedding is that of the file its picture came from."""
    ids, matrix = load_matrix(db, "fake")
    rows = db.execute("select picture_id, path from files").fetchall()
    paths = dict(rows)
    assert SPEC.height == 32
    pixels = np.stack([np.asarray(Image.open(paths[int(number)])) for number in ids[::50]])
    assert np.allclose(vectors_of(pixels), matrix[::50], atol=1e-6)
