"""Vectors of drawn scenes in files: found again, never half, and no more of them than needed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from engine.training.kept import Kept, Vectors


def vectors(value: float) -> Vectors:
    return Vectors(
        texts=np.full((3, 4), value, np.float32), pictures=np.full((2, 4), value, np.float32)
    )


def test_a_block_is_found_by_its_digest_and_encoder_alone(tmp_path: Path) -> None:
    Kept(tmp_path / "drawn", "one").write("a", vectors(1.0))
    again = Kept(tmp_path / "drawn", "one").read("a")
    assert again is not None
    np.testing.assert_array_equal(again.texts, vectors(1.0).texts)
    np.testing.assert_array_equal(again.pictures, vectors(1.0).pictures)
    assert Kept(tmp_path / "drawn", "one").read("b") is None
    assert Kept(tmp_path / "drawn", "other").read("a") is None


def test_a_damaged_block_counts_as_none(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "one")
    kept.write("a", vectors(1.0))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:200])
    assert kept.read("a") is None
    path.write_bytes(b"")
    assert kept.read("a") is None


def test_what_a_killed_program_was_writing_is_swept_and_what_a_living_one_writes_is_not(
    tmp_path: Path,
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, written = (tmp_path / f".x.npz.{pid}.partial" for pid in (ended.pid, os.getpid()))
    left.touch()
    written.touch()
    Kept(tmp_path, "one").sweep()
    assert [*tmp_path.iterdir()] == [written]


def test_only_blocks_that_were_asked_for_stay(tmp_path: Path) -> None:
    before = Kept(tmp_path, "one")
    for digest in "ab":
        before.write(digest, vectors(1.0))
    now = Kept(tmp_path, "one")
    assert now.read("a") is not None
    now.write("c", vectors(2.0))
    now.forget_others()
    assert [now.read(digest) is not None for digest in "abc"] == [True, False, True]
