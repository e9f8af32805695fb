"""Many at once on one home: eight that read, two that write, and the figures stay right."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

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
    start,
    until,
)

pytestmark = pytest.mark.slow

READERS = 8
PICTURES = 600
"""For each of the two that write."""
READS = (
    ("search", "a brown horse", "--json", "--top", "5"),
    ("library", "--json"),
    ("history", "--json"),
    ("models", "--json"),
)
LIMIT_S = 300


def test_eight_that_read_and_two_that_write_do_not_disturb_each_other(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    one = noise_pictures(tmp_path / "one", PICTURES)
    two = noise_pictures(tmp_path / "two", PICTURES, side=164)
    assert run(home, "library").returncode == 0
    writers = [start(home, "index", str(folder)) for folder in (one, two)]
    answers: list[tuple[tuple[str, ...], subprocess.CompletedProcess[str]]] = []

    def read(number: int) -> None:
        arguments = READS[number % len(READS)]
        while any(writer.poll() is None for writer in writers):
            answers.append((arguments, run(home, *arguments)))

    readers = [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
    for reader in readers:
        reader.start()
    assert [writer.wait(LIMIT_S) for writer in writers] == [0, 0]
    for reader in readers:
        reader.join()
    assert len(answers) >= READERS
    for arguments, done in answers:
        assert done.returncode in (0, 1), (arguments, done.stderr)
        assert all(json.loads(line) for line in done.stdout.splitlines())
    # Every picture is there, and none twice, though both folders hold some that are the same.
    assert files_of(home, one) == files_of(home, two) == PICTURES
    [(doubles,)] = query(home, "select count(*) - count(distinct sha256) from pictures")
    assert doubles == 0
    assert damage(home) == []
    assert until(lambda: not processes(home), 3)


def test_two_indexes_of_one_folder_come_to_one_library(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    pictures = noise_pictures(tmp_path / "pictures", PICTURES)
    both = [start(home, "index", str(pictures)) for _ in range(2)]
    assert [each.wait(LIMIT_S) for each in both] == [0, 0]
    assert files_of(home, pictures) == PICTURES
    assert damage(home) == []
    jobs = query(home, "select id, state from jobs where kind = 'index'")
    assert sorted(state for _, state in jobs) == ["done", "done"]
    assert len({number for number, _ in jobs}) == 2


def test_first_starts_at_the_same_moment_make_one_cache(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    many = [
        subprocess.Popen(
            [*COMMAND, "library"],
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(READERS)
    ]
    said = [each.communicate(timeout=LIMIT_S) for each in many]
    assert [each.returncode for each in many] == [0] * READERS, said
    assert damage(home) == []
