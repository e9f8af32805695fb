"""kill -9 while batches are written: nothing committed is lost, nothing points at nothing."""

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cache.embeddings import load_matrix, missing
from cache.jobs import list_jobs, mark_lost
from cache.library import counts
from cache.pictures import scope, thumbnails
from cache.store import open_database
from tests.cache.rows import CLIP, unit_vectors
from tests.cache.writer import BATCH

REPOSITORY = Path(__file__).parents[2]


def start_writer(home: Path, first: int, batches: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.cache.writer", str(home), str(first), str(batches)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_kill_loses_at_most_the_batch_being_written(tmp_path: Path, seed: int) -> None:
    """The kill follows a random commit by a random part of the time that a batch takes."""
    generator = random.Random(seed)
    with start_writer(tmp_path, 0, 100_000) as writer:
        assert writer.stdout is not None
        for _ in range(generator.randrange(1, 60)):
            last = int(writer.stdout.readline())
        busy = generator.randrange(20_000)
        sum(range(busy))
        writer.kill()
        told = [last, *map(int, writer.stdout.read().split())]

    db = open_database(tmp_path / "cache.sqlite3")
    assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
    assert db.execute("pragma foreign_key_check").fetchall() == []
    found = counts(db)
    committed = told[-1] + BATCH
    assert found.pictures in (committed, committed + BATCH)
    assert found.present == found.embedded[CLIP.id] == found.pictures
    assert missing(db, CLIP.id) == []
    assert len(thumbnails(db, scope(db).tolist())) == found.pictures
    ids, matrix = load_matrix(db, CLIP.id)
    expected = np.concatenate(
        [unit_vectors(BATCH, seed=start) for start in range(0, found.pictures, BATCH)]
    )
    np.testing.assert_array_equal(matrix[np.argsort(ids)], expected)
    assert mark_lost(db) == 1
    assert [job.state for job in list_jobs(db, 5)] == ["lost"]
    db.close()
