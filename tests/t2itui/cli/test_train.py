"""`t2itui train` and the matchers of `t2itui models`, over an imported library."""

import sqlite3
from pathlib import Path

import pytest

from tests.engine.evaluation.libraries import ENCODER, write_data
from tests.engine.matchers import random_matcher
from tests.t2itui.cli.conftest import RunCli, json_lines

ONCE_MEANT = ("--drawn", "9000")
"""Scripts may still say so; it has no effect and is in no help."""


@pytest.fixture
def data(tmp_path: Path, run_cli: RunCli) -> str:
    """Captions whose vectors are imported."""
    captions = write_data(tmp_path)
    done = run_cli(
        *("cache", "import", "--encoder", ENCODER, "--root", str(tmp_path)),
        *("--pictures", str(tmp_path / "p.npz"), "--texts", str(tmp_path / "t.npz")),
    )
    assert done.exit_code == 0, done.output
    return str(captions)


def test_a_matcher_is_trained_listed_and_written(
    data: str, run_cli: RunCli, tmp_path: Path
) -> None:
    out = tmp_path / "m.safetensors"
    options = ("--epochs", "0", "--hidden", "8", "--force", "--out", str(out))
    done = run_cli("train", data, "--json", *options, *ONCE_MEANT)
    assert done.exit_code == 0, done.output
    lines = json_lines(done)
    assert {line["type"] for line in lines} >= {"recall", "paired", "calibration", "matcher"}
    assert lines[-1]["kept"]
    assert lines[-1]["encoder"] == ENCODER
    assert bool(lines[-1]["shortfall"]) == (not lines[-1]["is_better"])
    sizes = [line for line in lines if line["type"] == "routing_by_size"]
    assert {(line["scorer"], line["queries"]) for line in sizes} == {
        ("label-free", "all"),
        ("match", "all"),
    }, "captions of pictures that are held out are unseen, all of them"
    assert "routing" in {line["measure"] for line in lines if line["type"] == "paired"}
    (listed,) = (each for each in json_lines(run_cli("models", "--json")) if "in_force" in each)
    assert listed["id"] == lines[-1]["id"]
    assert str(listed["summary"]).startswith("mAP ")
    again = run_cli("models", "import", str(out))
    assert again.exit_code == 0, again.output
    assert "in force" in run_cli("models").stdout


def test_matchers_are_exported_and_imported(data: str, run_cli: RunCli, tmp_path: Path) -> None:
    source, target = tmp_path / "in.safetensors", tmp_path / "out.safetensors"
    source.write_bytes(random_matcher(ENCODER, 48))
    assert run_cli("models", "import", str(source)).exit_code == 0
    assert run_cli("models", "export", "1", str(target)).exit_code == 0
    assert target.read_bytes() == source.read_bytes()
    assert run_cli("models", "export", "9", str(target)).exit_code == 2
    source.write_bytes(b"nothing of the kind")
    assert run_cli("models", "import", str(source)).exit_code == 3


def planted(home: Path, weights: bytes, report: str = "{}") -> None:
    """Put a matcher into the cache, unchecked, as an earlier version did."""
    with sqlite3.connect(home / "cache.sqlite3") as db:
        db.execute(
            "insert into matchers (encoder_id, created_at, weights, report) values (?, 0, ?, ?)",
            [ENCODER, weights, report],
        )
    db.close()


@pytest.mark.parametrize(
    ("report", "reason"),
    [('{"version": 1}', "incomplete"), ("[" * 9999, "nested"), ('{"x": NaN}', "NaN")],
    ids=range(3),
)
def test_a_matcher_with_a_damaged_report_is_not_kept(
    data: str, run_cli: RunCli, tmp_path: Path, report: str, reason: str
) -> None:
    source = tmp_path / "in.safetensors"
    source.write_bytes(random_matcher(ENCODER, 48, report=report))
    done = run_cli("models", "import", str(source))
    assert done.exit_code == 3
    assert reason in done.stderr
    assert not any("in_force" in line for line in json_lines(run_cli("models", "--json")))


@pytest.mark.parametrize(
    ("weights", "report", "reason"),
    [
        (b"", "{}", "0 bytes"),
        (random_matcher(ENCODER, 48), '{"version": 1}', "incomplete"),
        (random_matcher(ENCODER, 48, report="["), "{}", "no JSON"),
        (random_matcher("other", 48), "{}", "trained for other"),
    ],
    ids=range(4),
)
def test_what_was_kept_wrongly_once_is_listed_and_removed(
    data: str, run_cli: RunCli, tmp_path: Path, weights: bytes, report: str, reason: str
) -> None:
    planted(tmp_path / "home", weights, report)
    shown = run_cli("models")
    assert shown.exit_code == 0, shown.output
    assert "unreadable: " in shown.stdout
    assert "t2itui models remove 1" in shown.stderr
    (line,) = (each for each in json_lines(run_cli("models", "--json")) if "in_force" in each)
    assert reason in str(line["unreadable"])
    assert run_cli("models", "remove", "1").exit_code == 0
    assert "unreadable" not in run_cli("models").stdout


def test_data_that_is_not_there_is_refused(run_cli: RunCli) -> None:
    done = run_cli("train", "none.token", "--json")
    assert done.exit_code == 2
    (line,) = json_lines(done)
    assert line["error"] == "RequestError"
    assert "no file or folder" in str(line["message"])
    assert run_cli("train").exit_code == 2
