"""The storybook as a person meets it first: a fresh home, no network, the encoder that ships."""

import json
import os
import subprocess
import sys
from pathlib import Path

from safetensors import safe_open

from engine.collections import BUILT_IN

NEW = "a cat standing on the beach at night"
"""A query whose vector does not ship."""


def search(home: Path, query: str, *options: str) -> list[dict[str, object]]:
    """The JSON lines of a search in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "t2itui", "search", query, "--json", *options],
        capture_output=True,
        text=True,
        env={**os.environ, "T2ITUI_HOME": str(home), "OMP_NUM_THREADS": "1"},
        timeout=300,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert "does not read" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_new_query_runs_the_shipped_model_once_and_then_the_cache_answers(
    tmp_path: Path,
) -> None:
    with safe_open(BUILT_IN.vectors, framework="numpy") as file:
        encoder_id = file.metadata()["encoder_id"]
    first, *rows = search(tmp_path / "home", NEW)
    assert (first["encoder"], first["considered"]) == (encoder_id, 600)
    assert not first["cached"]
    again, *rows_again = search(tmp_path / "home", NEW, "--offline")
    assert again == {**first, "cached": True}
    assert rows_again == rows
