"""Painting as a person does it in the shell: real processes, the storybook with its own models."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.collections import BUILT_IN
from tests.tiny_diffusion import save_tiny_diffusion

COMMAND = [sys.executable, "-m", "t2itui"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion of random weights in diffusers' layout."""
    return save_tiny_diffusion(tmp_path_factory.mktemp("models") / "tiny-painter")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home folder of its own, the same for the whole module."""
    home = tmp_path_factory.mktemp("home")
    return {**os.environ, "T2ITUI_HOME": str(home), "OMP_NUM_THREADS": "1"}


def lines_of(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("query", ["a purple elephant in the snow", "雪地里的一只紫色大象"])
def test_what_the_storybook_lacks_its_own_painter_paints_and_the_next_search_finds(
    query: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "T2ITUI_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}

    def run(*arguments: str) -> list[dict[str, object]]:
        done = subprocess.run(
            [*COMMAND, *arguments, "--json"],
            capture_output=True,
            text=True,
            env=environment,
            timeout=300,
            check=False,
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return lines_of(done.stdout)

    events = run("search", query, "--generate", "now", "--top", "3")
    assert (events[0]["type"], events[0]["route"]) == ("receipt", "generate")
    kinds = [event["type"] for event in events]
    assert [kind for kind in dict.fromkeys(kinds) if kind not in ("loading", "note")] == [
        "receipt",
        "result",
        "queued",
        "started",
        "step",
        "preview",
        "decoding",
        "library_changed",
        "kept",
        "progress",
        "scored",
        "finished",
    ]
    end = events[-1]
    assert isinstance(end["match"], float) and isinstance(end["cosine"], float)
    assert Path(str(end["path"])).is_file()

    # Nothing else in the storybook is a purple elephant.
    best = next(line for line in run("search", query) if line["type"] == "result")
    assert (best["path"], best["synthetic"]) == (end["path"], True)
    assert (best["cosine"], best["match"]) == (end["cosine"], end["match"])
    for request in (("generate", query), ("generate", "--from", str(end["path"]))):
        again = run(*request)[-1]
        assert (again["cached"], again["path"]) == (True, end["path"])


def test_the_first_ctrl_c_cancels_and_leaves_no_process(
    model: Path, environment: dict[str, str]
) -> None:
    arguments = ["generate", "x", "--model", str(model), "--steps", "500", "--json"]
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, env=environment, text=True
    ) as program:
        assert program.stdout is not None
        seen = []
        for line in program.stdout:
            seen.append(json.loads(line))
            if seen[-1]["type"] == "step":
                program.send_signal(signal.SIGINT)
                break
        rest = lines_of(program.stdout.read())
        program.wait(timeout=60)
    assert program.returncode == 130
    (cancelled,) = [event for event in rest if event["type"] == "cancelled"]
    assert isinstance(cancelled["ms"], int)
    assert not [event for event in rest if event["type"] in ("kept", "finished", "error")]


def test_what_a_word_names_is_painted_anew_and_all_else_stays(tmp_path: Path) -> None:
    environment = {**os.environ, "T2ITUI_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}

    def run(*arguments: str) -> tuple[int, dict[str, object]]:
        words = ("generate", "--start", "storybook/0006.webp", "--seed", "3", "--json", *arguments)
        done = subprocess.run(
            [*COMMAND, *words],
            capture_output=True,
            text=True,
            env=environment,
            timeout=300,
            check=False,
        )
        return done.returncode, lines_of(done.stdout)[-1]

    prompt = "a pink cat running in the meadow on a sunny day beside a ball"
    code, end = run(prompt, "--mask-word", "dog", "--mask-feather", "6")
    assert (code, end["type"]) == (0, "finished")
    pictures = end["pictures"]
    assert isinstance(pictures, list)
    picture = pictures[0]
    start = BUILT_IN.folder / "0006.webp"
    assert picture["start"] == str(start)
    assert picture["match_before"] < 0.5, "there is a dog in it, and no cat"
    assert abs(picture["match"] - picture["match_before"]) > 0.01
    assert abs(picture["cosine"] - picture["cosine_before"]) > 0.01
    with Image.open(start) as old, Image.open(picture["path"]) as new:
        before, after = (np.asarray(each.convert("RGB"), np.int16) for each in (old, new))
    apart = np.abs(after - before).max(axis=2)
    changed = apart > 2
    rows, columns = np.nonzero(changed)
    height, width = changed.shape
    # The dog stands in the lower half, as its strengths say: at the most a patch beyond it changes.
    assert rows.min() > height // 3 and 0.05 < changed.mean() < 0.5
    assert (apart[: height // 3] == 0).all(), "beyond the mask it is the same to the last bit"
    assert columns.min() > 0 and apart[: height // 3].size > width

    code, end = run(prompt, "--mask-word", "car")
    assert (code, end["type"]) == (2, "error")
    assert "'car' is nowhere in 0006.webp" in str(end["message"])
