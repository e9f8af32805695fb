"""The program as a person runs it: processes, signals, pipes, and a small real encoder."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from PIL import Image

from tests.tiny_models import save_tiny_clip

COMMAND = [sys.executable, "-m", "t2itui"]
Run: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of random weights in Hugging Face's format."""
    return save_tiny_clip(tmp_path_factory.mktemp("models") / "tiny-clip")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve small pictures and a file that is none."""
    root = tmp_path / "photos"
    root.mkdir()
    noise = np.random.default_rng(1).integers(0, 256, (12, 24, 24, 3), dtype=np.uint8)
    for number, pixels in enumerate(noise):
        Image.fromarray(pixels).save(root / f"{number:02}.png")
    (root / "broken.jpg").write_bytes(b"\xff\xd8 this is no picture")
    return root


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the program with a home folder of its own."""

    def run_program(*arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, "T2ITUI_HOME": str(tmp_path / "home")}
        return subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            text=True,
            env=environment,
            timeout=120,
            check=False,
        )

    return run_program


def test_a_folder_is_indexed_searched_and_searched_again_without_the_model(
    run: Run, photos: Path, encoder: Path
) -> None:
    indexed = run("index", str(photos), "--encoder", str(encoder))
    assert indexed.returncode == 0, indexed.stderr
    assert "12" in indexed.stdout

    first = run("search", "a dog in the snow", "--json")
    receipt, *rows = map(json.loads, first.stdout.splitlines())
    assert receipt["considered"] == 12
    assert not receipt["cached"]
    assert {Path(row["path"]).parent for row in rows} == {photos}

    again = run("search", "a dog in the snow", "--offline", "--json")
    receipt_again, *rows_again = map(json.loads, again.stdout.splitlines())
    assert receipt_again == {**receipt, "cached": True}
    assert rows_again == rows

    failures = run("library", "--failures")
    assert "broken.jpg" in failures.stdout
    assert failures.returncode == 0

    second = run("index", str(photos), "--encoder", str(encoder))
    assert second.returncode == 0
    models = run("models", "--json")
    listed = [json.loads(line) for line in models.stdout.splitlines()]
    assert [model["indexed"] for model in listed if "tiny-clip" in model["id"]] == [12]


def test_an_encoder_that_is_not_here_is_named_with_the_command_that_fetches_it(
    run: Run, photos: Path
) -> None:
    result = run("index", str(photos), "--encoder", "openai/clip-vit-base-patch32")
    assert result.returncode == 3
    assert "t2itui models get openai/clip-vit-base-patch32" in result.stderr
    assert "Traceback" not in result.stderr


def test_ctrl_c_cancels_an_index_with_exit_code_130_and_keeps_what_was_done(
    run: Run, tmp_path: Path, photos: Path, encoder: Path
) -> None:
    process = subprocess.Popen(
        [*COMMAND, "index", str(photos), "--encoder", str(encoder), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "T2ITUI_HOME": str(tmp_path / "home")},
    )
    assert process.stdout is not None
    events = [json.loads(process.stdout.readline())]
    while events[-1]["type"] != "progress":
        events.append(json.loads(process.stdout.readline()))
    process.send_signal(signal.SIGINT)
    rest, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert json.loads(rest.splitlines()[-1])["type"] == "cancelled"
    assert "Traceback" not in said

    assert run("index", str(photos), "--encoder", str(encoder)).returncode == 0
    assert "12 pictures" in run("library").stdout


def test_a_reader_that_has_enough_causes_no_traceback(
    tmp_path: Path, run: Run, photos: Path, encoder: Path
) -> None:
    run("index", str(photos), "--encoder", str(encoder))
    process = subprocess.Popen(
        [*COMMAND, "search", "a dog", "--top", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "T2ITUI_HOME": str(tmp_path / "home")},
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        said = process.stderr.read()
    process.wait(timeout=60)
    assert "Traceback" not in said
    assert "Error" not in said


def test_doctor_names_every_check_and_what_to_do(run: Run) -> None:
    result = run("doctor", "--json")
    checks = {line["name"]: line for line in map(json.loads, result.stdout.splitlines())}
    assert set(checks) == {"terminal", "python", "disk", "cache", "models", "device"}
    assert checks["models"]["state"] == "warning"
    assert "t2itui models get" in checks["models"]["hint"]
    assert "cpu" in checks["device"]["message"] or "cuda" in checks["device"]["message"]


def test_doctor_examines_the_rest_where_the_cache_is_damaged(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "cache.sqlite3").write_bytes(b"no database" * 2000)
    result = run("doctor", "--json")
    checks = {line["name"]: line for line in map(json.loads, result.stdout.splitlines())}
    assert result.returncode == 3
    assert checks["cache"]["state"] == "error"
    assert checks["cache"]["hint"]
    assert checks["disk"]["state"] != "error"
    assert "Traceback" not in result.stderr


def test_settings_that_make_no_sense_are_wrong_usage(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "settings.toml").write_text("threshold = 7")
    result = run("search", "a dog")
    assert result.returncode == 2
    assert "threshold must lie between 0 and 1" in result.stderr
