"""A home folder whose library was imported: ten texts, forty pictures, no model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from click.testing import CliRunner, Result

from t2itui.cli.main import cli

WORDS = ("dog", "cat", "horse", "piano", *(f"thing {n}" for n in range(28)))
RunCli: TypeAlias = Callable[..., Result]


@pytest.fixture
def run_cli(tmp_path: Path) -> RunCli:
    """Runs `t2itui --home <temporary> ...` in this process."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--home", str(tmp_path / "home"), *arguments])

    return run


@pytest.fixture
def library(tmp_path: Path, run_cli: RunCli) -> RunCli:
    """`run_cli` over a library of eight dogs, eight cats, and horses that look like no word.

    Each text has an axis of its own; a picture of a word lies 0.08 towards it, which makes its
    match 0.99 at scale 100.
    """
    size = len(WORDS) + 40
    axes = np.eye(size, dtype=np.float32)
    names, vectors = [], []
    for number in range(40):
        own = axes[len(WORDS) + number]
        word = {0: 0, 1: 1}.get(number // 8)
        towards = 0.08 * axes[word] if word is not None else 0.0
        vectors.append(towards + 0.95 * own)
        names.append(f"{'dogs' if word == 0 else 'rest'}/{number:02}.jpg")
    np.savez(tmp_path / "p.npz", image=names, vector=np.array(vectors))
    np.savez(tmp_path / "t.npz", text=[f"a {word}" for word in WORDS], vector=axes[: len(WORDS)])
    done = run_cli(
        *("cache", "import", "--encoder", "some/clip", "--root", str(tmp_path)),
        *("--pictures", str(tmp_path / "p.npz"), "--texts", str(tmp_path / "t.npz")),
    )
    assert done.exit_code == 0, done.output
    return run_cli


def json_lines(result: Result) -> list[dict[str, object]]:
    """The JSON lines of a command's stdout."""
    return [json.loads(line) for line in result.stdout.splitlines()]
